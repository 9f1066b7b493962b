#include "core/text_cursor.h"

#include "hal/flash.h" // flash_char

namespace unolink {

void TextCursor::load_flash(const char* text) {
    kind_ = Kind::Flash;
    position_ = text;
}

void TextCursor::load_text(const char* text) {
    kind_ = Kind::Text;
    position_ = text;
}

void TextCursor::load_quoted(const char* text) {
    kind_ = Kind::Quoted;
    position_ = text;
    opened_ = false;
}

void TextCursor::load_number(uint32_t number) {
    kind_ = Kind::Number;
    digit_count_ = 0;
    do {
        digits_[digit_count_++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
}

bool TextCursor::finish(char last, uint8_t& byte) {
    kind_ = Kind::Empty;
    byte = static_cast<uint8_t>(last);
    return true;
}

bool TextCursor::next_quoted(uint8_t& byte) {
    const char character = *position_;
    if (!opened_) {
        opened_ = true;
        byte = '"';
        return true;
    }
    if (character == '\0') {
        return finish('"', byte);
    }
    const bool special = character == '"' || character == ',' || character == '\\';
    if (special && kind_ == Kind::Quoted) {
        kind_ = Kind::Escaped; // the same character again, now as itself
        byte = '\\';
        return true;
    }
    kind_ = Kind::Quoted;
    ++position_;
    byte = static_cast<uint8_t>(character);
    return true;
}

bool TextCursor::next(uint8_t& byte) {
    if (kind_ == Kind::Empty) {
        return false;
    }
    if (kind_ == Kind::Quoted || kind_ == Kind::Escaped) {
        return next_quoted(byte);
    }
    if (kind_ == Kind::Number) {
        if (digit_count_ == 0) {
            return false;
        }
        byte = static_cast<uint8_t>(digits_[--digit_count_]);
        return true;
    }
    const char character = kind_ == Kind::Flash ? hal::flash_char(position_) : *position_;
    if (character == '\0') {
        return false;
    }
    ++position_;
    byte = static_cast<uint8_t>(character);
    return true;
}

} // namespace unolink
