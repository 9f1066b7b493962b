// Chance that differs from device to device and from start to start: so that a hundred nodes do not come back
// in the same second. Not for secrets.
#pragma once

#include <stdint.h>

namespace unolink {

// Begins the chance of this device and this start.
void random_begin(uint16_t seed);

// `span_ms` give or take a fifth at most.
uint32_t random_around(uint32_t span_ms);

// A delay that doubles with every failure up to a limit. All zero at first.
class Backoff {
  public:
    static constexpr uint8_t UNIT_MS = 250;

    // The delay before the next attempt, in ms and give or take a fifth; call once for each failure. `first`
    // and `most` are in units of UNIT_MS, up to 30,000.
    uint32_t next_ms(uint16_t first, uint16_t most);

    // Call after a success.
    void reset() { next_ = 0; }

  private:
    uint16_t next_;
};

} // namespace unolink
