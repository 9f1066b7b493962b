// Chance that differs from device to device and from start to start: so that a hundred nodes do not come back
// in the same second. Not for secrets.
#pragma once

#include <stdint.h>

namespace unolink {

class Random {
  public:
    explicit Random(uint16_t seed) : state_(seed == 0 ? 1 : seed) {}

    // `span_ms` give or take a fifth at most.
    uint32_t around(uint32_t span_ms);

  private:
    uint16_t state_;
};

// A delay that doubles with every failure up to a limit.
class Backoff {
  public:
    Backoff(uint16_t first_ms, uint32_t limit_ms) : first_ms_(first_ms), limit_ms_(limit_ms) {}

    // The delay before the next attempt, give or take a fifth; call once for each failure.
    uint32_t next_ms(Random& random);

    // Call after a success.
    void reset() { next_ms_ = first_ms_; }

  private:
    uint16_t first_ms_;
    uint32_t limit_ms_;
    uint32_t next_ms_ = first_ms_;
};

} // namespace unolink
