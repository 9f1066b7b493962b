#include "core/status.h"

#include "core/text.h" // text_at
#include "hal/flash.h" // HAL_FLASH
#include "hal/stack.h" // stack_free_bytes

namespace unolink {

namespace {

// The first four in the order of hal::ResetCause.
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

} // namespace

const char* status_name(uint8_t index) {
    return text_at(NAMES, index);
}

uint32_t status_value(uint8_t index, const Life& life, const volatile Counters& counters) {
    switch (index) {
    case 4:
        return counters.at_errors;
    case 5:
        return counters.modem_resets;
    case 6:
        return counters.retries;
    case 7:
        return counters.lost;
    case 8:
        return counters.rejected;
    case 9:
        return hal::stack_free_bytes();
    default:
        return life.starts[index];
    }
}

} // namespace unolink
