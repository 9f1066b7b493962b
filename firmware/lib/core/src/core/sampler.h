// When to sample, and which number the sample gets.
//
// The cadence does not drift: each due time follows from the one before, not from the moment it was noticed.
// If the loop was away for longer than an interval, one sample is taken and the cadence starts anew; missed
// ones are not made up.
#pragma once

#include "core/timer.h"

#include <stdint.h>

namespace unolink {

class Sampler {
  public:
    // `interval_ms` at least 1. The first sample is due at once.
    Sampler(uint32_t interval_ms, uint32_t now_ms)
        : interval_ms_(interval_ms), last_due_ms_(now_ms - interval_ms) {}

    bool due(uint32_t now_ms) const { return elapsed_ms(last_due_ms_, now_ms) >= interval_ms_; }

    // Call when a sample was taken. Returns its sequence number: 0, 1, 2, ...
    uint32_t take(uint32_t now_ms) {
        last_due_ms_ += interval_ms_;
        if (due(now_ms)) {
            last_due_ms_ = now_ms;
        }
        return next_seq_++;
    }

  private:
    uint32_t interval_ms_;
    uint32_t last_due_ms_;
    uint32_t next_seq_ = 0;
};

} // namespace unolink
