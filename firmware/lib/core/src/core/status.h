// The node's own counters by the names that the wire protocol gives them.
#pragma once

#include <stdint.h>

namespace unolink {

constexpr uint8_t STATUS_COUNT = 10;

// The name of counter `index`, 0 to STATUS_COUNT - 1, in program memory.
const char* status_name(uint8_t index);

// Its value now.
uint32_t status_value(uint8_t index);

} // namespace unolink
