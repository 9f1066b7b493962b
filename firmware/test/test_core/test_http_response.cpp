// Responses of servers, good and bad, and what the device concludes. Every case is followed by junk.
#include "core/http_response.h"

#include <doctest.h>
#include <string>

using unolink::HttpResponse;

namespace {

enum class Outcome : uint8_t { Acknowledged, NotAcknowledged, Garbled, Unfinished };

const char* name_of(Outcome outcome) {
    const char* const names[] = {"acknowledged", "not acknowledged", "garbled", "unfinished"};
    return names[static_cast<int>(outcome)];
}

// What a device that has sent reading 17 of boot 3 concludes from `bytes`.
std::string outcome_of(const std::string& bytes) {
    HttpResponse response;
    response.begin(3, 17);
    for (const char byte : bytes) {
        response.feed(static_cast<uint8_t>(byte));
    }
    switch (response.state()) {
    case HttpResponse::State::Complete:
        return name_of(response.acknowledged() ? Outcome::Acknowledged : Outcome::NotAcknowledged);
    case HttpResponse::State::Garbled:
        return name_of(Outcome::Garbled);
    default:
        return name_of(Outcome::Unfinished);
    }
}

std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string GOOD = "{\"boot\":3,\"acked\":[17]}";

struct Body {
    const char* body;
    Outcome outcome;
};

const Body BODIES[] = {
    {"{\"boot\":3,\"acked\":[17]}", Outcome::Acknowledged},
    {" {\r\n\t\"acked\" : [ 17 ] , \"boot\" : 3 } ", Outcome::Acknowledged},
    {"{\"boot\":3,\"acked\":[15,16,17,18]}", Outcome::Acknowledged},
    {"{\"new\":{\"boot\":9,\"acked\":[1]},\"boot\":3,\"acked\":[17],\"more\":[[null],-1.5e3]}",
     Outcome::Acknowledged},
    {"{\"note\":\"\\\"} , ]\",\"boot\":3,\"acked\":[17]}", Outcome::Acknowledged},
    {"{\"boot\":4,\"acked\":[17]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[16]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[117,171,1,7]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":17}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[[17]]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":{\"x\":17}}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[\"17\"]}", Outcome::NotAcknowledged},
    {"{\"boot\":\"3\",\"acked\":[17]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[-17,17.5,1e17,4294967313]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked_\":[17]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"x\":{\"acked\":[17]}}", Outcome::NotAcknowledged},
    {"{\"acked\":[17]}", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[17]", Outcome::NotAcknowledged},
    {"[{\"boot\":3,\"acked\":[17]}]", Outcome::NotAcknowledged},
    {"{\"boot\":3,\"acked\":[17],\"x\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", Outcome::NotAcknowledged},
    {"17", Outcome::NotAcknowledged},
    {"}]\"", Outcome::NotAcknowledged},
};

struct Head {
    const char* bytes;
    Outcome outcome;
};

const Head HEADS[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n", Outcome::Acknowledged},
    {"HTTP/1.0 200\r\ncontent-length:23\r\n\r\n", Outcome::Acknowledged},
    {"HTTP/1.1 201 Created\nCONTENT-LENGTH: \t23 \n\n", Outcome::Acknowledged},
    {"HTTP/1.1 200 OK\r\nX-Content-Length: 1\r\nServer: a:b\r\nContent-Length: 23\r\nX: y\r\n\r\n",
     Outcome::Acknowledged},
    {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\n\r\n", Outcome::NotAcknowledged},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Outcome::NotAcknowledged},
    {"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n", Outcome::NotAcknowledged}, // cut before the brace
    {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", Outcome::Unfinished},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Outcome::Garbled},
    {"HTTP/1.1 200 OK\r\nContent-Length: 23x\r\n\r\n", Outcome::Garbled},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Outcome::Garbled},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n", Outcome::Garbled},
    {"HTTP/1.1 200 OK\r\nContent-Length: 65559\r\n\r\n", Outcome::Garbled}, // 23 more than 2^16
    {"HTTP/1.1 20x OK\r\n", Outcome::Garbled},
    {"HTTP/1.1 100 Continue\r\n", Outcome::Garbled},
    {"HTTP/2.0 200 OK\r\n", Outcome::Garbled},
    {"SSH-2.0-OpenSSH_9.2\r\n", Outcome::Garbled},
};

} // namespace

TEST_CASE("a body acknowledges exactly what it names") {
    for (const Body& row : BODIES) {
        CAPTURE(row.body);
        CHECK(outcome_of(ok(row.body)) == name_of(row.outcome));
        CHECK(outcome_of(ok(row.body) + GOOD) == name_of(row.outcome));
    }
}

TEST_CASE("a head frames the body, or the response is garbled") {
    for (const Head& row : HEADS) {
        CAPTURE(row.bytes);
        CHECK(outcome_of(row.bytes + GOOD) == name_of(row.outcome));
    }
}

TEST_CASE("a response is unfinished at every byte before its last") {
    const std::string whole = ok(GOOD);
    std::string outcomes;
    for (size_t length = 0; length < whole.size(); ++length) {
        outcomes += outcome_of(whole.substr(0, length)) == "unfinished" ? "." : "!";
    }
    CHECK(outcomes == std::string(whole.size(), '.'));
    CHECK(outcome_of(whole) == "acknowledged");
}
