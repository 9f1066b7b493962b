#include "core/counters.h"

__attribute__((used, externally_visible)) volatile uint32_t unolink_counters[unolink::COUNTER_COUNT];

namespace unolink {

void count(Counter counter) {
    volatile uint32_t& value = unolink_counters[static_cast<uint8_t>(counter)];
    value = value + 1;
}

uint32_t counted(Counter counter) {
    return unolink_counters[static_cast<uint8_t>(counter)];
}

} // namespace unolink
