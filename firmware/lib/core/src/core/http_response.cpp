#include "core/http_response.h"

#include "core/ascii.h" // is_digit, to_lower
#include "hal/flash.h"  // HAL_FLASH, flash_char

namespace unolink {

namespace {

// '#' stands for a digit of the minor version, '$' for a digit of the status.
const char STATUS_LINE[] HAL_FLASH = "HTTP/1.# $$$";
constexpr uint8_t STATUS_LINE_CHARACTERS = sizeof STATUS_LINE - 1;
const char LENGTH_NAME[] HAL_FLASH = "content-length:";
constexpr uint8_t LENGTH_NAME_CHARACTERS = sizeof LENGTH_NAME - 1;
// No response of this protocol comes near it; a larger number is a garbled one.
constexpr uint16_t MAX_BODY_BYTES = 4096;

} // namespace

void HttpResponse::begin(uint32_t boot, uint32_t seq) {
    *this = HttpResponse();
    ack_.begin(boot, seq);
}

void HttpResponse::feed(uint8_t byte) {
    const char character = static_cast<char>(byte);
    switch (state_) {
    case State::StatusLine:
        feed_status_line(character);
        break;
    case State::Header:
        feed_header(character);
        break;
    case State::Body:
        ack_.feed(byte);
        if (--body_left_bytes_ == 0) {
            state_ = State::Complete;
        }
        break;
    case State::Complete:
    case State::Garbled:
        break;
    }
}

void HttpResponse::feed_status_line(char character) {
    if (position_ == STATUS_LINE_CHARACTERS) {
        if (character == '\n') {
            state_ = status_ >= 200 && status_ <= 599 ? State::Header : State::Garbled;
            position_ = 0;
        }
        return; // the reason phrase
    }
    const char expected = hal::flash_char(STATUS_LINE + position_++);
    const bool wants_digit = expected == '#' || expected == '$';
    if (wants_digit ? !is_digit(character) : character != expected) {
        state_ = State::Garbled;
    } else if (expected == '$') {
        status_ = static_cast<uint16_t>(status_ * 10 + (character - '0'));
    }
}

void HttpResponse::feed_header(char character) {
    if (character == '\n') {
        finish_header_line();
        return;
    }
    if (character == '\r') {
        return;
    }
    line_empty_ = false;
    if (!name_matches_) {
        return;
    }
    if (position_ < LENGTH_NAME_CHARACTERS) {
        name_matches_ = to_lower(character) == hal::flash_char(LENGTH_NAME + position_++);
    } else if (is_digit(character) && body_left_bytes_ <= MAX_BODY_BYTES) {
        has_length_ = true;
        body_left_bytes_ = static_cast<uint16_t>(body_left_bytes_ * 10 + (character - '0'));
    } else if (character != ' ' && character != '\t') {
        state_ = State::Garbled;
    }
}

void HttpResponse::finish_header_line() {
    if (body_left_bytes_ > MAX_BODY_BYTES || (line_empty_ && !has_length_)) {
        state_ = State::Garbled;
    } else if (line_empty_) {
        state_ = body_left_bytes_ > 0 ? State::Body : State::Complete;
    }
    line_empty_ = true;
    name_matches_ = true;
    position_ = 0;
}

} // namespace unolink
