// The small parts: queue, back-off, sampler, timer, texts, the request, the LED.
#include "core/backoff.h"
#include "core/reading_queue.h"
#include "core/request.h"
#include "core/sampler.h"
#include "core/status_led.h"
#include "core/text_cursor.h"
#include "core/timer.h"

#include <doctest.h>
#include <string>

using namespace unolink;

namespace {

std::string text_of(TextCursor cursor) {
    std::string text;
    for (uint8_t byte = 0; cursor.next(byte);) {
        text += static_cast<char>(byte);
    }
    return text;
}

std::string quoted(const char* text) {
    TextCursor cursor;
    cursor.load_quoted(text);
    return text_of(cursor);
}

std::string number(uint32_t value) {
    TextCursor cursor;
    cursor.load_number(value);
    return text_of(cursor);
}

} // namespace

TEST_CASE("the queue keeps order across its end, and refuses what does not fit") {
    ReadingQueue queue;
    uint32_t next_in = 0;
    uint32_t next_out = 0;
    for (int round = 0; round < 5; ++round) {
        while (queue.size() < ReadingQueue::CAPACITY) {
            REQUIRE(queue.push({next_in++, 0, {}}) == Err::None);
        }
        CHECK(queue.push({999, 0, {}}) == Err::Full);
        for (int taken = 0; taken < 7; ++taken) {
            REQUIRE(queue.front().seq == next_out++);
            queue.pop();
        }
    }
    while (!queue.empty()) {
        REQUIRE(queue.front().seq == next_out++);
        queue.pop();
    }
    CHECK(next_out == next_in);
}

TEST_CASE("back-off doubles up to its limit, and begins again after a success") {
    Backoff backoff;
    std::string delays;
    for (int failure = 0; failure < 8; ++failure) {
        delays += std::to_string(backoff.next_ms()) + " ";
    }
    CHECK(delays == "250 500 1000 2000 4000 8000 8000 8000 ");
    backoff.reset();
    CHECK(backoff.next_ms() == 250);
}

TEST_CASE("a timer expires on time, also across the wrap of the clock") {
    for (const uint32_t start_ms : {0u, 5u, 0x7FFFFFF0u, 0xFFFFFFF0u, 0xFFFFFFFFu}) {
        CAPTURE(start_ms);
        Timer timer;
        timer.start(100, start_ms);
        CHECK_FALSE(timer.expired(start_ms));
        CHECK_FALSE(timer.expired(start_ms + 99));
        CHECK(timer.expired(start_ms + 100));
        CHECK(timer.expired(start_ms + 0x80000000u));
    }
}

TEST_CASE("samples keep their cadence across the wrap, and are not made up after a pause") {
    const uint32_t start_ms = 0xFFFFF000u;
    Sampler sampler(1000, start_ms);
    std::string taken;
    for (uint32_t ms = 0; ms < 10000; ++ms) {
        const bool away = ms > 4100 && ms < 7500;
        if (!away && ms % 7 == 0 && sampler.due(start_ms + ms)) { // the loop looks every 7 ms
            taken += std::to_string(sampler.take(start_ms + ms)) + "@" + std::to_string(ms) + " ";
        }
    }
    CHECK(taken == "0@0 1@1001 2@2002 3@3003 4@4004 5@7504 6@8505 7@9506 ");
}

TEST_CASE("texts: numbers without leading zeros, AT strings escaped") {
    CHECK(number(0) == "0");
    CHECK(number(10) == "10");
    CHECK(number(4294967295u) == "4294967295");
    CHECK(quoted("") == "\"\"");
    CHECK(quoted("net") == "\"net\"");
    CHECK(quoted("a\"b,c\\") == "\"a\\\"b\\,c\\\\\"");
    CHECK(text_of(TextCursor()) == "");
}

TEST_CASE("a request says its length before its first byte, and its age across the wrap") {
    const Config config = {"", "", "ingest.lan", 8080, "uno-1", 1000};
    Request request;
    request.begin(config, 3, {17, 0xFFFFFFF0u, {512, 300}}, 104);
    const uint16_t length_bytes = request.length_bytes();
    std::string sent;
    for (uint8_t byte = 0; request.next(byte);) {
        sent += static_cast<char>(byte);
    }
    const std::string body = "{\"device\":\"uno-1\",\"boot\":3,\"readings\":[{\"seq\":17,\"age_ms\":120,"
                             "\"values\":{\"a0\":512,\"a1\":300}}]}";
    CHECK(sent == "POST /v1/readings HTTP/1.1\r\nHost: ingest.lan:8080\r\nContent-Type: application/json\r\n"
                  "Content-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
    CHECK(length_bytes == sent.size());
}

TEST_CASE("the LED tells the states apart") {
    std::string on_ms;
    for (const Sign sign : {Sign::Joining, Sign::Online, Sign::Stopped}) {
        int count = 0;
        int changes = 0;
        for (uint32_t ms = 0; ms < 2048; ++ms) {
            count += led_on(sign, ms) ? 1 : 0;
            changes += led_on(sign, ms) != led_on(sign, ms + 1) ? 1 : 0;
        }
        on_ms += std::to_string(count) + "/" + std::to_string(changes) + " ";
    }
    CHECK(on_ms == "1024/4 64/2 1024/16 ");
}
