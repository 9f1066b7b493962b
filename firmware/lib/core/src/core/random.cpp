#include "core/random.h"

namespace unolink {

// xorshift (George Marsaglia, Journal of Statistical Software 8(14)) with 16 bits.
uint32_t Random::around(uint32_t span_ms) {
    state_ ^= static_cast<uint16_t>(state_ << 7);
    state_ ^= static_cast<uint16_t>(state_ >> 9);
    state_ ^= static_cast<uint16_t>(state_ << 8);
    const int8_t steps = static_cast<int8_t>((state_ >> 11) - 16); // of a 128th: an eighth at most
    return span_ms + span_ms / 128 * static_cast<uint32_t>(steps);
}

uint32_t Backoff::next_ms(Random& random) {
    const uint32_t delay_ms = next_ms_;
    next_ms_ = delay_ms > limit_ms_ / 2 ? limit_ms_ : delay_ms * 2;
    return random.around(delay_ms);
}

} // namespace unolink
