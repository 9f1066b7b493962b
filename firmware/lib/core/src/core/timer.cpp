#include "core/timer.h"

namespace unolink {

void Timer::start(uint32_t duration_ms, uint32_t now_ms) {
    started_at_ms_ = now_ms;
    duration_ms_ = duration_ms;
}

bool Timer::expired(uint32_t now_ms) const {
    return elapsed_ms(started_at_ms_, now_ms) >= duration_ms_;
}

} // namespace unolink
