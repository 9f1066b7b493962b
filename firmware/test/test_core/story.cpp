#include "story.h"

#include "core/hmac.h"
#include "core/life.h"
#include "core/setting_values.h"
#include "fake_board.h"

#include <doctest.h>

using unolink::Setting;
using unolink::Settings;

void story_settings() {
    fake_eeprom.erase();
    Settings::begin();
    Settings::begin_draft();
    const struct {
        Setting setting;
        std::string value;
    } values[] = {
        {Setting::WifiSsid, "unolink"},
        {Setting::WifiPassword, "simulated"},
        {Setting::ServerHost, "ingest.lan"},
        {Setting::Device, "uno-7f3a"},
        {Setting::Key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"},
    };
    for (const auto& row : values) {
        const char* wanted = store_value(row.setting, row.value.c_str());
        REQUIRE(wanted == nullptr);
    }
    REQUIRE(Settings::save() == unolink::Err::None);
}

std::string text_of(unolink::TextCursor& cursor) {
    std::string text;
    for (uint8_t byte = 0; cursor.next(byte);) {
        text += static_cast<char>(byte);
    }
    return text;
}

std::string story_tag(const std::string& text) {
    Settings::begin();
    unolink::Hmac hmac;
    hmac.begin();
    for (const char byte : text) {
        hmac.feed(static_cast<uint8_t>(byte));
    }
    uint8_t tag[unolink::TAG_BYTES];
    hmac.finish(tag);
    unolink::TextCursor cursor;
    cursor.load_tag(tag);
    return text_of(cursor);
}

Story::Story(Pace pace, uint32_t start_ms) : now_ms(start_ms), pace_(pace) {
    story_settings();
    unolink::this_life = {STORY_BOOT, {2, 1, 0, 0}};
    unolink::use_channels(3);
    for (volatile uint32_t& counter : unolink_counters) {
        counter = 0;
    }
    node.begin(start_ms);
}

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
    node.add({0, next_seq_++, now_ms, {512, 300}});
    node.poll(now_ms);
}

std::string Story::ipd(const std::string& data) {
    return "\r\n+IPD,4," + std::to_string(data.size()) + ":" + data;
}

void Story::bring_up(bool passive) {
    CHECK(host() == "AT\r\n");
    modem("AT\r\n\r\nOK\r\n");
    CHECK(host() == "ATE0\r\n");
    modem("ATE0\r\n\r\nOK\r\n");
    CHECK(host() == "AT+CWMODE_CUR=1\r\n");
    modem("\r\nOK\r\n");
    CHECK(host() == "AT+CIPMUX=1\r\n");
    modem("\r\nOK\r\n");
    CHECK(host() == "AT+CIPRECVMODE=1\r\n");
    modem(passive ? "\r\nOK\r\n" : "\r\nERROR\r\n");
    CHECK(host() == "AT+CWJAP_CUR=\"unolink\",\"simulated\"\r\n");
    modem("WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    CHECK(host() == "AT+CIPSTART=4,\"TCP\",\"ingest.lan\",8080\r\n");
    modem("4,CONNECT\r\n\r\nOK\r\n");
}

void Story::deliver() {
    const std::string command = host(400000);
    CHECK(command.substr(0, 13) == "AT+CIPSEND=4,");
    modem("\r\nOK\r\n> ");
    request = host();
    CHECK(command == "AT+CIPSEND=4," + std::to_string(request.size()) + "\r\n");
    modem("\r\nRecv " + std::to_string(request.size()) + " bytes\r\n\r\nSEND OK\r\n");
}

void Story::exchange_raw(const std::string& answer) {
    deliver();
    modem(ipd(answer));
}

void Story::exchange(int status, const std::string& headers) {
    deliver();
    modem(ipd(response(status, headers)));
}

std::string Story::response(int status, const std::string& headers) const {
    const std::string name = "uno-7f3a:";
    const std::string tag = request.substr(request.find(name) + name.size(), 22);
    const std::string length = status == 204 ? "" : "Content-Length: 2\r\n";
    return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers + length +
           "unolink-tag: " + story_tag(std::to_string(status) + "\n" + tag) + "\r\n\r\n" +
           (status == 204 ? "" : "{}");
}

std::string counter_text(unolink::Counter counter) {
    return std::to_string(unolink::counted(counter));
}

std::string all_counted() {
    using unolink::Counter;
    return "acked " + counter_text(Counter::Acked) + " rejected " + counter_text(Counter::Rejected) +
           " lost " + counter_text(Counter::Lost) + " retries " + counter_text(Counter::Retries) +
           " resets " + counter_text(Counter::ModemResets);
}

bool is_send(const std::string& command) {
    return command.substr(0, 13) == "AT+CIPSEND=4,";
}

std::string rows_of(const std::string& request) {
    std::string seqs;
    for (size_t at = request.find("[["); at != std::string::npos && at < request.size();
         at = request.find("],[", at + 1)) {
        const size_t digits = request.find_first_of("0123456789", at);
        seqs += request.substr(digits, request.find(',', digits) - digits) + " ";
    }
    return seqs;
}
