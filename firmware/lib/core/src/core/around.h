// Places in a ring, and in whatever else is full at some time. (A division is ten times the code.)
#pragma once

#include <stdint.h>

namespace unolink {

// `place`, which may be up to one round beyond the end, in a ring of `size` places.
inline uint8_t around(uint8_t place, uint8_t size) {
    return place < size ? place : static_cast<uint8_t>(place - size);
}

// How many parts of `part` there are in `whole`.
uint8_t parts_of(uint16_t whole, uint8_t part);

} // namespace unolink
