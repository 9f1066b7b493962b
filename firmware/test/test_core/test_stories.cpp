// Whole dialogues between the node, a modem that does as it is told, and a server: what the node sends, and
// what each answer makes it do.
#include "story.h"

#include "fake_board.h"

#include <doctest.h>

using unolink::counted;
using unolink::Counter;
using unolink::Sign;

namespace {

const std::string CONNECT = "AT+CIPSTART=4,\"TCP\",\"ingest.lan\",8080\r\n";
const std::string CLOSE = "AT+CIPCLOSE=4\r\n";

// How long the node waits until it sends again.
uint32_t pause_ms(Story& story) {
    const uint32_t since_ms = story.now_ms;
    const uint32_t limit_ms = 5000000; // more than a server may ask for
    bool sent = false;
    while (!sent && story.now_ms - since_ms < limit_ms) {
        sent = is_send(story.wait(1));
    }
    REQUIRE(sent);
    story.modem("\r\nbusy p...\r\n"); // so that the next exchange() sees the command again
    return story.now_ms - since_ms;
}

bool about(uint32_t ms, uint32_t middle_ms) {
    return ms + 2 >= middle_ms - middle_ms / 5 && ms <= middle_ms + middle_ms / 5 + 2;
}

} // namespace

TEST_CASE("the first reading is acknowledged and forgotten, at any pace and across the wrap of the clock") {
    for (const Pace pace : {Pace::AllAtOnce, Pace::ByteByByte}) {
        for (const uint32_t start_ms : {0u, 0xFFFFFFFFu - 900u, 0xFFFFFFFFu - 1400u}) {
            CAPTURE(start_ms);
            Story story(pace, start_ms);
            story.sample();
            story.bring_up();
            story.exchange(204);
            CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
            CHECK(story.wait(29000) == ""); // nothing left to send, and the connection is kept
            story.sample();
            story.exchange(204);
            CHECK(all_counted() == "acked 2 rejected 0 lost 0 retries 0 resets 0");
            CHECK(story.node.sign() == Sign::Online);
        }
    }
}

TEST_CASE("what waits goes in batches of ten, in order, the counters with the first") {
    Story story;
    for (int i = 0; i < 14; ++i) {
        story.sample();
    }
    story.bring_up();
    story.exchange(204);
    CHECK(rows_of(story.request) == "0 1 2 3 4 5 6 7 8 9 ");
    CHECK(story.request.find("\"status\"") != std::string::npos);
    story.exchange(204);
    CHECK(rows_of(story.request) == "10 11 12 13 ");
    CHECK(story.request.find("\"status\"") == std::string::npos);
    CHECK(story.node.waiting() == 0);
}

TEST_CASE("the counters go again after an hour") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange(204);
    story.wait(3599000);
    story.sample();
    story.exchange(204);
    CHECK(story.request.find("\"status\"") == std::string::npos);
    story.wait(2000);
    story.sample();
    story.exchange(204);
    CHECK(story.request.find("\"status\"") != std::string::npos);
}

TEST_CASE("readings of an earlier life go first, by themselves, and without an age") {
    Story former;
    former.sample();
    former.sample();
    former.node.save_backlog();
    const FakeEeprom saved = fake_eeprom;
    Story story;
    fake_eeprom = saved;
    unolink::this_life.boot = STORY_BOOT + 1;
    unolink::Node node = {};
    node.begin(0);
    CHECK(node.waiting() == 2);
}

TEST_CASE("what the server says decides about the reading") {
    struct Row {
        int status;
        const char* counts;
        uint32_t pause_ms; // until the reading is sent again; 0: never
    };
    const Row rows[] = {
        {204, "acked 1 rejected 0 lost 0 retries 0 resets 0", 0},
        {400, "acked 0 rejected 1 lost 0 retries 0 resets 0", 0},
        {413, "acked 0 rejected 1 lost 0 retries 0 resets 0", 0},
        {422, "acked 0 rejected 1 lost 0 retries 0 resets 0", 0},
        {200, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {302, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {401, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {403, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {404, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {409, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {429, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {500, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
        {503, "acked 0 rejected 0 lost 0 retries 1 resets 0", 1000},
    };
    for (const Row& row : rows) {
        CAPTURE(row.status);
        Story story;
        story.sample();
        story.bring_up();
        story.exchange(row.status);
        CHECK(all_counted() == row.counts);
        if (row.pause_ms == 0) {
            CHECK(story.wait(20000) == "");
        } else {
            CHECK(about(pause_ms(story), row.pause_ms));
        }
    }
}

TEST_CASE("an answer that the server has not signed is not believed, whatever it says") {
    Story story;
    story.sample();
    story.bring_up();
    const std::string forged[] = {
        "HTTP/1.1 204 X\r\n\r\n",
        "HTTP/1.1 204 X\r\nUnolink-Tag: AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n",
        "HTTP/1.1 422 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 X\r\nContent-Length: 0\r\nUnolink-Tag: I-MD9kgJr9aTaznOwrKo5A\r\n\r\n",
    };
    uint32_t retries = 0;
    for (const std::string& answer : forged) {
        story.exchange_raw(answer);
        CHECK(all_counted() ==
              "acked 0 rejected 0 lost 0 retries " + std::to_string(++retries) + " resets 0");
    }
    // a right tag, but of another answer to this request, and of an earlier request
    const std::string refusal = story.response(422);
    story.deliver();
    story.modem(Story::ipd("HTTP/1.1 204" + refusal.substr(12)));
    const std::string earlier = story.response(204);
    story.sample();
    story.exchange_raw(earlier);
    CHECK(counted(Counter::Acked) == 0);
    story.exchange(204);
    CHECK(counted(Counter::Acked) == 2);
}

TEST_CASE("one bad reading in a batch takes no other with it") {
    Story story;
    for (int i = 0; i < 5; ++i) {
        story.sample();
    }
    story.bring_up();
    story.exchange(422);
    CHECK(rows_of(story.request) == "0 1 2 3 4 ");
    std::string alone;
    for (const int status : {204, 204, 422, 204, 503, 204}) {
        story.sample(); // the new ones wait behind
        story.exchange(status);
        alone += rows_of(story.request) + "| ";
    }
    CHECK(alone == "0 | 1 | 2 | 3 | 4 | 4 | ");
    CHECK(all_counted() == "acked 4 rejected 1 lost 0 retries 2 resets 0");
    story.exchange(204);
    CHECK(rows_of(story.request) == "5 6 7 8 9 10 ");
}

TEST_CASE("from the third refusal of the key in a row on, it shows, and tries every five minutes") {
    for (const int status : {401, 403}) {
        Story story;
        story.sample();
        story.bring_up();
        story.exchange(status);
        CHECK(about(pause_ms(story), 1000));
        story.exchange(status);
        CHECK(about(pause_ms(story), 2000));
        CHECK(story.node.sign() == Sign::Online);
        story.exchange(status);
        CHECK(story.node.sign() == Sign::Refused);
        CHECK(about(pause_ms(story), 300000));
        story.exchange(status);
        CHECK(about(pause_ms(story), 300000));
        story.exchange(204);
        CHECK(story.node.sign() == Sign::Online);
        CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 4 resets 0");
    }
}

TEST_CASE("a server that says how long to wait is believed, for an hour at most") {
    struct Row {
        const char* header;
        uint32_t pause_ms;
    };
    for (const Row& row : {Row{"Retry-After: 7\r\n", 7000}, Row{"Retry-After: 3600\r\n", 3600000},
                           Row{"Retry-After: 60000\r\n", 3600000}, Row{"Retry-After: x\r\n", 1000}}) {
        for (const int status : {429, 503}) {
            CAPTURE(row.header);
            Story story;
            story.sample();
            story.bring_up();
            story.exchange(status, row.header);
            CHECK(about(pause_ms(story), row.pause_ms));
        }
    }
}

TEST_CASE("a server in trouble is asked again, later each time, over the same connection") {
    Story story;
    story.sample();
    story.bring_up();
    uint32_t middle_ms = 1000;
    for (int attempt = 0; attempt < 11; ++attempt) {
        story.exchange(503);
        CHECK(about(pause_ms(story), middle_ms));
        middle_ms = middle_ms * 2 > 300000 ? 300000 : middle_ms * 2;
    }
    CHECK(middle_ms == 300000);
    story.exchange(204);
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 11 resets 0");
}

TEST_CASE("after an answer without an end, the connection is given up and what it says counts") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange_raw("HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\nRetry-After: 9\r\n\r\n5\r\nhello");
    CHECK(story.host() == CLOSE);
    story.modem("4,CLOSED\r\n\r\nOK\r\n");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    CHECK(about(pause_ms(story), 9000));
}

TEST_CASE("a reading without any value is not sent, and leaves a gap") {
    Story story;
    story.node.add({0, 0, 0, {unolink::NO_VALUE, unolink::NO_VALUE}});
    story.node.add({0, 1, 0, {unolink::NO_VALUE, 5}});
    story.bring_up();
    story.exchange(204);
    CHECK(story.request.find("[[1,") != std::string::npos);
    CHECK(story.request.find(",null,5]]") != std::string::npos);
    CHECK(all_counted() == "acked 1 rejected 0 lost 1 retries 0 resets 0");
}

TEST_CASE("a full memory gives up the oldest, and counts it; not while a request is made of it") {
    Story story;
    for (int i = 0; i < 50; ++i) {
        story.sample();
        story.wait(1);
    }
    CHECK(counted(Counter::Lost) > 0);
    CHECK(counted(Counter::Lost) + story.node.waiting() == 50);
    CHECK(counted(Counter::Sampled) == 50);
}
