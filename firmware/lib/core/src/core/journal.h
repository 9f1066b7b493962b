// Readings in EEPROM, oldest first: what outlives a power cut.
//
// Rules: slots of equal size are used in turn, so all wear alike. A slot is written to its end before its
// first byte says that it counts, and that byte alone is changed to forget it: a power cut in the middle of
// any write leaves the slot either counting or not, and touches no other. A full journal takes nothing more;
// nothing in it is overwritten before the server has it, so a long outage wears each cell once.
//
// A slot is: COUNTS or anything else (1 byte), the reading as it lies in RAM (boot, seq and time of the
// sample, 4 bytes each, and 2 for each raw value), and its CRC-16, begun with the set of channels.
//
// It does not choose what to keep: the backlog does.
#pragma once

#include "core/around.h"
#include "core/reading.h"

#include <stdint.h>

namespace unolink {

class Journal {
  public:
    // Finds what an earlier life left behind. The channels in use decide the size of a slot.
    void begin();

    uint8_t size() const { return size_; }
    bool full() const { return size_ == slots_; }

    // Copies the reading at `index`, 0 to size() - 1, oldest first. False: it is damaged.
    bool get(uint8_t index, Reading& reading) const;

    // Forgets the oldest reading. Only when size() is not 0.
    void pop();

    // Writes one more byte of `reading` behind the newest one; begins with it if nothing is being written.
    // Call again, with the same reading, until it returns true: then the reading is in the journal, or the
    // slot is worn out and it is not (`size` tells). Only when not full(), and when hal::eeprom_ready().
    bool append_step(const Reading& reading);

    // Forgets what append_step() has begun.
    void abandon_append() { written_ = 0; }

    // Is a reading half written?
    bool appending() const { return written_ > 0; }

    // Takes everything away, whatever it was made of. Takes up to 1.6 s.
    static void erase();

  private:
    uint16_t address_of(uint8_t place) const;
    uint8_t place_of(uint8_t index) const { return around(static_cast<uint8_t>(first_ + index), slots_); }
    bool read(uint8_t place, Reading& reading) const;

    uint16_t crc_start_;
    uint8_t reading_bytes_;
    uint8_t slots_;
    uint8_t first_; // place of the oldest
    uint8_t size_;
    uint8_t written_; // bytes of a new slot
};

} // namespace unolink
