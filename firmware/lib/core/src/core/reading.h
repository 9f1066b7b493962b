// One measurement of all channels, as it waits for the server.
#pragma once

#include "core/sensors.h" // CHANNELS_MAX

#include <stdint.h>

namespace unolink {

struct Reading {
    uint32_t boot; // at least 1
    uint32_t seq;
    uint32_t sampled_at_ms;       // on the clock of that boot, which wraps
    int16_t values[CHANNELS_MAX]; // raw, one for each channel in use, in the order of the table
};

// How much of a Reading is in use, from its beginning.
inline uint8_t bytes_of_reading() {
    return static_cast<uint8_t>(3 * sizeof(uint32_t) + channel_count() * sizeof(int16_t));
}

} // namespace unolink
