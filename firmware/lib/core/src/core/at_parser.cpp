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
                                     "no ip";
constexpr uint8_t LINE_COUNT = 13;

// How others begin.
const char KNOWN_BEGINNINGS[] HAL_FLASH = "busy \0" // "busy p..." while processing, "busy s..." while sending
                                          "Fatal exception\0"
                                          "link is not\0"
                                          "ALREADY CONNECT"; // some builds print CONNECT, some CONNECTED
constexpr uint8_t BEGINNING_COUNT = 4;

// What each of them means.
const AtKind KINDS[] HAL_FLASH = {AtKind::Ok,          AtKind::Error,     AtKind::Error,
                                  AtKind::SendOk,      AtKind::SendFail,  AtKind::Ready,
                                  AtKind::Crash,       AtKind::Crash,     AtKind::WifiDisconnected,
                                  AtKind::GotIp,       AtKind::Connected, AtKind::Closed,
                                  AtKind::NoIp,        AtKind::Busy,      AtKind::Crash,
                                  AtKind::LinkInvalid, AtKind::LinkTaken};
static_assert(sizeof KINDS == LINE_COUNT + BEGINNING_COUNT, "one for each");

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
    uint8_t index = find_text(line, KNOWN_LINES, LINE_COUNT, '\n').index;
    if (index == LINE_COUNT) {
        index += find_text(line, KNOWN_BEGINNINGS, BEGINNING_COUNT, ANY).index;
    }
    AtKind kind = AtKind::None;
    if (index < sizeof KINDS) {
        hal::flash_copy(kind, KINDS[index]);
    }
    return {kind, link, 0};
}

// At the colon of `+IPD,[<link>,]<bytes>[,<address>,<port>]`, or at the second of the two separators of
// `+CIPRECVDATA,<bytes>:` or `+CIPRECVDATA:<bytes>,`. False: this line is something else.
bool AtParser::begin_data(uint8_t separator) {
    line_[line_length_] = '\0';
    Number bytes = {0, nullptr};
    const char* fetched = behind(line_, HAL_FLASH_TEXT("+CIPRECVDATA"));
    const char* announced = behind(line_, ANNOUNCEMENT);
    if (fetched != nullptr && *fetched == (separator == ':' ? ',' : ':')) {
        bytes = read_number(fetched + 1);
        data_link_ = FETCHED;
        if (*bytes.end != '\0') {
            return false;
        }
    } else if (separator == ':' && announced != nullptr) {
        bytes = read_number(announced);
        data_link_ = NO_LINK;
        if (bytes.end != announced && *bytes.end == ',') {
            if (bytes.value >= FETCHED) {
                return false;
            }
            data_link_ = static_cast<uint8_t>(bytes.value);
            bytes = read_number(bytes.end + 1);
        }
    }
    if (bytes.value > MAX_DATA_BYTES) {
        return false;
    }
    data_left_bytes_ = static_cast<uint16_t>(bytes.value);
    return data_left_bytes_ > 0;
}

} // namespace unolink
