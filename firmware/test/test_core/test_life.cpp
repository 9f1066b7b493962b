// The boot number rises whatever the EEPROM goes through, and starts are counted by their cause.
#include "core/life.h"

#include "fake_board.h"

#include <doctest.h>
#include <string>

using hal::ResetCause;
using unolink::begin_life;
using unolink::Err;
using unolink::Life;
using unolink::this_life;

namespace {

Life begun(ResetCause cause = ResetCause::Power) {
    REQUIRE(begin_life(cause) == Err::None);
    return this_life;
}

} // namespace

TEST_CASE("an erased EEPROM starts at 1, and each start counts one more") {
    fake_eeprom.erase();
    std::string wrong;
    for (uint32_t expected = 1; expected <= 300; ++expected) {
        wrong += begun().boot == expected ? "" : std::to_string(expected) + " ";
    }
    CHECK(wrong == "");
}

TEST_CASE("starts are counted by their cause; one that was asked for is none") {
    fake_eeprom.erase();
    for (const ResetCause cause : {ResetCause::Power, ResetCause::Pin, ResetCause::Brownout,
                                   ResetCause::Watchdog, ResetCause::Asked, ResetCause::Watchdog}) {
        begun(cause);
    }
    const Life life = begun(ResetCause::Pin);
    std::string starts;
    for (const uint16_t count : life.starts) {
        starts += std::to_string(count) + " ";
    }
    CHECK(starts == "1 2 1 2 ");
    CHECK(life.boot == 7);
}

TEST_CASE("a power cut at any write neither repeats a number nor goes back, nor leaps ahead") {
    std::string wrong;
    for (const int starts_before : {0, 1, 2, 3, 4, 5, 254, 255, 256}) { // also across the carry
        fake_eeprom.erase();
        uint32_t last_used = 0;
        for (int start = 0; start < starts_before; ++start) {
            last_used = begun().boot;
        }
        uint32_t used = 0;
        at_every_power_cut(
            [&] {
                used = last_used;
                used = begin_life(ResetCause::Power) == Err::None ? this_life.boot : UINT32_MAX;
            },
            [&](bool) {
                const uint32_t next = begun().boot;
                const bool right = next > used && next <= last_used + 2; // the numbers must last
                wrong += right ? "" : std::to_string(starts_before) + " ";
            });
    }
    CHECK(wrong == "");
}

TEST_CASE("a damaged slot costs at most the number that it held") {
    for (uint16_t address = 0; address < 64; ++address) {
        CAPTURE(address);
        fake_eeprom.erase();
        for (int start = 0; start < 6; ++start) {
            begun();
        }
        const uint32_t last_used = begun().boot;
        fake_eeprom.bytes[address] ^= 0x10;
        const uint32_t next = begun().boot;
        CHECK(next >= last_used);
        CHECK(next <= last_used + 1);
    }
}

TEST_CASE("an EEPROM that keeps nothing is reported") {
    fake_eeprom.erase();
    fake_eeprom.worn_out = true;
    CHECK(begin_life(ResetCause::Power) == Err::Corrupt);
}
