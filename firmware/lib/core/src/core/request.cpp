#include "core/request.h"

#include "core/timer.h" // elapsed_ms
#include "hal/flash.h"  // HAL_FLASH_TEXT

namespace unolink {

namespace {

// How much of a body is hashed in one step: one compression.
constexpr uint8_t SIGN_STEP_BYTES = 64;
constexpr uint8_t LINE_FEED = '\n';

} // namespace

void Request::begin(uint8_t rows, uint32_t now_ms) {
    now_ms_ = now_ms;
    rows_ = rows;
    has_status_ = false;
    backlog_.get(0, reading_);
    boot_ = reading_.boot;
    hmac_.begin(config_.settings->address_of(Setting::Key) + 1);
    hmac_.feed(HAL_FLASH_TEXT("POST /v1/readings\n"));
    cursor_.load(config_.settings->text(Setting::Device));
    hmac_.feed(cursor_);
    hmac_.feed(LINE_FEED);
    body_bytes_ = 0;
    walk_from(Part::BodyStart);
}

void Request::add_status(const volatile Counters& counters) {
    has_status_ = true;
    for (uint8_t i = 0; i < STATUS_COUNT; ++i) {
        status_[i] = status_value(i, config_.life, counters);
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
        walk_from(Part::Head);
        while (next(byte) && part_ <= Part::BodyStart) { // with the body's first byte, its part is over
            ++length_bytes_;
        }
        walk_from(Part::Head);
        return false;
    }
    return true;
}

bool Request::answered_by(uint16_t status, const char* tag) {
    if (tag == nullptr) {
        return false;
    }
    hmac_.begin(config_.settings->address_of(Setting::Key) + 1);
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
        if (part_ == Part::Finished) {
            return false;
        }
        load(part_);
        part_ = following(part_);
    }
    return true;
}

void Request::walk_from(Part part) {
    part_ = part;
    cursor_.clear();
    row_ = 0;
}

const char* Request::text_of(Part part) {
    switch (part) {
    case Part::Head:
        return HAL_FLASH_TEXT("POST /v1/readings HTTP/1.1\r\nHost: ");
    case Part::Authorization:
        return HAL_FLASH_TEXT("\r\nAuthorization: Unolink ");
    case Part::LengthName:
        return HAL_FLASH_TEXT("\r\nContent-Length: ");
    case Part::HeadEnd:
        return HAL_FLASH_TEXT("\r\n\r\n");
    case Part::BodyStart:
        return HAL_FLASH_TEXT("{\"boot\":");
    case Part::Channels:
        return HAL_FLASH_TEXT(",\"channels\":[\"");
    case Part::ChannelBreak:
        return HAL_FLASH_TEXT("\",\"");
    case Part::Readings:
        return HAL_FLASH_TEXT("\"],\"readings\":[[");
    case Part::RowBreak:
        return HAL_FLASH_TEXT("],[");
    case Part::RowsEnd:
        return HAL_FLASH_TEXT("]]");
    case Part::Status:
        return HAL_FLASH_TEXT(",\"status\":{\"");
    case Part::StatusColon:
        return HAL_FLASH_TEXT("\":");
    case Part::StatusBreak:
        return HAL_FLASH_TEXT(",\"");
    case Part::StatusEnd:
    case Part::BodyEnd:
        return HAL_FLASH_TEXT("}");
    case Part::PortColon:
    case Part::TagColon:
        return HAL_FLASH_TEXT(":");
    default:
        return HAL_FLASH_TEXT(",");
    }
}

// Loads the cursor with one part.
void Request::load(Part part) {
    switch (part) {
    case Part::Boot:
        cursor_.load_number(boot_);
        break;
    case Part::Channel:
        cursor_.load(channel_name(channel_));
        break;
    case Part::Seq:
    case Part::Age:
    case Part::Value:
        load_row(part);
        break;
    case Part::StatusName:
        cursor_.load(status_name(channel_));
        break;
    case Part::StatusValue:
        cursor_.load_number(status_[channel_]);
        break;
    default:
        load_head(part);
        break;
    }
}

void Request::load_head(Part part) {
    const Settings& settings = *config_.settings;
    switch (part) {
    case Part::Host:
        cursor_.load(settings.text(Setting::ServerHost));
        break;
    case Part::Port:
        cursor_.load_number(settings.number(Setting::ServerPort));
        break;
    case Part::Device:
        cursor_.load(settings.text(Setting::Device));
        break;
    case Part::Tag:
        cursor_.load_tag(tag_);
        break;
    case Part::Length:
        cursor_.load_number(body_bytes_);
        break;
    default:
        cursor_.load(text_of(part));
        break;
    }
}

void Request::load_row(Part part) {
    if (part == Part::Seq) {
        backlog_.get(row_, reading_);
        cursor_.load_number(reading_.seq);
    } else if (part == Part::Age && boot_ == config_.life.boot) {
        cursor_.load_number(elapsed_ms(reading_.sampled_at_ms, now_ms_));
    } else if (part == Part::Value && reading_.values[column_] != NO_VALUE) {
        const Channel channel = channel_at(channel_);
        cursor_.load_fixed_point(to_unit(channel, reading_.values[column_]), channel.decimals);
    } else {
        cursor_.load(HAL_FLASH_TEXT("null"));
    }
}

// Which part is next; moves on in the loops.
Request::Part Request::following(Part part) {
    switch (part) {
    case Part::Channels:
    case Part::Age:
        channel_ = next_channel(config_.channels, 0);
        column_ = 0;
        break;
    case Part::Channel:
        channel_ = next_channel(config_.channels, channel_ + 1);
        return channel_ == CHANNELS_MAX ? Part::Readings : Part::ChannelBreak;
    case Part::ChannelBreak:
        return Part::Channel;
    case Part::Value:
        return after_value();
    case Part::RowBreak:
        return Part::Seq;
    case Part::RowsEnd:
        channel_ = 0;
        return has_status_ ? Part::Status : Part::BodyEnd;
    case Part::StatusValue:
        return ++channel_ == STATUS_COUNT ? Part::StatusEnd : Part::StatusBreak;
    case Part::StatusBreak:
        return Part::StatusName;
    default:
        break;
    }
    return static_cast<Part>(static_cast<uint8_t>(part) + 1);
}

Request::Part Request::after_value() {
    channel_ = next_channel(config_.channels, channel_ + 1);
    ++column_;
    if (channel_ != CHANNELS_MAX) {
        return Part::ValueComma;
    }
    return ++row_ < rows_ ? Part::RowBreak : Part::RowsEnd;
}

} // namespace unolink
