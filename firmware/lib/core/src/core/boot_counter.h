// Which life of this board it is: a number in EEPROM that rises at every start and never goes back.
//
// Two slots take turns. The newer valid one holds the present number, and the next number is written over the
// other, so a power cut in the middle of a write costs only a slot that was not needed. A number that was
// being written when the power went may be used again: it has not been sent, because it is stored before
// anything is sent. Each slot is a number (4 bytes, little endian) and its CRC-16 (polynomial 0x1021, start
// 0xFFFF); erased EEPROM (all 0xFF) fails the CRC.
#pragma once

#include "core/err.h"

#include <stdint.h>

namespace unolink {

constexpr uint16_t BOOT_SLOT_ADDRESSES[2] = {0, 8};

// Raises the number, stores it, reads it back. Blocks for up to 6 EEPROM writes (20 ms).
// None: `boot` is at least 1. Corrupt: the EEPROM does not keep what is written; `boot` must not be used.
UNOLINK_MUST_CHECK Err raise_boot_counter(uint32_t& boot);

} // namespace unolink
