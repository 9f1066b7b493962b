// Time since power-up. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// Milliseconds since power-up; wraps to 0 after 2^32 ms (49.7 days). Budget: 5 us.
uint32_t clock_ms();

} // namespace hal
