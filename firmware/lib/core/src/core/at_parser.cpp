#include "core/at_parser.h"

#include "core/ascii.h" // is_digit
#include "core/text.h"
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT, flash_copy

namespace unolink {

constexpr uint8_t AtParser::NO_LINK;
constexpr uint8_t AtParser::FETCHED;
constexpr uint16_t AtParser::MAX_DATA_BYTES;

namespace {

// Result codes and unsolicited lines that change what this firmware does, as AT 1.x and 2.x print them.
const char KNOWN_LINES[] HAL_FLASH = "OK\0"
                                     "ERROR\0"
                                     "FAIL\0" // AT+CWJAP on 1.x
                                     "SEND OK\0"
                                     "SEND FAIL\0"
                                     "ready\0"
                                     "wdt reset\0"
                                     "Soft WDT reset\0"
                                     "WIFI DISCONNECT\0"
                                     "WIFI GOT IP\0"
                                     "CONNECT\0"
                                     "CLOSED\0"
                                     "no ip\0"
                                     // from here on, only how the line begins
                                     "busy \0" // "busy p..." while processing, "busy s..." while sending
                                     "Fatal exception\0"
                                     "link is not\0"
                                     "ALREADY CONNECT\0"; // some builds print CONNECT, some CONNECTED

// What each of them means.
const AtKind KINDS[] HAL_FLASH = {AtKind::Ok,          AtKind::Error,     AtKind::Error,
                                  AtKind::SendOk,      AtKind::SendFail,  AtKind::Ready,
                                  AtKind::Crash,       AtKind::Crash,     AtKind::WifiDisconnected,
                                  AtKind::GotIp,       AtKind::Connected, AtKind::Closed,
                                  AtKind::NoIp,        AtKind::Busy,      AtKind::Crash,
                                  AtKind::LinkInvalid, AtKind::LinkTaken};
constexpr uint8_t WHOLE_LINES = 13;

const char ANNOUNCEMENT[] HAL_FLASH = "+IPD,";

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
    line_[line_length_] = '\0';
    line_length_ = 0;
    const char* announced = behind(line, ANNOUNCEMENT);
    if (announced != nullptr && is_digit(announced[0]) && announced[1] == ',') {
        return {AtKind::Notice, static_cast<uint8_t>(announced[0] - '0'), 0};
    }
    uint8_t link = NO_LINK;
    if (is_digit(line[0]) && line[1] == ',') {
        link = static_cast<uint8_t>(line[0] - '0');
        line += 2;
    }
    const char* known = KNOWN_LINES;
    for (uint8_t i = 0; i < sizeof KINDS; ++i) {
        const char* rest = behind(line, known);
        if (rest != nullptr && (*rest == '\0' || i >= WHOLE_LINES)) {
            AtKind kind;
            hal::flash_copy(kind, KINDS[i]);
            return {kind, link, 0};
        }
        known = next_text(known);
    }
    return {AtKind::None, NO_LINK, 0};
}

// At the colon of `+IPD,[<link>,]<bytes>[,<address>,<port>]`, or at the second of the two separators of
// `+CIPRECVDATA,<bytes>:` or `+CIPRECVDATA:<bytes>,`. False: this line is something else.
bool AtParser::begin_data(uint8_t separator) {
    line_[line_length_] = '\0';
    uint32_t bytes = 0;
    const char* fetched = behind(line_, HAL_FLASH_TEXT("+CIPRECVDATA"));
    if (fetched != nullptr && *fetched == (separator == ':' ? ',' : ':')) {
        bytes = *read_number(fetched + 1, bytes) == '\0' ? bytes : 0;
        data_link_ = FETCHED;
    } else if (separator == ':') {
        const char* announced = behind(line_, ANNOUNCEMENT);
        bytes = announced != nullptr ? announced_bytes(announced) : 0;
    }
    if (bytes > MAX_DATA_BYTES) {
        bytes = 0;
    }
    data_left_bytes_ = static_cast<uint16_t>(bytes);
    return bytes > 0;
}

// Reads `[<link>,]<bytes>`; 0: it is none.
uint32_t AtParser::announced_bytes(const char* numbers) {
    uint32_t bytes = 0;
    const char* end = read_number(numbers, bytes);
    data_link_ = NO_LINK;
    if (end != numbers && *end == ',') {
        if (bytes >= FETCHED) {
            return 0;
        }
        data_link_ = static_cast<uint8_t>(bytes);
        read_number(end + 1, bytes);
    }
    return bytes;
}

} // namespace unolink
