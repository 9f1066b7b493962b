// Readings in RAM and in EEPROM: their order, what is given up, and what a power cut leaves.
#include "core/backlog.h"
#include "core/eeprom_map.h"
#include "core/life.h"

#include "fake_board.h"

#include <doctest.h>
#include <string>

using unolink::ChannelMask;
using unolink::Journal;
using unolink::Reading;

namespace {

// In the life `boot`, with these channels.
struct Backlog : unolink::Backlog {
    Backlog(uint32_t boot, ChannelMask channels) : unolink::Backlog() {
        unolink::this_life.boot = boot;
        unolink::use_channels(channels);
        begin();
    }
};

constexpr ChannelMask A0_AND_A1 = 3;
constexpr uint32_t BOOT = 7;
constexpr int RING = 16;
constexpr int JOURNAL = 25;    // with two channels
constexpr int SLOT_BYTES = 19; // with its CRC and the byte that makes it count

Reading reading(uint32_t seq, uint32_t at_ms = 0) {
    return {BOOT, seq, at_ms, {static_cast<int16_t>(seq), static_cast<int16_t>(-seq)}};
}

// `boot/seq` of all readings, each checked to be whole.
std::string content(Backlog& backlog) {
    std::string text;
    for (uint8_t i = 0; i < backlog.size(); ++i) {
        Reading found;
        const bool whole = backlog.get(i, found) && found.values[0] == static_cast<int16_t>(found.seq) &&
                           found.values[1] == static_cast<int16_t>(-found.seq);
        text += whole ? std::to_string(found.boot) + "/" + std::to_string(found.seq) + " " : "? ";
    }
    return text;
}

std::string sequence(uint32_t from, uint32_t to, uint32_t boot = BOOT) {
    std::string text;
    for (uint32_t seq = from; seq <= to; ++seq) {
        text += std::to_string(boot) + "/" + std::to_string(seq) + " ";
    }
    return text;
}

// Lets the backlog do all that it has to do at `now_ms`.
void settle(Backlog& backlog, uint32_t now_ms) {
    for (int round = 0; round < 2000; ++round) {
        backlog.poll(now_ms);
    }
}

} // namespace

TEST_CASE("readings stay in RAM while they are young, and no byte of EEPROM is written") {
    fake_eeprom.erase();
    Backlog backlog(BOOT, A0_AND_A1);
    for (uint32_t seq = 0; seq < RING - 2; ++seq) {
        CHECK(backlog.push(reading(seq), false));
        settle(backlog, Backlog::SPILL_AFTER_MS - 1);
    }
    CHECK(fake_eeprom.writes == 0);
    CHECK(content(backlog) == sequence(0, RING - 3));
}

TEST_CASE("a reading that has waited for long moves to the EEPROM, in order, and outlives the power") {
    fake_eeprom.erase();
    Backlog backlog(BOOT, A0_AND_A1);
    for (uint32_t seq = 0; seq < 5; ++seq) {
        backlog.push(reading(seq, seq * 1000), false);
    }
    settle(backlog, Backlog::SPILL_AFTER_MS + 2000); // three of them are that old
    CHECK(content(backlog) == sequence(0, 4));
    Backlog later(BOOT + 1, A0_AND_A1);
    CHECK(content(later) == sequence(0, 2));
}

TEST_CASE("a full ring spills, a full journal takes no more, and then the oldest in RAM is given up") {
    fake_eeprom.erase();
    Backlog backlog(BOOT, A0_AND_A1);
    int lost = 0;
    for (uint32_t seq = 0; seq < 100; ++seq) {
        lost += backlog.push(reading(seq), false) ? 0 : 1;
        settle(backlog, 0);
    }
    CHECK(backlog.size() == JOURNAL + RING);
    CHECK(lost == 100 - JOURNAL - RING);
    CHECK(content(backlog) == sequence(0, JOURNAL - 1) + sequence(100 - RING, 99));
    const unsigned long writes = fake_eeprom.writes;
    for (uint32_t seq = 100; seq < 1000; ++seq) {
        backlog.push(reading(seq), false);
        settle(backlog, 0);
    }
    CHECK(fake_eeprom.writes == writes); // a long outage does not wear it
}

TEST_CASE("nothing that a request may be made of is given up") {
    fake_eeprom.erase();
    Backlog backlog(BOOT, A0_AND_A1);
    for (uint32_t seq = 0; seq < 60; ++seq) {
        backlog.push(reading(seq), false);
        settle(backlog, 0);
    }
    const std::string before = content(backlog);
    CHECK_FALSE(backlog.push(reading(60), true));
    CHECK(content(backlog) == before);
}

TEST_CASE("what is forgotten stays forgotten, and the next ones take the next places") {
    fake_eeprom.erase();
    uint32_t next_seq = 0;
    uint32_t oldest = 0;
    for (uint32_t life = 0; life < 40; ++life) { // many times round the journal
        Backlog backlog(BOOT, A0_AND_A1);
        CHECK(content(backlog) == (next_seq == oldest ? "" : sequence(oldest, next_seq - 1)));
        for (int i = 0; i < 9; ++i) {
            backlog.push(reading(next_seq++), false);
        }
        backlog.save_all();
        for (int i = 0; i < 8 && life % 3 > 0; ++i) {
            backlog.pop();
            ++oldest;
        }
        while (backlog.size() > 14) {
            backlog.pop();
            ++oldest;
        }
    }
}

TEST_CASE("a reading that is acknowledged while it moves is in neither place") {
    fake_eeprom.erase();
    Backlog backlog(BOOT, A0_AND_A1);
    backlog.push(reading(0), false);
    backlog.push(reading(1), false);
    for (int step = 0; step < 5; ++step) {
        backlog.poll(Backlog::SPILL_AFTER_MS);
    }
    backlog.pop();
    for (int step = 0; step < SLOT_BYTES; ++step) { // none of what was written for the other one stays
        CHECK(Backlog(BOOT + 1, A0_AND_A1).size() == 0);
        unolink::this_life.boot = BOOT;
        backlog.poll(Backlog::SPILL_AFTER_MS);
    }
    CHECK(content(backlog) == sequence(1, 1));
    Backlog later(BOOT + 1, A0_AND_A1);
    CHECK(content(later) == sequence(1, 1));
}

TEST_CASE("a power cut at any write of a move or a forgetting leaves whole readings, in order") {
    std::string wrong;
    for (const int in_journal : {0, 1, 12, JOURNAL - 1}) {
        fake_eeprom.erase();
        {
            Backlog backlog(BOOT, A0_AND_A1);
            for (int i = 0; i < 30; ++i) { // so that places wear old readings
                backlog.push(reading(static_cast<uint32_t>(i)), false);
                backlog.save_all();
                backlog.pop();
            }
            for (int i = 0; i < in_journal; ++i) {
                backlog.push(reading(static_cast<uint32_t>(100 + i)), false);
                backlog.save_all();
            }
        }
        const FakeEeprom before = fake_eeprom;
        const std::string old = in_journal == 0 ? "" : sequence(100, static_cast<uint32_t>(99 + in_journal));
        at_every_power_cut(
            [&] {
                Backlog backlog(BOOT, A0_AND_A1);
                backlog.push(reading(500), false);
                backlog.save_all();
            },
            [&](bool finished) {
                Backlog after(BOOT + 1, A0_AND_A1);
                const std::string found = content(after);
                const bool right = found == old + "7/500 " || (!finished && found == old);
                wrong += right ? "" : "move " + found + "; ";
            });
        fake_eeprom = before;
        if (in_journal > 0) {
            const std::string rest =
                in_journal == 1 ? "" : sequence(101, static_cast<uint32_t>(99 + in_journal));
            at_every_power_cut([&] { Backlog(BOOT, A0_AND_A1).pop(); },
                               [&](bool finished) {
                                   Backlog after(BOOT + 1, A0_AND_A1);
                                   const std::string found = content(after);
                                   wrong +=
                                       found == rest || (!finished && found == old) ? "" : "pop " + found;
                               });
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("one damaged byte costs at most one reading, and never gives a wrong one") {
    fake_eeprom.erase();
    {
        Backlog backlog(BOOT, A0_AND_A1);
        for (uint32_t seq = 0; seq < 10; ++seq) {
            backlog.push(reading(seq), false);
        }
        backlog.save_all();
    }
    const FakeEeprom before = fake_eeprom;
    std::string wrong;
    for (uint16_t address = unolink::JOURNAL_ADDRESS; address < unolink::EEPROM_BYTES; ++address) {
        fake_eeprom = before;
        fake_eeprom.bytes[address] ^= 0x04;
        Backlog backlog(BOOT + 1, A0_AND_A1);
        int whole = 0;
        for (uint8_t i = 0; i < backlog.size(); ++i) {
            Reading found;
            if (backlog.get(i, found)) {
                ++whole;
                wrong +=
                    found.values[0] == static_cast<int16_t>(found.seq) && found.boot == BOOT ? "" : "value ";
            }
        }
        wrong += whole >= 9 ? "" : std::to_string(address) + " ";
    }
    CHECK(wrong == "");
}

TEST_CASE("other channels find nothing in the journal") {
    fake_eeprom.erase();
    {
        Backlog backlog(BOOT, A0_AND_A1);
        backlog.push(reading(1), false);
        backlog.save_all();
    }
    for (const ChannelMask channels : {ChannelMask{1}, ChannelMask{5}, ChannelMask{0x3FFF}}) {
        CHECK(Backlog(BOOT + 1, channels).size() == 0);
    }
    CHECK(Backlog(BOOT + 1, A0_AND_A1).size() == 1);
    Journal::erase();
    CHECK(Backlog(BOOT + 1, A0_AND_A1).size() == 0);
}
