// Who has which part of the EEPROM's 1,024 bytes, and how values of several bytes lie in it: as in RAM, which
// on an AVR is least significant byte first and without gaps.
#pragma once

#include <stdint.h>

namespace unolink {

constexpr uint16_t LIFE_ADDRESS = 0; // life.h: 4 slots of 14 bytes
constexpr uint16_t SETTINGS_ADDRESS = 64;
constexpr uint16_t SETTINGS_SLOT_BYTES = 240; // settings.h: 2 of them
constexpr uint16_t JOURNAL_ADDRESS = 544;     // journal.h: the rest
constexpr uint16_t JOURNAL_BYTES = 480;
constexpr uint16_t EEPROM_BYTES = 1024;
static_assert(SETTINGS_ADDRESS + 2 * SETTINGS_SLOT_BYTES == JOURNAL_ADDRESS, "the parts touch");
static_assert(JOURNAL_ADDRESS + JOURNAL_BYTES == EEPROM_BYTES, "nothing is left over");

void read_block(uint16_t address, void* to, uint8_t count);

// Waits for each byte but the last to be stored.
void write_block(uint16_t address, const void* from, uint8_t count);

// Erases: every byte becomes 0xFF, the last one first.
void erase_block(uint16_t address, uint16_t count);

} // namespace unolink
