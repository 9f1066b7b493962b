// Which life of this board it is, and how its lives began: numbers in EEPROM that rise at every start and
// never go back.
//
// Four slots take turns. The valid one with the greatest boot number holds the present numbers, and the next
// ones are written over the slot after it, so a power cut in the middle of a write costs only the oldest
// slot. A boot number that was being written when the power went may be used again: it has not been sent,
// because it is stored before anything is sent. A slot is the boot number (4 bytes), four counts of starts (2
// bytes each, which stop at 65,535) and their CRC-16.
#pragma once

#include "core/err.h"

#include "hal/watchdog.h" // ResetCause

#include <stdint.h>

namespace unolink {

struct Life {
    static constexpr uint8_t CAUSES = 4; // the first of hal::ResetCause; a start that was asked for is none

    uint32_t boot;
    uint16_t starts[CAUSES]; // by hal::ResetCause
};

// The present one, from begin_life() on.
extern Life this_life;

// Counts this start and raises the boot number, stores both, reads them back. Blocks for up to 14 EEPROM
// writes (48 ms).
// None: `this_life.boot` is at least 1. Corrupt: the EEPROM does not keep what is written; `this_life` must
// not be used.
UNOLINK_MUST_CHECK Err begin_life(hal::ResetCause cause);

} // namespace unolink
