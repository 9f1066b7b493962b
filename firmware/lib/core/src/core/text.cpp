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

Found find_text(const char* text, const char* flash_list, uint8_t count, char end) {
    for (uint8_t index = 0; index < count; ++index) {
        const char* rest = behind(text, flash_list);
        if (rest != nullptr && (*rest == '\0' || *rest == end || end == ANY)) {
            return {index, rest};
        }
        flash_list = next_text(flash_list);
    }
    return {count, text};
}

Number read_number(const char* text) {
    uint32_t value = 0;
    for (; is_digit(*text); ++text) {
        if (value <= GREATEST) {
            value = value * 10 + static_cast<uint8_t>(*text - '0');
        }
    }
    return {value, text};
}

} // namespace unolink
