// Responses of servers, good and bad, and what the device makes of them. Every case is followed by junk.
#include "core/http_response.h"

#include <doctest.h>
#include <string>

using unolink::HttpResponse;

namespace {

// `204 tag=... retry=...`, `garbled` or `unfinished`; ` unframed` where the connection is of no more use.
std::string outcome_of(const std::string& bytes) {
    HttpResponse response;
    response.begin();
    for (const char byte : bytes) {
        response.feed(static_cast<uint8_t>(byte));
    }
    if (response.state() == HttpResponse::State::Garbled) {
        return "garbled";
    }
    if (response.state() != HttpResponse::State::Complete) {
        return "unfinished";
    }
    std::string outcome = std::to_string(response.status());
    if (response.tag() != nullptr) {
        outcome += " tag=" + std::string(response.tag(), HttpResponse::TAG_CHARACTERS);
    }
    if (response.retry_after_s() != HttpResponse::NO_RETRY_AFTER) {
        outcome += " retry=" + std::to_string(response.retry_after_s());
    }
    return outcome + (response.framed() ? "" : " unframed");
}

#define TAG "I-MD9kgJr9aTaznOwrKo5A"

struct Case {
    const char* bytes;
    const char* outcome;
};

const Case CASES[] = {
    {"HTTP/1.1 204 No Content\r\nUnolink-Tag: " TAG "\r\n\r\n", "204 tag=" TAG},
    {"HTTP/1.0 204\r\nunolink-tag:" TAG "\r\n\r\n", "204 tag=" TAG},
    {"HTTP/1.1 204 X\nUNOLINK-TAG: \t" TAG " \n\n", "204 tag=" TAG},
    {"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", "204"}, // it has no body, whatever it says
    {"HTTP/1.1 204 X\r\nX-Unolink-Tag: " TAG "\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nUnolink-Tags: " TAG "\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nUnolink-Tag : " TAG "\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nUnolink-Tag: " TAG "x\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nUnolink-Tag: short\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nUnolink-Tag: " TAG "\r\nUnolink-Tag: " TAG "\r\n\r\n", "204"},
    {"HTTP/1.1 204 X\r\nServer: a: b: c\r\nX: Unolink-Tag: " TAG "\r\n\r\n", "204"},
    {"HTTP/1.1 422 X\r\nContent-Length: 2\r\nUnolink-Tag: " TAG "\r\n\r\n{}", "422 tag=" TAG},
    {"HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", "503 retry=120"},
    {"HTTP/1.1 503 X\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", "503 retry=0"},
    {"HTTP/1.1 503 X\r\nretry-after:9999999999\r\nContent-Length: 0\r\n\r\n", "503 retry=65000"},
    {"HTTP/1.1 503 X\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n", "503"},
    {"HTTP/1.1 503 X\r\nRetry-After: 12x\r\nContent-Length: 0\r\n\r\n", "503"},
    {"HTTP/1.1 500 X\r\nContent-Length: 4096\r\n\r\n", "unfinished"},
    {"HTTP/1.1 500 X\r\nContent-Length: 4097\r\n\r\n", "500 unframed"},
    {"HTTP/1.1 500 X\r\nContent-Length: 65538\r\n\r\n", "500 unframed"}, // 2 more than 2^16
    {"HTTP/1.1 502 X\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n", "502 retry=7 unframed"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 23x\r\n\r\n", "garbled"},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "garbled"},
    {"HTTP/1.1 20x OK\r\n", "garbled"},
    {"HTTP/1.1 100 Continue\r\n", "garbled"},
    {"HTTP/1.1 600 X\r\n", "garbled"},
    {"HTTP/2.0 200 OK\r\n", "garbled"},
    {"SSH-2.0-OpenSSH_9.2\r\n", "garbled"},
    {"HTTP/1.1 204 X\r\nUnolink-Tag: " TAG "\r\n", "unfinished"},
};

} // namespace

TEST_CASE("a response is its status, its tag, and how long to wait") {
    for (const Case& row : CASES) {
        CAPTURE(row.bytes);
        CHECK(outcome_of(row.bytes) == row.outcome);
        if (std::string(row.outcome) != "unfinished") {
            CHECK(outcome_of(row.bytes + std::string("HTTP/1.1 200 OK\r\n\r\n")) == row.outcome);
        }
    }
}

TEST_CASE("a response is unfinished at every byte before its last") {
    for (const std::string whole : {CASES[0].bytes, CASES[11].bytes}) {
        std::string outcomes;
        for (size_t length = 0; length < whole.size(); ++length) {
            outcomes += outcome_of(whole.substr(0, length)) == "unfinished" ? "." : "!";
        }
        CHECK(outcomes == std::string(whole.size(), '.'));
        CHECK(outcome_of(whole) != "unfinished");
    }
}

TEST_CASE("a header of any length is one header") {
    const std::string head = "HTTP/1.1 204 X\r\n" + std::string(600, 'n') + ": " + std::string(5000, 'v');
    CHECK(outcome_of(head + "\r\nUnolink-Tag: " TAG "\r\n\r\n") == "204 tag=" TAG);
}
