#include "story.h"

#include <doctest.h>

// One hour between samples: stories take them when they want them.
const unolink::Config STORY_CONFIG = {"unolink", "simulated", "ingest.lan", 8080, "uno-1", 3600000};

std::string response(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

std::string acknowledgement(uint32_t seq) {
    return response(200, "{\"boot\":3,\"acked\":[" + std::to_string(seq) + "]}");
}

Story::Story(Pace pace, uint32_t start_ms)
    : now_ms(start_ms), node(STORY_CONFIG, STORY_BOOT, counters, start_ms), pace_(pace) {}

void Story::step() {
    ++now_ms;
    node.poll(now_ms);
}

void Story::modem(const std::string& bytes) {
    for (const char byte : bytes) {
        node.receive(static_cast<uint8_t>(byte), now_ms);
        for (int ms = 0; ms < static_cast<int>(pace_); ++ms) {
            step();
        }
    }
    node.poll(now_ms);
}

std::string Story::collect() {
    std::string sent;
    for (uint8_t byte = 0; node.next_tx(byte);) {
        sent += static_cast<char>(byte);
    }
    return sent;
}

std::string Story::host(uint32_t limit_ms) {
    std::string sent = collect();
    for (uint32_t waited_ms = 0; sent.empty() && waited_ms < limit_ms; ++waited_ms) {
        step();
        sent = collect();
    }
    return sent;
}

std::string Story::wait(uint32_t duration_ms) {
    std::string sent = collect();
    for (uint32_t waited_ms = 0; waited_ms < duration_ms; ++waited_ms) {
        step();
        sent += collect();
    }
    return sent;
}

void Story::sample() {
    const uint16_t values[unolink::CHANNEL_COUNT] = {512, 300};
    node.add_sample(values, now_ms);
    node.poll(now_ms);
}

std::string Story::ipd(const std::string& data) {
    return "\r\n+IPD,4," + std::to_string(data.size()) + ":" + data;
}

void Story::bring_up() {
    CHECK(host() == "AT\r\n");
    modem("AT\r\n\r\nOK\r\n");
    CHECK(host() == "ATE0\r\n");
    modem("ATE0\r\n\r\nOK\r\n");
    CHECK(host() == "AT+CWMODE_CUR=1\r\n");
    modem("\r\nOK\r\n");
    CHECK(host() == "AT+CIPMUX=1\r\n");
    modem("\r\nOK\r\n");
    CHECK(host() == "AT+CWJAP_CUR=\"unolink\",\"simulated\"\r\n");
    modem("WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    CHECK(host() == "AT+CIPSTART=4,\"TCP\",\"ingest.lan\",8080\r\n");
    modem("4,CONNECT\r\n\r\nOK\r\n");
}

void Story::exchange(const std::string& answer) {
    const std::string command = host();
    CHECK(command.substr(0, 13) == "AT+CIPSEND=4,");
    modem("\r\nOK\r\n> ");
    const std::string request = host();
    CHECK(command == "AT+CIPSEND=4," + std::to_string(request.size()) + "\r\n");
    modem("\r\nRecv " + std::to_string(request.size()) + " bytes\r\n\r\nSEND OK\r\n" + ipd(answer));
}
