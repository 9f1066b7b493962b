// Time since power-up. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// Starts the clock at 0, and lets interrupts in: all of the board works by them. Called once, before the rest
// of the board.
void clock_start();

// Milliseconds since power-up; wraps to 0 after 2^32 ms (49.7 days). Budget: 5 us.
uint32_t clock_ms();

} // namespace hal
