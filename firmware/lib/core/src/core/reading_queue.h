// Readings that no server has acknowledged yet: a ring in RAM, oldest first.
//
// When it is full, the new reading is refused and the caller counts it: what is already queued may be on its
// way.
#pragma once

#include "core/err.h"

#include <stdint.h>

namespace unolink {

constexpr uint8_t CHANNEL_COUNT = 2; // A0 and A1

struct Reading {
    uint32_t seq;
    uint32_t sampled_at_ms; // on the device's clock, which wraps
    uint16_t values[CHANNEL_COUNT];
};

class ReadingQueue {
  public:
    // 20 readings of 12 bytes: 20 s at one reading a second, longer than a join (15 s) usually takes.
    static constexpr uint8_t CAPACITY = 20;

    // Appends. Full: the queue is unchanged.
    UNOLINK_MUST_CHECK Err push(const Reading& reading);

    // The oldest reading. Only when not empty().
    const Reading& front() const { return ring_[first_]; }

    // Forgets the oldest reading. Only when not empty().
    void pop();

    uint8_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

  private:
    Reading ring_[CAPACITY] = {};
    uint8_t first_ = 0;
    uint8_t size_ = 0;
};

} // namespace unolink
