#include "core/text_cursor.h"

#include "core/base64url.h" // base64url_character
#include "hal/eeprom.h"     // eeprom_read
#include "hal/flash.h"      // flash_char

namespace unolink {

namespace {

constexpr uint8_t TAG_CHARACTERS = 22;

} // namespace

void TextCursor::load(const char* flash_text) {
    kind_ = Kind::Flash;
    position_ = flash_text;
}

void TextCursor::load(StoredText text) {
    kind_ = Kind::Stored;
    count_ = hal::eeprom_read(text.address);
    address_ = static_cast<uint16_t>(text.address + 1);
}

void TextCursor::load_quoted(StoredText text) {
    load(text);
    kind_ = Kind::Opening;
}

void TextCursor::load_fixed_point(int16_t value, uint8_t decimals) {
    const bool negative = value < 0;
    const uint16_t magnitude = static_cast<uint16_t>(negative ? -value : value);
    load_decimal(magnitude, negative, decimals);
}

void TextCursor::load_tag(const uint8_t* bytes) {
    kind_ = Kind::Tag;
    count_ = 0;
    tag_ = bytes;
}

void TextCursor::load_decimal(uint32_t magnitude, bool negative, uint8_t decimals) {
    kind_ = Kind::Digits;
    uint8_t count = 0;
    do {
        if (count > 0 && count == decimals) {
            digits_[count++] = '.';
            decimals = 0;
        }
        digits_[count++] = static_cast<char>('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0 || count <= decimals);
    if (negative) {
        digits_[count++] = '-';
    }
    count_ = count;
}

bool TextCursor::next(uint8_t& byte) {
    switch (kind_) {
    case Kind::Flash:
        byte = static_cast<uint8_t>(hal::flash_char(position_++));
        if (byte == '\0') {
            kind_ = Kind::Empty;
        }
        return byte != '\0';
    case Kind::Opening:
        kind_ = Kind::Quoted;
        byte = '"';
        return true;
    case Kind::Stored:
    case Kind::Quoted:
    case Kind::Escaped:
        return next_stored(byte);
    case Kind::Digits:
        if (count_ == 0) {
            return false;
        }
        byte = static_cast<uint8_t>(digits_[--count_]);
        return true;
    case Kind::Tag:
        if (count_ == TAG_CHARACTERS) {
            return false;
        }
        byte = next_tag_character();
        return true;
    case Kind::Empty:
        break;
    }
    return false;
}

bool TextCursor::next_stored(uint8_t& byte) {
    const bool quoted = kind_ != Kind::Stored;
    if (count_ == 0) {
        kind_ = Kind::Empty;
        byte = '"';
        return quoted;
    }
    byte = hal::eeprom_read(address_);
    const bool special = byte == '"' || byte == ',' || byte == '\\';
    if (special && kind_ == Kind::Quoted) {
        kind_ = Kind::Escaped; // the same character again, now as itself
        byte = '\\';
        return true;
    }
    kind_ = quoted ? Kind::Quoted : Kind::Stored;
    ++address_;
    --count_;
    return true;
}

// Each character stands for 6 bits; the last one for the last 2 and four zeros.
uint8_t TextCursor::next_tag_character() {
    const uint8_t bit = static_cast<uint8_t>(count_++ * 6);
    const uint8_t index = bit / 8;
    const uint16_t low = index + 1 < 16 ? tag_[index + 1] : 0;
    const uint16_t window = static_cast<uint16_t>(tag_[index] << 8 | low);
    return static_cast<uint8_t>(base64url_character(window >> (10 - bit % 8) & 63));
}

} // namespace unolink
