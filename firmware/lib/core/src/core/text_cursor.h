// Produces one piece of outgoing text at a time, byte by byte: a constant, a string, a quoted AT string or a
// number.
//
// Long texts are made by loading one piece after the other, so no buffer has to hold a whole command or
// request. A copy is independent of the original: walking a copy tells a text's length before it is sent.
#pragma once

#include <stdint.h>

namespace unolink {

class TextCursor {
  public:
    // A constant in program memory (HAL_FLASH_TEXT).
    void load_flash(const char* text);

    // A string in RAM, which must outlive the cursor's use of it.
    void load_text(const char* text);

    // The same as an AT string parameter: in quotes, with a backslash before " , and \ (AT instruction
    // set, 1.x).
    void load_quoted(const char* text);

    // A decimal number without leading zeros.
    void load_number(uint32_t number);

    // Takes the next byte of the piece. False: the piece is finished.
    bool next(uint8_t& byte);

  private:
    enum class Kind : uint8_t { Empty, Flash, Text, Quoted, Escaped, Number };
    static constexpr uint8_t MAX_DIGITS = 10; // of a uint32_t

    bool next_quoted(uint8_t& byte);
    bool finish(char last, uint8_t& byte);

    Kind kind_ = Kind::Empty;
    uint8_t digit_count_ = 0;
    bool opened_ = false;
    char digits_[MAX_DIGITS] = {}; // last digit first
    const char* position_ = nullptr;
};

} // namespace unolink
