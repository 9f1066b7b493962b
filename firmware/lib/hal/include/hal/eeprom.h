// Memory that survives power-down. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// One byte; addresses 0 to 1023. An erased byte reads 0xFF. Waits for a write under way: budget 3.4 ms, else
// 5 us.
uint8_t eeprom_read(uint16_t address);

// Would eeprom_write() begin at once? Budget: 5 us.
bool eeprom_ready();

// Begins to write one byte, after the one before is stored: 3.4 ms each (ATmega328P datasheet, EEPROM
// programming time). An equal byte is not written again. A power cut in the middle may leave any value at
// this address, and changes no other. Never in an ISR.
void eeprom_write(uint16_t address, uint8_t value);

} // namespace hal
