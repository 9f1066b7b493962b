// Readings that no server has acknowledged yet, oldest first: the journal in EEPROM, and behind it a ring in
// RAM.
//
// A reading begins in the ring. When the ring is nearly full, or its oldest reading has waited for long, that
// one moves to the journal, a byte at a time. When the journal is full too, the oldest reading of the ring is
// given up for a new one: what a long outage costs is its middle. While a request is being made of them,
// nothing is given up but the new reading itself.
#pragma once

#include "core/journal.h"
#include "core/reading.h"

#include <stdint.h>

namespace unolink {

class Backlog {
  public:
    // The ring, in bytes: 16 readings of two channels, 5 of all fourteen.
    static constexpr uint8_t RING_BYTES = 192;

    // How long a reading may wait in RAM, where a power cut would take it. Shorter troubles write nothing.
    static constexpr uint16_t SPILL_AFTER_MS = 30000;

    // Finds what an earlier life left behind.
    void begin();

    // Takes a new reading of this life. False: a reading was given up for it, or it was given up itself.
    bool push(const Reading& reading, bool request_under_way);

    uint8_t size() const { return static_cast<uint8_t>(journal_.size() + ring_size_); }

    // Copies the reading at `index`, 0 to size() - 1. False: it is damaged.
    bool get(uint8_t index, Reading& reading);

    // Forgets the oldest reading. Only when size() is not 0.
    void pop();

    // Moves readings to the journal when it is time. Call in every round of the loop; writes one byte at
    // most.
    void poll(uint32_t now_ms);

    // Moves what fits to the journal, now: before a restart. Takes up to 2 s.
    void save_all();

  private:
    uint8_t* ring_at(uint8_t index);
    void pop_ring();

    uint8_t ring_bytes_; // of a reading
    uint8_t ring_capacity_;
    uint8_t ring_first_;
    uint8_t ring_size_;
    Journal journal_;
    uint8_t ring_[RING_BYTES];
};

} // namespace unolink
