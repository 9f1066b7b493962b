// Reads texts that end with '\0', and lists of constants to hold them against.
#pragma once

#include <stdint.h>

namespace unolink {

// Behind `flash_text`, in program memory, stands another one: where it begins.
const char* next_text(const char* flash_text);

// The text at `index` of a list in program memory, which is one text behind the other.
const char* text_at(const char* flash_list, uint8_t index);

// Where `text` goes on behind `flash_prefix`. Null: it does not begin with it.
const char* behind(const char* text, const char* flash_prefix);

// Reads the digits at the beginning of `text`, and says where they end: at `text` itself if there are none.
// What has more than 9 digits becomes any number above 99,999,999.
const char* read_number(const char* text, uint32_t& number);

} // namespace unolink
