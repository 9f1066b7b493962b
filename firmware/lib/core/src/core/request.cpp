#include "core/request.h"

#include "core/timer.h"
#include "hal/flash.h" // HAL_FLASH_TEXT

namespace unolink {

namespace {

// A request is constant texts and values in turn: text 0, value 0, text 1, value 1, ... The last text has no
// value.
constexpr uint8_t TEXT_COUNT = 10;
constexpr uint8_t PIECE_COUNT = 2 * TEXT_COUNT - 1;
constexpr uint8_t BODY_TEXT = 3;         // the body begins inside this text,
constexpr uint8_t BODY_OFFSET_BYTES = 4; // behind the empty line

const char* text_of(uint8_t index) {
    switch (index) {
    case 0:
        return HAL_FLASH_TEXT("POST /v1/readings HTTP/1.1\r\nHost: ");
    case 1:
        return HAL_FLASH_TEXT(":");
    case 2:
        return HAL_FLASH_TEXT("\r\nContent-Type: application/json\r\nContent-Length: ");
    case BODY_TEXT:
        return HAL_FLASH_TEXT("\r\n\r\n{\"device\":\"");
    case 4:
        return HAL_FLASH_TEXT("\",\"boot\":");
    case 5:
        return HAL_FLASH_TEXT(",\"readings\":[{\"seq\":");
    case 6:
        return HAL_FLASH_TEXT(",\"age_ms\":");
    case 7:
        return HAL_FLASH_TEXT(",\"values\":{\"a0\":");
    case 8:
        return HAL_FLASH_TEXT(",\"a1\":");
    default:
        return HAL_FLASH_TEXT("}}]}");
    }
}

} // namespace

void Request::begin(const Config& config, uint32_t boot, const Reading& reading, uint32_t now_ms) {
    config_ = &config;
    boot_ = boot;
    reading_ = reading;
    age_ms_ = elapsed_ms(reading.sampled_at_ms, now_ms);
    cursor_ = TextCursor();
    piece_ = 0;
    body_bytes_ = count_from(2 * BODY_TEXT) - BODY_OFFSET_BYTES;
}

bool Request::next(uint8_t& byte) {
    while (!cursor_.next(byte)) {
        if (!load_piece(piece_)) {
            return false;
        }
        ++piece_;
    }
    return true;
}

// Walks a copy, so that this request stays where it is.
uint16_t Request::count_from(uint8_t piece) const {
    Request copy = *this;
    copy.cursor_ = TextCursor();
    copy.piece_ = piece;
    uint16_t bytes = 0;
    for (uint8_t byte = 0; copy.next(byte);) {
        ++bytes;
    }
    return bytes;
}

bool Request::load_piece(uint8_t piece) {
    if (piece >= PIECE_COUNT) {
        return false;
    }
    if (piece % 2 == 0) {
        cursor_.load_flash(text_of(piece / 2));
    } else {
        load_value(piece / 2);
    }
    return true;
}

void Request::load_value(uint8_t index) {
    static_assert(CHANNEL_COUNT == 2, "the texts name two channels");
    switch (index) {
    case 0:
        cursor_.load_text(config_->server_host);
        break;
    case 1:
        cursor_.load_number(config_->server_port);
        break;
    case 2:
        cursor_.load_number(body_bytes_);
        break;
    case 3:
        cursor_.load_text(config_->device_id);
        break;
    case 4:
        cursor_.load_number(boot_);
        break;
    case 5:
        cursor_.load_number(reading_.seq);
        break;
    case 6:
        cursor_.load_number(age_ms_);
        break;
    default:
        cursor_.load_number(reading_.values[index - 7]);
        break;
    }
}

} // namespace unolink
