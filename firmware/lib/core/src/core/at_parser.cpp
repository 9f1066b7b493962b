#include "core/at_parser.h"

#include "core/ascii.h" // is_digit
#include "hal/flash.h"  // HAL_FLASH, flash_copy

#include <string.h> // memcmp, strlen

namespace unolink {

constexpr uint8_t AtParser::NO_LINK;
constexpr uint8_t AtParser::FETCHED;
constexpr uint16_t AtParser::MAX_DATA_BYTES;

namespace {

enum class Match : uint8_t { Whole, Beginning };

struct KnownLine {
    char text[16];
    Match match;
    AtKind kind;
};

// Result codes and unsolicited lines that change what this firmware does, as AT 1.x and 2.x print them.
const KnownLine KNOWN_LINES[] HAL_FLASH = {
    {"OK", Match::Whole, AtKind::Ok},
    {"ERROR", Match::Whole, AtKind::Error},
    {"FAIL", Match::Whole, AtKind::Error}, // AT+CWJAP on 1.x
    {"SEND OK", Match::Whole, AtKind::SendOk},
    {"SEND FAIL", Match::Whole, AtKind::SendFail},
    {"busy ", Match::Beginning, AtKind::Busy}, // "busy p..." while processing, "busy s..." while sending
    {"ready", Match::Whole, AtKind::Ready},
    {"wdt reset", Match::Whole, AtKind::Crash},
    {"Soft WDT reset", Match::Whole, AtKind::Crash},
    {"Fatal exception", Match::Beginning, AtKind::Crash},
    {"WIFI DISCONNECT", Match::Whole, AtKind::WifiDisconnected},
    {"WIFI GOT IP", Match::Whole, AtKind::GotIp},
    {"CONNECT", Match::Whole, AtKind::Connected},
    {"CLOSED", Match::Whole, AtKind::Closed},
    {"no ip", Match::Whole, AtKind::NoIp},
    {"link is not", Match::Beginning, AtKind::LinkInvalid},
    {"ALREADY CONNECT", Match::Beginning, AtKind::LinkTaken}, // some builds print CONNECT, some CONNECTED
};

const char ANNOUNCEMENT[] = {'+', 'I', 'P', 'D', ','};
const char FETCHED_DATA[] = {'+', 'C', 'I', 'P', 'R', 'E', 'C', 'V', 'D', 'A', 'T', 'A'};

// Does a line of at least 5 characters begin as `+IPD,`?
bool is_announcement(const char* line) {
    return memcmp(line, ANNOUNCEMENT, sizeof ANNOUNCEMENT) == 0;
}

bool matches(const KnownLine& known, const char* line, uint8_t length) {
    const uint8_t known_length = static_cast<uint8_t>(strnlen(known.text, sizeof known.text));
    const bool length_fits = known.match == Match::Whole ? length == known_length : length >= known_length;
    return length_fits && memcmp(known.text, line, known_length) == 0;
}

// Reads digits at `position`, and moves it behind them. False: there are none, or the number exceeds 65,535.
bool read_number(const char* line, uint8_t length, uint8_t& position, uint16_t& number) {
    const uint8_t start = position;
    uint32_t value = 0;
    while (position < length && is_digit(line[position]) && value <= UINT16_MAX) {
        value = value * 10 + static_cast<uint32_t>(line[position++] - '0');
    }
    number = static_cast<uint16_t>(value);
    return position > start && value <= UINT16_MAX;
}

} // namespace

AtEvent AtParser::feed(uint8_t byte) {
    if (data_left_bytes_ > 0) {
        --data_left_bytes_;
        return {AtKind::Data, data_link_, byte};
    }
    if (byte == '\n') {
        return finish_line();
    }
    if (byte == '\r') {
        return {AtKind::None, NO_LINK, 0}; // 1.3 and older echo two of them
    }
    if (line_length_ == 0 && byte == ' ') {
        return {AtKind::None, NO_LINK, 0}; // 1.x prints the prompt as "> "
    }
    if (line_length_ == 0 && byte == '>') {
        return {AtKind::Prompt, NO_LINK, 0};
    }
    if ((byte == ':' || byte == ',') && begin_data(byte)) {
        line_length_ = 0;
        return {AtKind::None, NO_LINK, 0};
    }
    if (line_length_ < LINE_CAPACITY) {
        line_[line_length_++] = static_cast<char>(byte);
    }
    return {AtKind::None, NO_LINK, 0};
}

void AtParser::abandon_data() {
    data_left_bytes_ = 0;
    line_length_ = 0;
}

AtEvent AtParser::finish_line() {
    const char* line = line_;
    uint8_t length = line_length_;
    line_length_ = 0;
    if (length > 6 && is_announcement(line) && is_digit(line[5])) {
        return {AtKind::Notice, static_cast<uint8_t>(line[5] - '0'), 0};
    }
    uint8_t link = NO_LINK;
    if (length > 2 && is_digit(line[0]) && line[1] == ',') {
        link = static_cast<uint8_t>(line[0] - '0');
        line += 2;
        length -= 2;
    }
    for (const KnownLine& row : KNOWN_LINES) {
        KnownLine known;
        hal::flash_copy(known, row);
        if (matches(known, line, length)) {
            return {known.kind, link, 0};
        }
    }
    return {AtKind::None, NO_LINK, 0};
}

bool AtParser::begin_data(uint8_t separator) {
    return begin_announced(separator) || begin_fetched(separator);
}

// At the colon of `+IPD,[<link>,]<bytes>[,<address>,<port>]`. False: this line is something else.
bool AtParser::begin_announced(uint8_t separator) {
    if (separator != ':' || line_length_ < sizeof ANNOUNCEMENT || !is_announcement(line_)) {
        return false;
    }
    uint8_t position = sizeof ANNOUNCEMENT;
    uint16_t first = 0;
    if (!read_number(line_, line_length_, position, first)) {
        return false;
    }
    uint16_t second = 0;
    const bool has_second = position < line_length_ && line_[position] == ',';
    if (has_second && !read_number(line_, line_length_, ++position, second)) {
        return false;
    }
    const uint16_t bytes = has_second ? second : first;
    if (bytes == 0 || bytes > MAX_DATA_BYTES || (has_second && first >= FETCHED)) {
        return false;
    }
    data_link_ = has_second ? static_cast<uint8_t>(first) : NO_LINK;
    data_left_bytes_ = bytes;
    return true;
}

// At the second of the two separators of `+CIPRECVDATA,<bytes>:` or `+CIPRECVDATA:<bytes>,`.
bool AtParser::begin_fetched(uint8_t separator) {
    uint8_t position = sizeof FETCHED_DATA;
    uint16_t bytes = 0;
    const bool fits = line_length_ > position && memcmp(line_, FETCHED_DATA, sizeof FETCHED_DATA) == 0 &&
                      line_[position] == (separator == ':' ? ',' : ':') &&
                      read_number(line_, line_length_, ++position, bytes) && position == line_length_;
    if (!fits || bytes == 0 || bytes > MAX_DATA_BYTES) {
        return false;
    }
    data_link_ = FETCHED;
    data_left_bytes_ = bytes;
    return true;
}

} // namespace unolink
