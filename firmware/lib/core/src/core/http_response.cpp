#include "core/http_response.h"

#include "core/ascii.h" // is_digit, to_lower
#include "hal/flash.h"  // HAL_FLASH, flash_char

namespace unolink {

constexpr uint8_t HttpResponse::TAG_CHARACTERS;
constexpr uint16_t HttpResponse::NO_RETRY_AFTER;

namespace {

// '#' stands for a digit of the minor version, '$' for a digit of the status.
const char STATUS_LINE[] HAL_FLASH = "HTTP/1.# $$$";
constexpr uint8_t STATUS_LINE_CHARACTERS = sizeof STATUS_LINE - 1;

// In the order of HttpResponse::Header.
constexpr uint8_t NAME_BYTES = 16;
const char NAMES[][NAME_BYTES] HAL_FLASH = {"content-length:", "retry-after:", "unolink-tag:"};
constexpr uint8_t NAME_COUNT = sizeof NAMES / sizeof NAMES[0];
constexpr uint8_t ALL_NAMES = (1 << NAME_COUNT) - 1;

// A longer body is not waited for: it is cheaper to connect anew.
constexpr uint16_t MAX_BODY_BYTES = 4096;
constexpr uint16_t NO_CONTENT = 204;

// Appends a digit to a number that stops growing before it overflows.
uint16_t with_digit(uint16_t number, char digit) {
    return number > 6000 ? 65000 : static_cast<uint16_t>(number * 10 + (digit - '0'));
}

} // namespace

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
            candidates_ = ALL_NAMES;
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
    if (in_value_) {
        feed_value(character);
    } else {
        match_name(character);
    }
}

void HttpResponse::match_name(char character) {
    for (uint8_t i = 0; i < NAME_COUNT; ++i) {
        const char expected = position_ < NAME_BYTES ? hal::flash_char(NAMES[i] + position_) : '\0';
        if (to_lower(character) != expected) {
            candidates_ &= static_cast<uint8_t>(~(1 << i));
        } else if (expected == ':' && (candidates_ >> i & 1) != 0) {
            header_ = static_cast<Header>(i);
        }
    }
    ++position_;
    in_value_ = character == ':' || position_ > NAME_BYTES;
}

void HttpResponse::feed_value(char character) {
    const bool blank = character == ' ' || character == '\t';
    if (header_ == Header::Tag && !blank) {
        if (tag_length_ < TAG_CHARACTERS) {
            tag_[tag_length_] = character;
        }
        tag_length_ += tag_length_ <= TAG_CHARACTERS ? 1 : 0;
    } else if (header_ == Header::Length && is_digit(character)) {
        has_length_ = true;
        body_left_bytes_ = with_digit(body_left_bytes_, character);
    } else if (header_ == Header::Length && !blank) {
        state_ = State::Garbled;
    } else if (header_ == Header::RetryAfter && is_digit(character)) {
        retry_after_s_ = with_digit(retry_after_s_ == NO_RETRY_AFTER ? 0 : retry_after_s_, character);
    } else if (header_ == Header::RetryAfter && !blank) {
        retry_after_s_ = NO_RETRY_AFTER;
        header_ = Header::Other;
    }
}

void HttpResponse::finish_header_line() {
    if (line_empty_) {
        finish_head();
        return;
    }
    line_empty_ = true;
    in_value_ = false;
    header_ = Header::Other;
    candidates_ = ALL_NAMES;
    position_ = 0;
}

void HttpResponse::finish_head() {
    const bool has_body = status_ != NO_CONTENT;
    framed_ = !has_body || (has_length_ && body_left_bytes_ <= MAX_BODY_BYTES);
    state_ = has_body && framed_ && body_left_bytes_ > 0 ? State::Body : State::Complete;
}

} // namespace unolink
