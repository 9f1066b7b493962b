// The boot number rises whatever the EEPROM goes through.
#include "core/boot_counter.h"

#include "fake_eeprom.h"

#include <doctest.h>
#include <string>

using unolink::Err;
using unolink::raise_boot_counter;

namespace {

uint32_t raised() {
    uint32_t boot = 0;
    if (raise_boot_counter(boot) != Err::None) {
        FAIL("the boot number was not stored");
    }
    return boot;
}

} // namespace

TEST_CASE("an erased EEPROM starts at 1, and each start counts one more") {
    fake_eeprom.erase();
    std::string wrong;
    for (uint32_t expected = 1; expected <= 300; ++expected) {
        wrong += raised() == expected ? "" : std::to_string(expected) + " ";
    }
    CHECK(wrong == "");
}

TEST_CASE("a power cut at any write, leaving any value behind, neither repeats a number nor goes back") {
    std::string wrong;
    for (const int starts_before : {0, 1, 2, 254, 255, 256}) { // also across the carry into the second byte
        fake_eeprom.erase();
        uint32_t last_used = 0;
        for (int start = 0; start < starts_before; ++start) {
            last_used = raised();
        }
        const FakeEeprom before = fake_eeprom;
        for (int cut_at = 0; cut_at < 6; ++cut_at) {
            for (int torn_value = 0; torn_value < 256; ++torn_value) {
                fake_eeprom = before;
                fake_eeprom.writes_until_cut = cut_at;
                fake_eeprom.torn_value = static_cast<uint8_t>(torn_value);
                uint32_t used = last_used;
                try {
                    used = raised(); // equal bytes are not written, so there may be fewer writes than that
                } catch (const PowerCut&) {
                }
                fake_eeprom.writes_until_cut = -1;
                if (raised() <= used) {
                    wrong += std::to_string(cut_at) + "/" + std::to_string(torn_value) + " ";
                }
            }
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("a damaged slot costs at most the number that it held") {
    for (uint16_t address = 0; address < 16; ++address) {
        CAPTURE(address);
        fake_eeprom.erase();
        raised();
        raised();
        const uint32_t last_used = raised();
        fake_eeprom.bytes[address] ^= 0x10;
        CHECK(raised() >= last_used);
    }
}

TEST_CASE("an EEPROM that keeps nothing is reported") {
    fake_eeprom.erase();
    fake_eeprom.worn_out = true;
    uint32_t boot = 0;
    CHECK(raise_boot_counter(boot) == Err::Corrupt);
    CHECK(boot == 0);
}
