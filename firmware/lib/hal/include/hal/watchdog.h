// Restarts the node when its loop stands still, and tells why it has started.
#pragma once

#include <stdint.h>

namespace hal {

enum class ResetCause : uint8_t {
    Power,    // power was applied
    Pin,      // the reset button, or a computer that opened the serial port
    Brownout, // the supply fell too low
    Watchdog, // the loop stood still for 8 s
    Asked,    // restart() was called
};

// Why this life began. Called once, at its beginning.
ResetCause reset_cause();

// Starts the watchdog: from now on, 8 s without watchdog_kick() end in a reset.
void watchdog_start();

// The loop is alive. Called from the main loop only, and in loops that may take seconds.
void watchdog_kick();

// Starts the node anew. Does not return.
[[noreturn]] void restart();

} // namespace hal
