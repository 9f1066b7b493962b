#include "core/http_response.h"

#include "core/ascii.h" // is_digit, to_lower
#include "core/text.h"
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT

#include <string.h> // memcpy, strlen

namespace unolink {

constexpr uint8_t HttpResponse::TAG_CHARACTERS;
constexpr uint16_t HttpResponse::NO_RETRY_AFTER;

namespace {

// In the order of HttpResponse::Header.
const char NAMES[] HAL_FLASH = "content-length:\0"
                               "retry-after:\0"
                               "unolink-tag:";
constexpr uint8_t NAME_COUNT = 3;

// A longer body is not waited for: it is cheaper to connect anew.
constexpr uint16_t MAX_BODY_BYTES = 4096;
constexpr uint16_t NO_CONTENT = 204;
constexpr uint16_t NUMBER_MAX = 65000; // what is greater is taken for this

bool is_blank(char character) {
    return character == ' ' || character == '\t';
}

} // namespace

void HttpResponse::begin() {
    state_ = State::StatusLine;
    has_length_ = false;
    line_length_ = 0;
    tags_ = 0;
    body_left_bytes_ = 0;
    retry_after_s_ = NO_RETRY_AFTER;
}

void HttpResponse::feed(uint8_t byte) {
    if (state_ == State::Body) {
        if (--body_left_bytes_ == 0) {
            state_ = State::Complete;
        }
    } else if (state_ > State::Body || byte == '\r') {
        return;
    } else if (byte == '\n') {
        take_line();
        line_length_ = 0;
    } else if (line_length_ < LINE_CAPACITY) {
        line_[line_length_++] = static_cast<char>(byte);
    }
}

void HttpResponse::take_line() {
    const bool empty = line_length_ == 0;
    while (line_length_ > 0 && is_blank(line_[line_length_ - 1])) {
        --line_length_;
    }
    line_[line_length_] = '\0';
    if (state_ == State::StatusLine) {
        take_status(behind(line_, HAL_FLASH_TEXT("HTTP/1.")));
    } else if (empty) {
        finish_head();
    } else {
        take_header();
    }
}

// `text` is the minor version, the status and the reason phrase; or null.
void HttpResponse::take_status(const char* text) {
    state_ = State::Garbled;
    if (text == nullptr || !is_digit(text[0]) || text[1] != ' ') {
        return;
    }
    const uint32_t number = read_number(text + 2).value;
    if (number >= 200 && number <= 599) {
        status_ = static_cast<uint16_t>(number);
        state_ = State::Header;
    }
}

void HttpResponse::take_header() {
    for (char* name = line_; *name != '\0' && *name != ':'; ++name) {
        *name = to_lower(*name);
    }
    const Found name = find_text(line_, NAMES, NAME_COUNT, ANY);
    const char* value = name.rest;
    if (name.index < NAME_COUNT) {
        while (is_blank(*value)) {
            ++value;
        }
        take_value(static_cast<Header>(name.index), value);
    }
}

void HttpResponse::take_value(Header header, const char* value) {
    if (header == Header::Tag) {
        tags_ = tags_ == 0 && strlen(value) == TAG_CHARACTERS ? 1 : 2;
        if (tags_ == 1) {
            memcpy(tag_, value, TAG_CHARACTERS);
        }
        return;
    }
    const Number read = read_number(value);
    const bool is_number = read.end != value && *read.end == '\0';
    const uint16_t number = read.value < NUMBER_MAX ? static_cast<uint16_t>(read.value) : NUMBER_MAX;
    if (header == Header::RetryAfter) {
        retry_after_s_ = is_number ? number : NO_RETRY_AFTER;
    } else if (is_number) {
        has_length_ = true;
        body_left_bytes_ = number;
    } else {
        state_ = State::Garbled;
    }
}

void HttpResponse::finish_head() {
    const bool has_body = status_ != NO_CONTENT;
    framed_ = !has_body || (has_length_ && body_left_bytes_ <= MAX_BODY_BYTES);
    state_ = has_body && framed_ && body_left_bytes_ > 0 ? State::Body : State::Complete;
}

} // namespace unolink
