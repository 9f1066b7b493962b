// The dialogue over the cable, as docs/provisioning.md has it, and the settings that it leaves.
#include "core/console.h"
#include "core/counters.h"
#include "core/eeprom_map.h"
#include "core/knock.h"
#include "core/life.h"

#include "fake_board.h"

#include <doctest.h>
#include <string>

using namespace unolink;

namespace {

const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

class Cable {
  public:
    Cable() {
        this_life = {5, {1, 2, 3, 4}};
        console_.begin(9, 0);
        Settings::begin();
        if (!Settings::complete()) {
            Settings::begin_draft();
        }
    }

    // What the console answers to `line`.
    std::string ask(const std::string& line) {
        fake_board.console.clear();
        for (const char byte : line + "\n") {
            console_.receive(static_cast<uint8_t>(byte), now_ms);
        }
        return fake_board.console;
    }

    bool restarts() const { return console_.restart_asked(now_ms); }

    uint32_t now_ms = 0;

  private:
    Console console_ = {};
};

const std::string OK = "ok\r\n";

// Sets everything that must be set.
void set_up(Cable& cable) {
    for (const std::string line : {"wifi-ssid my network", "wifi-password correct horse",
                                   "server-host 192.168.1.10", "device uno-7f3a"}) {
        CHECK(cable.ask("set " + line) == OK);
    }
    CHECK(cable.ask(std::string("set key ") + KEY) == OK);
    CHECK(cable.ask("save") == OK);
}

const std::string SHOWN = "wifi-ssid my network\r\nwifi-password ********\r\nserver-host 192.168.1.10\r\n"
                          "server-port 8080\r\ndevice uno-7f3a\r\nkey check IWRiW1if\r\ninterval-ms 10000\r\n"
                          "channels a0,a1\r\nok\r\n";

struct Bad {
    const char* setting;
    const char* wanted;
};

const Bad BAD[] = {
    {"wifi-ssid 123456789012345678901234567890123", "1 to 32 bytes"},
    {"wifi-password 1234567", "8 to 64 bytes"},
    {"wifi-password 12345678901234567890123456789012345678901234567890123456789012345", "8 to 64 bytes"},
    {"server-host a b", "1 to 64 of A-Z a-z 0-9 . -"},
    {"server-host a_b", "1 to 64 of A-Z a-z 0-9 . -"},
    {"server-host  a", "1 to 64 of A-Z a-z 0-9 . -"},
    {"server-host 12345678901234567890123456789012345678901234567890123456789012345",
     "1 to 64 of A-Z a-z 0-9 . -"},
    {"server-port 0", "1 to 65535"},
    {"server-port 65536", "1 to 65535"},
    {"server-port 4294967297", "1 to 65535"},
    {"server-port 80x", "1 to 65535"},
    {"server-port -1", "1 to 65535"},
    {"device uno 1", "1 to 32 of A-Z a-z 0-9 . _ -"},
    {"device uno\"", "1 to 32 of A-Z a-z 0-9 . _ -"},
    {"device 123456789012345678901234567890123", "1 to 32 of A-Z a-z 0-9 . _ -"},
    {"key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh", "43 characters of base64url"},
    {"key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "43 characters of base64url"},
    {"key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "43 characters of base64url"},
    {"key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH+8", "43 characters of base64url"},
    {"interval-ms 99", "100 to 86400000"},
    {"interval-ms 86400001", "100 to 86400000"},
    {"channels a0,", "channels with commas between"},
    {"channels a9", "channels with commas between"},
    {"channels a0 a1", "channels with commas between"},
    {"channels a", "channels with commas between"},
};

} // namespace

TEST_CASE("a fresh node shows its defaults, says what is missing, and takes it") {
    fake_eeprom.erase();
    Cable cable;
    CHECK(cable.ask("show") ==
          "wifi-ssid\r\nwifi-password\r\nserver-host\r\nserver-port 8080\r\ndevice\r\nkey\r\n"
          "interval-ms 10000\r\nchannels a0,a1\r\nok\r\n");
    CHECK(cable.ask("save") == "error incomplete: wifi-ssid server-host device key\r\n");
    fake_board.console.clear();
    Console::complain();
    CHECK(fake_board.console ==
          "\r\nunolink: not set up: wifi-ssid server-host device key missing; send !unolink\r\n");
    set_up(cable);
    CHECK(cable.ask("show") == SHOWN);
    Settings::begin();
    CHECK(Settings::complete());
}

TEST_CASE("a bad value gets what a value may be, and changes nothing") {
    fake_eeprom.erase();
    Cable cable;
    set_up(cable);
    for (const Bad& row : BAD) {
        CAPTURE(row.setting);
        CHECK(cable.ask(std::string("set ") + row.setting) ==
              std::string("error bad value: ") + row.wanted + "\r\n");
    }
    CHECK(cable.ask("show") == SHOWN);
}

TEST_CASE("a good value is taken as it is") {
    const char* const good[] = {"wifi-ssid  x ",
                                "wifi-ssid \xe2\x82\xac,\"\\",
                                "server-port 1",
                                "server-port 65535",
                                "interval-ms 100",
                                "interval-ms 86400000",
                                "channels a5,temp_c,humidity_pc,a0_mv",
                                "device A.b_c-9",
                                "server-host 10.0.0.1"};
    fake_eeprom.erase();
    Cable cable;
    for (const char* const line : good) {
        CHECK(cable.ask(std::string("set ") + line) == OK);
        if (std::string(line) == "channels a5,temp_c,humidity_pc,a0_mv") {
            CHECK(cable.ask("show").find("\r\nchannels a5,a0_mv,temp_c,humidity_pc\r\n") !=
                  std::string::npos);
        } else {
            CHECK(("\r\n" + cable.ask("show")).find("\r\n" + std::string(line) + "\r\n") !=
                  std::string::npos);
        }
    }
}

TEST_CASE("without a value a setting goes, or gets its default back") {
    fake_eeprom.erase();
    Cable cable;
    set_up(cable);
    CHECK(cable.ask("set server-port 99") == OK);
    CHECK(cable.ask("set server-port") == OK);
    CHECK(cable.ask("show") == SHOWN);
    CHECK(cable.ask("set wifi-password") == OK);
    CHECK(cable.ask("save") == OK); // an open network
    CHECK(cable.ask("set key ") == OK);
    CHECK(cable.ask("save") == "error incomplete: key\r\n");
}

TEST_CASE("neither key nor password is ever said") {
    fake_eeprom.erase();
    Cable cable;
    set_up(cable);
    std::string said;
    for (const std::string line : {"show", "status", "help", "save", "!unolink", "set key", "show"}) {
        said += cable.ask(line);
    }
    CHECK(said.find("correct") == std::string::npos);
    CHECK(said.find("AAEC") == std::string::npos);
    CHECK(said.find(std::string("\0\1\2", 3)) == std::string::npos); // nor as it lies in the EEPROM
}

TEST_CASE("lines: any line end, nothing for none, and an end to their length") {
    fake_eeprom.erase();
    Cable cable;
    CHECK(cable.ask("\r\n\n\r") == "");
    CHECK(cable.ask("!unolink") == "\r\nunolink console 1\r\nok\r\n");
    CHECK(cable.ask(std::string(101, 'x')) == "error line too long\r\n");
    CHECK(cable.ask(std::string(5000, 'x')) == "error line too long\r\n");
    CHECK(cable.ask(std::string(100, 'x')) == "error unknown command; send help\r\n");
    CHECK(cable.ask("set " + std::string(96, 'x')) == "error unknown setting; send show\r\n");
    for (const std::string line : {"foo", "sho", "shows", "help me", "reset", " show", "SHOW", "\xff\x80"}) {
        CHECK(cable.ask(line) == "error unknown command; send help\r\n");
    }
    for (const std::string line :
         {"set", "set ", "set foo 1", "set  device x", "set devic x", "set devices x"}) {
        CHECK(cable.ask(line) == "error unknown setting; send show\r\n");
    }
    cable.ask("1234device x"); // is no part of the next line
    CHECK(cable.ask("set") == "error unknown setting; send show\r\n");
    CHECK(cable.ask("help") == "help show set save status restart factory-reset\r\nok\r\n");
}

TEST_CASE("the counters by their names") {
    fake_eeprom.erase();
    Cable cable;
    for (uint8_t i = 0; i < COUNTER_COUNT; ++i) {
        unolink_counters[i] = i + 1U;
    }
    CHECK(
        cable.ask("status") ==
        "boot 5\r\nwaiting 9\r\nresets_power 1\r\nresets_pin 2\r\nresets_brownout 3\r\nresets_watchdog 4\r\n"
        "at_errors 7\r\nmodem_resets 6\r\nretries 5\r\nlost 4\r\nrejected 3\r\nstack_free 600\r\nok\r\n");
}

TEST_CASE("a restart is asked for by a line, or by five minutes without one") {
    fake_eeprom.erase();
    Cable cable;
    cable.now_ms = 200000;
    CHECK(cable.ask("status").find(OK) != std::string::npos);
    cable.now_ms += Console::IDLE_LIMIT_MS - 1;
    CHECK_FALSE(cable.restarts());
    cable.now_ms += 1;
    CHECK(cable.restarts());
    Cable other;
    CHECK(other.ask("restart") == OK);
    CHECK(other.restarts());
}

TEST_CASE("a power cut at any write of a change leaves the old settings or the new") {
    fake_eeprom.erase();
    {
        Cable cable;
        set_up(cable);
    }
    std::string wrong;
    for (int generation = 0; generation < 3; ++generation) { // into either slot
        const std::string old_shown = Cable().ask("show");
        const std::string port = std::to_string(9000 + generation);
        std::string new_shown = old_shown;
        new_shown.replace(new_shown.find("server-port ") + 12, 4, port);
        at_every_power_cut(
            [&] {
                Cable cable;
                cable.ask("set server-port " + port);
                cable.ask("save");
            },
            [&](bool finished) {
                Settings::begin();
                const std::string shown = Cable().ask("show");
                const bool right = shown == new_shown || (!finished && shown == old_shown);
                wrong += right && Settings::complete() ? "" : shown;
            });
    }
    CHECK(wrong == "");
}

TEST_CASE("a power cut at any write of a factory reset leaves the settings or none, and never older ones") {
    fake_eeprom.erase();
    {
        Cable cable;
        set_up(cable);
        cable.ask("set server-port 9000");
        cable.ask("save");
    }
    std::string wrong;
    at_every_power_cut([] { Cable().ask("factory-reset"); },
                       [&](bool finished) {
                           Settings::begin();
                           if (Settings::complete()) {
                               wrong += finished || Settings::number(Setting::ServerPort) != 9000 ? "!" : "";
                           }
                       });
    CHECK(wrong == "");
    Cable cable;
    CHECK(cable.ask("save").find("error incomplete") == 0);
}

TEST_CASE("another device or other channels give up what waits; other changes do not") {
    struct Row {
        const char* change;
        bool gives_up;
    };
    for (const Row& row : {Row{"device other", true}, Row{"channels a0", true}, Row{"device uno-7f3", true},
                           Row{"server-port 1", false}, Row{"device uno-7f3a", false}}) {
        CAPTURE(row.change);
        fake_eeprom.erase();
        Cable cable;
        set_up(cable);
        fake_eeprom.bytes[600] = 0x55; // in the journal
        CHECK(cable.ask(std::string("set ") + row.change) == OK);
        CHECK(fake_eeprom.bytes[600] == 0x55);
        CHECK(cable.ask("save") == OK);
        CHECK((fake_eeprom.bytes[600] == 0xFF) == row.gives_up);
    }
    fake_eeprom.erase();
    fake_eeprom.bytes[600] = 0x55;
    Cable cable;
    set_up(cable); // there were none before that it could belong to
    CHECK(fake_eeprom.bytes[600] == 0x55);
}

TEST_CASE("a damaged byte never gives settings that nobody has saved") {
    fake_eeprom.erase();
    Cable cable;
    set_up(cable);
    cable.ask("set server-port 9000");
    cable.ask("save"); // into the second slot; the first one has the settings before
    const FakeEeprom sound = fake_eeprom;
    std::string wrong;
    for (uint16_t address = SETTINGS_ADDRESS; address < SETTINGS_ADDRESS + 2 * SETTINGS_SLOT_BYTES;
         ++address) {
        for (int bit = 0; bit < 8; ++bit) {
            fake_eeprom = sound;
            fake_eeprom.bytes[address] ^= static_cast<uint8_t>(1 << bit);
            Settings::begin();
            std::string shown = Cable().ask("show");
            const bool former = address >= SETTINGS_ADDRESS + SETTINGS_SLOT_BYTES;
            const size_t port = shown.find("server-port ") + 12;
            const bool right = Settings::complete() &&
                               shown.compare(port, 4, former ? "8080" : "9000") == 0 &&
                               shown.replace(port, 4, "8080") == SHOWN;
            wrong += right ? "" : std::to_string(address) + " ";
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("an EEPROM that keeps nothing is reported") {
    fake_eeprom.erase();
    Cable cable;
    set_up(cable);
    cable.ask("set server-port 9000");
    fake_eeprom.worn_out = true;
    CHECK(cable.ask("save") == "error memory: the EEPROM is worn out\r\n");
}

TEST_CASE("only the whole line knocks") {
    struct Row {
        const char* bytes;
        int knocks;
    };
    for (const Row& row :
         {Row{"!unolink\n", 1}, Row{"\r\n!unolink\r\n", 1}, Row{"!unolink", 0}, Row{"x!unolink\n", 0},
          Row{"!unolink \n", 0}, Row{"!unolin\n", 0}, Row{"!unolinkk\n", 0}, Row{"!uno!unolink\n", 0},
          Row{"!unolink\r!unolink\r", 2}, Row{"\xff\x80!unolink\n!unolink\n", 1}}) {
        CAPTURE(row.bytes);
        Knock knock = {};
        int knocks = 0;
        for (const char* byte = row.bytes; *byte != '\0'; ++byte) {
            knocks += knock.feed(static_cast<uint8_t>(*byte)) ? 1 : 0;
        }
        CHECK(knocks == row.knocks);
    }
}
