#include "core/eeprom_map.h"

#include "hal/eeprom.h" // eeprom_read, eeprom_write

namespace unolink {

void read_block(uint16_t address, void* to, uint8_t count) {
    uint8_t* byte = static_cast<uint8_t*>(to);
    for (; count > 0; --count) {
        *byte++ = hal::eeprom_read(address++);
    }
}

void write_block(uint16_t address, const void* from, uint8_t count) {
    const uint8_t* byte = static_cast<const uint8_t*>(from);
    for (; count > 0; --count) {
        hal::eeprom_write(address++, *byte++);
    }
}

void erase_block(uint16_t address, uint16_t count) {
    while (count > 0) {
        hal::eeprom_write(static_cast<uint16_t>(address + --count), 0xFF);
    }
}

} // namespace unolink
