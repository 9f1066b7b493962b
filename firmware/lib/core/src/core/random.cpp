#include "core/random.h"

namespace unolink {

namespace {

uint16_t state;

} // namespace

void random_begin(uint16_t seed) {
    state = seed == 0 ? 1 : seed;
}

// xorshift (George Marsaglia, Journal of Statistical Software 8(14)) with 16 bits.
uint32_t random_around(uint32_t span_ms) {
    state ^= static_cast<uint16_t>(state << 7);
    state ^= static_cast<uint16_t>(state >> 9);
    state ^= static_cast<uint16_t>(state << 8);
    uint32_t part_ms = span_ms / 8;
    span_ms -= part_ms;
    for (uint8_t bits = static_cast<uint8_t>(state >> 8); bits > 0; bits >>= 1) { // up to two parts more
        if ((bits & 1) != 0) {
            span_ms += part_ms;
        }
        part_ms /= 2;
    }
    return span_ms;
}

uint32_t Backoff::next_ms(uint16_t first, uint16_t most) {
    const uint16_t wait = next_ == 0 ? first : next_;
    next_ = wait > most / 2 ? most : static_cast<uint16_t>(wait * 2);
    return random_around(static_cast<uint32_t>(wait) * UNIT_MS);
}

} // namespace unolink
