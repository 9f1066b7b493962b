// Constants that stay in program memory. On an AVR they are not part of the address space that pointers see,
// so they are read through these functions; elsewhere they are ordinary constants.
#pragma once

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h> // PROGMEM, PSTR, pgm_read_byte, memcpy_P
#define HAL_FLASH PROGMEM
#define HAL_FLASH_TEXT(text) PSTR(text)
#else
#include <string.h> // memcpy
#define HAL_FLASH
#define HAL_FLASH_TEXT(text) (text)
#endif

namespace hal {

// One character of a text that was declared HAL_FLASH or written as HAL_FLASH_TEXT.
inline char flash_char(const char* address) {
#ifdef __AVR__
    return static_cast<char>(pgm_read_byte(address));
#else
    return *address;
#endif
}

// Copies one row of a HAL_FLASH table. `Row` must be trivially copyable.
template <typename Row>
void flash_copy(Row& to, const Row& from) {
#ifdef __AVR__
    if (sizeof(Row) == 1) { // these take a fifth of the code
        reinterpret_cast<uint8_t&>(to) = pgm_read_byte(&from);
    } else if (sizeof(Row) == 2) {
        reinterpret_cast<uint16_t&>(to) = pgm_read_word(&from);
    } else if (sizeof(Row) == 4) {
        reinterpret_cast<uint32_t&>(to) = pgm_read_dword(&from);
    } else {
        memcpy_P(&to, &from, sizeof(Row));
    }
#else
    memcpy(&to, &from, sizeof(Row));
#endif
}

} // namespace hal
