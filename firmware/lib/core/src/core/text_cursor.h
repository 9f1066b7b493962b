// Produces one piece of outgoing text at a time, byte by byte: a constant, a text from EEPROM, a quoted AT
// string, a number or a tag.
//
// Long texts are made by loading one piece after the other, so no buffer has to hold a whole command or
// request. A copy is independent of the original.
#pragma once

#include <stdint.h>

namespace unolink {

// A text in EEPROM: the address of its length byte, behind which its bytes lie.
struct StoredText {
    uint16_t address;
};

// Before anything else it is cleared or loaded.
class TextCursor {
  public:
    // Nothing.
    void clear() { kind_ = Kind::Empty; }

    // A constant in program memory (HAL_FLASH_TEXT).
    void load(const char* flash_text);

    // A text in EEPROM.
    void load(StoredText text);

    // The same as an AT string parameter: in quotes, with a backslash before " , and \ (AT instruction
    // set, 1.x; ESP-AT takes the same escapes).
    void load_quoted(StoredText text);

    // A decimal number without leading zeros.
    void load_number(uint32_t number) { load_decimal(number, false, 0); }

    // `value` divided by ten to the power of `decimals` (0 to 3): -215 with 1 is -21.5.
    void load_fixed_point(int16_t value, uint8_t decimals);

    // 16 bytes in base64url without padding (RFC 4648, section 5): 22 characters. They must outlive it.
    void load_tag(const uint8_t* bytes);

    // Takes the next byte of the piece. False: the piece is finished.
    bool next(uint8_t& byte);

  private:
    enum class Kind : uint8_t { Empty, Flash, Stored, Opening, Quoted, Escaped, Digits, Tag };
    static constexpr uint8_t MAX_DIGITS = 12; // of a uint32_t, with sign and point

    __attribute__((noinline)) void load_decimal(uint32_t magnitude, bool negative, uint8_t decimals);
    bool next_stored(uint8_t& byte);
    uint8_t next_tag_character();

    Kind kind_;
    uint8_t count_; // what is left of digits and of a text in EEPROM; what has been said of a tag
    union {
        const char* position_;
        const uint8_t* tag_;
        uint16_t address_;
    };
    char digits_[MAX_DIGITS]; // last digit first
};

} // namespace unolink
