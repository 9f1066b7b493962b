#include "core/text.h"

#include "core/ascii.h" // is_digit
#include "hal/flash.h"  // flash_char

namespace unolink {

namespace {

constexpr uint32_t GREATEST = 99999999; // a digit more still fits

} // namespace

const char* next_text(const char* flash_text) {
    while (hal::flash_char(flash_text++) != '\0') {
    }
    return flash_text;
}

const char* text_at(const char* flash_list, uint8_t index) {
    for (; index > 0; --index) {
        flash_list = next_text(flash_list);
    }
    return flash_list;
}

const char* behind(const char* text, const char* flash_prefix) {
    for (char expected; (expected = hal::flash_char(flash_prefix++)) != '\0'; ++text) {
        if (*text != expected) {
            return nullptr;
        }
    }
    return text;
}

const char* read_number(const char* text, uint32_t& number) {
    for (number = 0; is_digit(*text); ++text) {
        if (number <= GREATEST) {
            number = number * 10 + static_cast<uint8_t>(*text - '0');
        }
    }
    return text;
}

} // namespace unolink
