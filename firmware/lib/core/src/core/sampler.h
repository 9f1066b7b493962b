// When to sample, and how: the cadence, and the measurement of all channels in use.
//
// The cadence does not drift: each due time follows from the one before, not from the moment it was noticed.
// If the loop was away for longer than an interval, one sample is taken and the cadence starts anew; missed
// ones are not made up. Sensors that take time are all started together.
#pragma once

#include "core/reading.h"

#include <stdint.h>

namespace unolink {

class Sampler {
  public:
    // `interval_ms` at least 1. The first sample is due at once.
    void begin(uint32_t interval_ms, uint32_t now_ms) {
        interval_ms_ = interval_ms;
        last_due_ms_ = now_ms - interval_ms;
    }

    // Goes on with what is due. True: a sample is complete, and `reading` is it, but for its boot; its seq is
    // one more than the last one's, from 0. Call in every round of the loop.
    bool poll(uint32_t now_ms, Reading& reading);

  private:
    bool begin_measurements(uint32_t now_ms);

    uint32_t interval_ms_;
    uint32_t last_due_ms_;
    uint32_t next_seq_;
    bool measuring_;
};

} // namespace unolink
