// CRC-16 with polynomial 0x1021, most significant bit first.
#pragma once

#include <stdint.h>

namespace unolink {

// An erased EEPROM (all 0xFF) does not check out with this start.
constexpr uint16_t CRC16_START = 0xFFFF;

// `crc` over what came before, with one byte more.
uint16_t crc16(uint16_t crc, uint8_t byte);

// ... with `count` bytes of RAM more.
uint16_t crc16_of(uint16_t crc, const void* bytes, uint8_t count);

// ... with `count` bytes of EEPROM more.
uint16_t crc16_of_eeprom(uint16_t crc, uint16_t address, uint8_t count);

} // namespace unolink
