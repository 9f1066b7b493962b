// The small parts: back-off, timer, sampler and sensors, texts, the LED.
#include "core/dht22.h"
#include "core/random.h"
#include "core/sampler.h"
#include "core/status_led.h"
#include "core/text_cursor.h"
#include "core/timer.h"
#include "uno/ring.h"

#include "fake_board.h"
#include "story.h"

#include <doctest.h>
#include <string>

using namespace unolink;

namespace {

std::string number(uint32_t value) {
    TextCursor cursor;
    cursor.load_number(value);
    return text_of(cursor);
}

std::string fixed(int16_t value, uint8_t decimals) {
    TextCursor cursor;
    cursor.load_fixed_point(value, decimals);
    return text_of(cursor);
}

std::string quoted(const std::string& text) {
    fake_eeprom.bytes[0] = static_cast<uint8_t>(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        fake_eeprom.bytes[1 + i] = static_cast<uint8_t>(text[i]);
    }
    TextCursor cursor;
    cursor.load_quoted({0});
    return text_of(cursor);
}

} // namespace

TEST_CASE("back-off doubles up to its limit, give or take a fifth, and begins again after a success") {
    random_begin(1);
    Backoff backoff = {};
    uint32_t middle_ms = 1000;
    bool jitters = false;
    for (int failure = 0; failure < 200; ++failure) {
        const uint32_t delay_ms = backoff.next_ms(1000 / Backoff::UNIT_MS, 300000 / Backoff::UNIT_MS);
        CHECK(delay_ms >= middle_ms - middle_ms / 5);
        CHECK(delay_ms <= middle_ms + middle_ms / 5);
        jitters = jitters || (delay_ms != middle_ms);
        middle_ms = middle_ms * 2 > 300000 ? 300000 : middle_ms * 2;
    }
    CHECK(jitters);
    CHECK(middle_ms == 300000);
    backoff.reset();
    CHECK(backoff.next_ms(1000 / Backoff::UNIT_MS, 300000 / Backoff::UNIT_MS) <= 1200);
}

TEST_CASE("two devices wait differently") {
    std::string delays[2];
    for (int device = 0; device < 2; ++device) {
        random_begin(static_cast<uint16_t>(40 + device));
        for (int i = 0; i < 5; ++i) {
            delays[device] += std::to_string(random_around(3600000)) + " ";
        }
    }
    CHECK(delays[0] != delays[1]);
    random_begin(0);
    CHECK(random_around(1000) != random_around(1000));
}

TEST_CASE("a timer expires on time, also across the wrap of the clock") {
    for (const uint32_t start_ms : {0u, 5u, 0x7FFFFFF0u, 0xFFFFFFF0u, 0xFFFFFFFFu}) {
        CAPTURE(start_ms);
        Timer timer = {};
        timer.start(100, start_ms);
        CHECK_FALSE(timer.expired(start_ms));
        CHECK_FALSE(timer.expired(start_ms + 99));
        CHECK(timer.expired(start_ms + 100));
        CHECK(timer.expired(start_ms + 0x80000000u));
    }
}

TEST_CASE("samples keep their cadence across the wrap, and are not made up after a pause") {
    const uint32_t start_ms = 0xFFFFF000u;
    use_channels(3);
    Sampler sampler = {};
    sampler.begin(1000, start_ms);
    Reading reading;
    std::string taken;
    for (uint32_t ms = 0; ms < 10000; ++ms) {
        const bool away = ms > 4100 && ms < 7500;
        if (!away && ms % 7 == 0 && sampler.poll(start_ms + ms, reading)) { // the loop looks every 7 ms
            taken +=
                std::to_string(reading.seq) + "@" + std::to_string(reading.sampled_at_ms - start_ms) + " ";
        }
    }
    CHECK(taken == "0@0 1@1001 2@2002 3@3003 4@4004 5@7504 6@8505 7@9506 ");
    CHECK(reading.values[0] == 512);
    CHECK(reading.values[1] == 300);
}

TEST_CASE("a DHT22's answers, right and wrong") {
    struct Row {
        uint8_t bytes[5];
        bool answers;
        int16_t temperature;
        int16_t humidity;
    };
    const Row rows[] = {
        {{0x02, 0x8c, 0x01, 0x5f, 0xee}, true, 351, 652}, // the data sheet's example
        {{0x02, 0x92, 0x80, 0x65, 0x79}, true, -101, 658},
        {{0x00, 0x00, 0x00, 0x00, 0x00}, true, 0, 0},
        {{0x02, 0x8c, 0x01, 0x5f, 0xef}, true, NO_VALUE, NO_VALUE},  // checksum
        {{0x02, 0x8c, 0x01, 0x5f, 0xee}, false, NO_VALUE, NO_VALUE}, // not 40 bits
        {{0x03, 0xe9, 0x01, 0x5f, 0x4c}, true, 351, NO_VALUE},       // 100.1 %
        {{0x02, 0x8c, 0x05, 0x00, 0x93}, true, NO_VALUE, 652},       // 128 degrees
        {{0xff, 0xff, 0xff, 0xff, 0xfc}, true, NO_VALUE, NO_VALUE},
    };
    uint32_t now_ms = 0xFFFFFFF0u;
    for (const Row& row : rows) {
        for (int i = 0; i < 5; ++i) {
            fake_board.dht22[i] = row.bytes[i];
        }
        fake_board.dht22_answers = row.answers;
        use_channels(1 << 12 | 1 << 13);
        Sampler sampler = {};
        sampler.begin(1000, now_ms);
        Reading reading = {};
        const uint32_t asked_at_ms = now_ms;
        while (!sampler.poll(now_ms, reading)) {
            ++now_ms;
        }
        CHECK(reading.values[0] == row.temperature);
        CHECK(reading.values[1] == row.humidity);
        CHECK(now_ms - asked_at_ms == 12);
    }
}

TEST_CASE("texts: numbers without leading zeros, decimals, AT strings escaped") {
    CHECK(number(0) == "0");
    CHECK(number(10) == "10");
    CHECK(number(4294967295u) == "4294967295");
    CHECK(fixed(-215, 1) == "-21.5");
    CHECK(fixed(5, 1) == "0.5");
    CHECK(fixed(-5, 3) == "-0.005");
    CHECK(fixed(0, 2) == "0.00");
    CHECK(fixed(1000, 0) == "1000");
    CHECK(fixed(INT16_MIN, 1) == "-3276.8");
    CHECK(quoted("") == "\"\"");
    CHECK(quoted("net") == "\"net\"");
    CHECK(quoted("a\"b,c\\") == "\"a\\\"b\\,c\\\\\"");
}

TEST_CASE("the LED counts the states") {
    const Sign signs[] = {Sign::Online,     Sign::NoModem, Sign::Joining,
                          Sign::Connecting, Sign::Refused, Sign::NotSetUp};
    for (int i = 0; i < 6; ++i) {
        int flashes = 0;
        for (uint32_t ms = 0; ms < 4096; ++ms) {
            flashes += led_on(signs[i], ms) && !led_on(signs[i], ms - 1) ? 1 : 0;
        }
        CHECK(flashes == i + 1);
    }
}

TEST_CASE("a ring gives back what it took, in order, and holds all but one of its places") {
    uno::Ring<8> ring;
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (int round = 0; round < 20; ++round) { // the indices wrap at another place each time
        CHECK(ring.empty());
        CHECK(ring.room() == 7);
        for (uint8_t room = 7; room > 0; --room) {
            ring.put(next_in++);
            CHECK(ring.room() == room - 1);
        }
        for (int left = 7; left > round % 3; --left) {
            CHECK_FALSE(ring.empty());
            CHECK(ring.take() == next_out++);
        }
        ring.clear();
        next_out = next_in;
    }
}
