// Memory that survives power-down. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// One byte; addresses 0 to 1023. An erased byte reads 0xFF. Budget: 5 us.
uint8_t eeprom_read(uint16_t address);

// Writes one byte, and waits until it is stored: 3.4 ms (ATmega328P datasheet, 8.6.3). An equal byte is not
// written again. A power cut in the middle may leave any value at this address, and changes no other. Never
// in an ISR.
void eeprom_write(uint16_t address, uint8_t value);

} // namespace hal
