#include "core/counters.h"

namespace unolink {

void count(volatile uint32_t& counter) {
    counter = counter + 1;
}

} // namespace unolink
