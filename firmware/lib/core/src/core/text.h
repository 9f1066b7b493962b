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

// Which text of a list it is, and where the one that was held against it goes on.
struct Found {
    uint8_t index;
    const char* rest;
};

// Which of `count` texts in a list in program memory `text` begins with, if nothing or `end` comes behind it;
// or whatever comes, if `end` is ANY. `index` is `count`: none of them, and `rest` is `text`.
Found find_text(const char* text, const char* flash_list, uint8_t count, char end);
constexpr char ANY = '\0';

// A number, and where its text ends.
struct Number {
    uint32_t value;
    const char* end;
};

// Reads the digits at the beginning of `text`. `end` is `text` itself if there are none. What has more than 9
// digits becomes any number above 99,999,999.
Number read_number(const char* text);

} // namespace unolink
