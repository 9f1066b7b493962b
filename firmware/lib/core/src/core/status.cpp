#include "core/status.h"

#include "core/counters.h"
#include "core/life.h" // this_life
#include "core/text.h" // text_at
#include "hal/flash.h" // HAL_FLASH
#include "hal/stack.h" // stack_free_bytes

namespace unolink {

namespace {

// The first four in the order of hal::ResetCause; then counters, against the order of Counter.
const char NAMES[] HAL_FLASH = "resets_power\0"
                               "resets_pin\0"
                               "resets_brownout\0"
                               "resets_watchdog\0"
                               "at_errors\0"
                               "modem_resets\0"
                               "retries\0"
                               "lost\0"
                               "rejected\0"
                               "stack_free";
constexpr uint8_t FIRST_COUNTER = static_cast<uint8_t>(Counter::AtErrors) + Life::CAUSES;

} // namespace

const char* status_name(uint8_t index) {
    return text_at(NAMES, index);
}

uint32_t status_value(uint8_t index) {
    if (index < Life::CAUSES) {
        return this_life.starts[index];
    }
    if (index == STATUS_COUNT - 1) {
        return hal::stack_free_bytes();
    }
    return counted(static_cast<Counter>(FIRST_COUNTER - index));
}

} // namespace unolink
