// Life signs: what this device has done since power-up. Each counter wraps at 2^32.
#pragma once

#include <stdint.h>

namespace unolink {

enum class Counter : uint8_t {
    Sampled,     // readings taken
    Acked,       // readings that the server has acknowledged
    Rejected,    // readings given up because the server refused them (400, 413, 422)
    Lost,        // readings given up because memory was full or damaged
    Retries,     // requests that were sent and got no acknowledgement
    ModemResets, // starts of the modem that were noticed, asked for or not
    AtErrors,    // answers of the modem other than the expected one, silence included
};
constexpr uint8_t COUNTER_COUNT = 7;

// Adds one.
void count(Counter counter);

// How often it was counted.
uint32_t counted(Counter counter);

} // namespace unolink

// A debugger or simulator finds the counters by this name in the image's symbol table. They are written by
// the main loop only, a byte at a time on an AVR: read them while the processor stands still.
extern "C" {
extern volatile uint32_t unolink_counters[unolink::COUNTER_COUNT];
}
