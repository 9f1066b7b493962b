#include "core/request.h"

#include "core/life.h" // this_life
#include "core/settings.h"
#include "core/timer.h" // elapsed_ms
#include "hal/flash.h"  // HAL_FLASH, HAL_FLASH_TEXT, flash_char

namespace unolink {

// What stands for something else in the text below.
enum class Request::Field : uint8_t {
    Host = 0x80,
    Port,
    Device,
    Tag,
    Length,
    Boot,
    Channel, // its name, and after the last one out of the loop
    Seq,
    Age,
    Value,   // ... and after the last one out of the loop
    RowEnd,  // after the last row out of the loop
    Status,  // if there is none, on to the end
    Counter, // its name
    Count,   // its value, and after the last one out of the loop
    Again,   // back to the field that is named next
};

namespace {

// The values of Request::Field, as they stand in a text.
#define HOST "\200"
#define PORT "\201"
#define DEVICE "\202"
#define TAG "\203"
#define LENGTH "\204"
#define BOOT "\205"
#define CHANNEL "\206"
#define SEQ "\207"
#define AGE "\210"
#define VALUE "\211"
#define ROW_END "\212"
#define STATUS "\213"
#define COUNTER "\214"
#define COUNT "\215"
#define AGAIN "\216"

const char HEAD[] HAL_FLASH = "POST /v1/readings HTTP/1.1\r\n"
                              "Host: " HOST ":" PORT "\r\n"
                              "Authorization: Unolink " DEVICE ":" TAG "\r\n"
                              "Content-Length: " LENGTH "\r\n"
                              "\r\n";
const char BODY[] HAL_FLASH =
    "{\"boot\":" BOOT ",\"channels\":[\"" CHANNEL "\",\"" AGAIN CHANNEL "\"],\"readings\":[[" SEQ "," AGE
    "," VALUE "," AGAIN VALUE ROW_END "],[" AGAIN SEQ "]]" STATUS ",\"status\":{\"" COUNTER "\":" COUNT
    ",\"" AGAIN COUNTER "}}";
constexpr uint16_t BODY_LAST = sizeof BODY - 2; // the last character

// How much of a body is hashed in one step: one compression.
constexpr uint8_t SIGN_STEP_BYTES = 64;
// The first fields are settings, in their order.
constexpr uint8_t FIRST_SETTING = 0x80 - static_cast<uint8_t>(Setting::ServerHost);
constexpr uint8_t LINE_FEED = '\n';

} // namespace

void Request::start(uint8_t rows, uint32_t now_ms) {
    now_ms_ = now_ms;
    rows_ = rows;
    has_status_ = false;
    backlog_->get(0, reading_);
    boot_ = reading_.boot;
    hmac_.begin();
    hmac_.feed(HAL_FLASH_TEXT("POST /v1/readings\n"));
    cursor_.load(Settings::text(Setting::Device));
    hmac_.feed(cursor_);
    hmac_.feed(LINE_FEED);
    body_bytes_ = 0;
    body_follows_ = false;
    walk_from(BODY);
}

void Request::add_status() {
    has_status_ = true;
    for (uint8_t i = 0; i < STATUS_COUNT; ++i) {
        status_[i] = status_value(i);
    }
}

bool Request::sign_step() {
    uint8_t byte = 0;
    for (uint8_t i = 0; i < SIGN_STEP_BYTES; ++i) {
        if (next(byte)) {
            hmac_.feed(byte);
            ++body_bytes_;
            continue;
        }
        hmac_.finish(tag_);
        length_bytes_ = body_bytes_;
        for (walk_from(HEAD); next(byte);) {
            ++length_bytes_;
        }
        body_follows_ = true;
        walk_from(HEAD);
        return false;
    }
    return true;
}

bool Request::answered_by(uint16_t status, const char* tag) {
    if (tag == nullptr) {
        return false;
    }
    hmac_.begin();
    cursor_.load_number(status);
    hmac_.feed(cursor_);
    hmac_.feed(LINE_FEED);
    cursor_.load_tag(tag_);
    hmac_.feed(cursor_);
    uint8_t right[TAG_BYTES];
    hmac_.finish(right);
    cursor_.load_tag(right);
    uint8_t differences = 0;
    for (uint8_t byte = 0; cursor_.next(byte);) { // all of them, whatever the first is
        differences |= byte ^ static_cast<uint8_t>(*tag++);
    }
    return differences == 0;
}

bool Request::next(uint8_t& byte) {
    while (!cursor_.next(byte)) {
        byte = static_cast<uint8_t>(hal::flash_char(place_++));
        if (byte >= static_cast<uint8_t>(Field::Host)) {
            load(static_cast<Field>(byte));
        } else if (byte != '\0') {
            return true;
        } else if (!body_follows_) {
            --place_; // here it ends, however often it is asked
            return false;
        } else {
            body_follows_ = false;
            walk_from(BODY);
        }
    }
    return true;
}

void Request::walk_from(const char* place) {
    place_ = place;
    cursor_.clear();
    row_ = 0;
    channel_ = next_channel(0);
}

// Loads the cursor with a field, or goes on elsewhere.
void Request::load(Field field) {
    switch (field) {
    case Field::Host:
    case Field::Device:
        cursor_.load(Settings::text(static_cast<Setting>(static_cast<uint8_t>(field) - FIRST_SETTING)));
        break;
    case Field::Port:
        cursor_.load_number(Settings::number(Setting::ServerPort));
        break;
    case Field::Tag:
        cursor_.load_tag(tag_);
        break;
    case Field::Length:
        cursor_.load_number(body_bytes_);
        break;
    case Field::Boot:
        cursor_.load_number(boot_);
        break;
    case Field::Channel:
        cursor_.load(channel_name(channel_));
        next_column();
        break;
    case Field::Status:
        if (!has_status_) {
            place_ = BODY + BODY_LAST;
        }
        channel_ = 0;
        break;
    case Field::Counter:
        cursor_.load(status_name(channel_));
        break;
    case Field::Count:
        cursor_.load_number(status_[channel_]);
        if (++channel_ == STATUS_COUNT) {
            leave_loop();
        }
        break;
    case Field::Again:
        go_back();
        break;
    default:
        load_row(field);
        break;
    }
}

void Request::load_row(Field field) {
    if (field == Field::Seq) {
        backlog_->get(row_, reading_);
        column_ = 0;
        cursor_.load_number(reading_.seq);
    } else if (field == Field::RowEnd) {
        if (++row_ == rows_) {
            leave_loop();
        }
    } else if (field == Field::Age && boot_ == this_life.boot) {
        cursor_.load_number(elapsed_ms(reading_.sampled_at_ms, now_ms_));
    } else if (field == Field::Value) {
        load_value(reading_.values[column_++]);
    } else {
        cursor_.load(HAL_FLASH_TEXT("null"));
    }
}

void Request::load_value(int16_t raw) {
    if (raw != NO_VALUE) {
        uint8_t decimals = 0;
        const int16_t value = to_unit(channel_, raw, decimals);
        cursor_.load_fixed_point(value, decimals);
    } else {
        cursor_.load(HAL_FLASH_TEXT("null"));
    }
    next_column();
}

// To the next channel in use; after the last one out of the loop, and to the first one again.
void Request::next_column() {
    channel_ = next_channel(channel_ + 1);
    if (channel_ == CHANNELS_MAX) {
        channel_ = next_channel(0);
        leave_loop();
    }
}

// Goes on behind the next Again and the field that it names.
void Request::leave_loop() {
    while (static_cast<uint8_t>(hal::flash_char(place_++)) != static_cast<uint8_t>(Field::Again)) {
    }
    ++place_;
}

// Goes back to the field that stands here.
void Request::go_back() {
    const char field = hal::flash_char(place_--);
    while (hal::flash_char(--place_) != field) {
    }
}

} // namespace unolink
