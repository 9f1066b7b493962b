#include "core/crc16.h"

#include "hal/eeprom.h" // eeprom_read

namespace unolink {

uint16_t crc16(uint16_t crc, uint8_t byte) {
    crc ^= static_cast<uint16_t>(byte << 8);
    for (uint8_t bit = 0; bit < 8; ++bit) {
        const bool carry = (crc & 0x8000) != 0;
        crc = static_cast<uint16_t>(crc << 1);
        if (carry) {
            crc ^= 0x1021;
        }
    }
    return crc;
}

uint16_t crc16_of(uint16_t crc, const void* bytes, uint8_t count) {
    const uint8_t* byte = static_cast<const uint8_t*>(bytes);
    for (; count > 0; --count) {
        crc = crc16(crc, *byte++);
    }
    return crc;
}

uint16_t crc16_of_eeprom(uint16_t crc, uint16_t address, uint8_t count) {
    for (; count > 0; --count) {
        crc = crc16(crc, hal::eeprom_read(address++));
    }
    return crc;
}

} // namespace unolink
