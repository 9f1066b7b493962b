#include "core/sampler.h"

#include "core/timer.h" // elapsed_ms

namespace unolink {

bool Sampler::poll(uint32_t now_ms, Reading& reading) {
    if (!measuring_ && elapsed_ms(last_due_ms_, now_ms) >= interval_ms_) {
        begin(now_ms);
    }
    if (!measuring_ || !done(now_ms)) {
        return false;
    }
    int16_t* value = reading.values;
    for (uint8_t i = next_channel(channels_, 0); i < CHANNELS_MAX; i = next_channel(channels_, i + 1)) {
        *value++ = raw_value(channel_at(i));
    }
    reading.seq = next_seq_++;
    reading.sampled_at_ms = now_ms;
    measuring_ = false;
    return true;
}

void Sampler::begin(uint32_t now_ms) {
    measuring_ = true;
    last_due_ms_ += interval_ms_;
    if (elapsed_ms(last_due_ms_, now_ms) >= interval_ms_) {
        last_due_ms_ = now_ms;
    }
    for (uint8_t i = next_channel(channels_, 0); i < CHANNELS_MAX; i = next_channel(channels_, i + 1)) {
        begin_measurement(channel_at(i), now_ms);
    }
}

bool Sampler::done(uint32_t now_ms) const {
    for (uint8_t i = next_channel(channels_, 0); i < CHANNELS_MAX; i = next_channel(channels_, i + 1)) {
        if (!measured(channel_at(i), now_ms)) {
            return false;
        }
    }
    return true;
}

} // namespace unolink
