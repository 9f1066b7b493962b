// Places in a ring.
#pragma once

#include <stdint.h>

namespace unolink {

// `place`, which may be up to one round beyond the end, in a ring of `size` places. (A division is ten times
// the code.)
inline uint8_t around(uint8_t place, uint8_t size) {
    return place < size ? place : static_cast<uint8_t>(place - size);
}

} // namespace unolink
