// How near the stack came to the data.
#pragma once

#include <stdint.h>

namespace hal {

// The least number of bytes between data and stack that was ever free since the start. Budget: 1 ms.
uint16_t stack_free_bytes();

} // namespace hal
