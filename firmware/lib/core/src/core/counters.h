// Life signs: what this device has done since power-up. Each counter wraps at 2^32.
//
// The one instance is written by the main loop only, a byte at a time on an AVR: read it while the processor
// stands still.
#pragma once

#include <stdint.h>

namespace unolink {

struct Counters {
    uint32_t sampled;      // readings taken
    uint32_t acked;        // readings that the server has acknowledged
    uint32_t rejected;     // readings that the server would not take (400, 413, 422)
    uint32_t dropped;      // readings lost because the queue was full
    uint32_t retries;      // attempts to post that ended with the reading still in the queue
    uint32_t modem_resets; // starts of the modem that were noticed, ordered or not
};

// Adds one. (`++` on a volatile object is deprecated in later C++.)
inline void count(volatile uint32_t& counter) {
    counter = counter + 1;
}

} // namespace unolink
