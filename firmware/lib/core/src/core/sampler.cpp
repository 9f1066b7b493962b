#include "core/sampler.h"

#include "core/timer.h" // elapsed_ms

namespace unolink {

bool Sampler::poll(uint32_t now_ms, Reading& reading) {
    if (!measuring_ && !begin_measurements(now_ms)) {
        return false;
    }
    for (uint8_t i = 0; (i = next_channel(i)) < CHANNELS_MAX; ++i) {
        if (!measured(i, now_ms)) {
            return false;
        }
    }
    int16_t* value = reading.values;
    for (uint8_t i = 0; (i = next_channel(i)) < CHANNELS_MAX; ++i) {
        *value++ = raw_value(i);
    }
    reading.seq = next_seq_++;
    reading.sampled_at_ms = now_ms;
    measuring_ = false;
    return true;
}

// If it is time.
bool Sampler::begin_measurements(uint32_t now_ms) {
    const uint32_t late_ms = elapsed_ms(last_due_ms_, now_ms) - interval_ms_;
    if (static_cast<int32_t>(late_ms) < 0) {
        return false;
    }
    last_due_ms_ = late_ms < interval_ms_ ? last_due_ms_ + interval_ms_ : now_ms;
    measuring_ = true;
    for (uint8_t i = 0; (i = next_channel(i)) < CHANNELS_MAX; ++i) {
        begin_measurement(i, now_ms);
    }
    return true;
}

} // namespace unolink
