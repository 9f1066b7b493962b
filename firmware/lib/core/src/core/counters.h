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
    uint32_t rejected;     // readings given up because the server refused them (400, 413, 422)
    uint32_t lost;         // readings given up because memory was full or damaged
    uint32_t retries;      // requests that were sent and got no acknowledgement
    uint32_t modem_resets; // starts of the modem that were noticed, asked for or not
    uint32_t at_errors;    // answers of the modem other than the expected one, silence included
};

// Adds one. (`++` on a volatile object is deprecated in later C++.)
void count(volatile uint32_t& counter);

} // namespace unolink
