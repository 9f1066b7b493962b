#include "core/backlog.h"

#include "core/life.h"  // this_life
#include "core/timer.h" // elapsed_ms
#include "hal/eeprom.h" // eeprom_ready
#include "hal/watchdog.h"

#include <string.h> // memcpy

namespace unolink {

constexpr uint8_t Backlog::RING_BYTES;
constexpr uint16_t Backlog::SPILL_AFTER_MS;

namespace {

// The ring does not keep the boot number: it is this one.
constexpr uint8_t BOOT_BYTES = sizeof(uint32_t);

} // namespace

void Backlog::begin() {
    ring_bytes_ = bytes_of_reading() - BOOT_BYTES;
    ring_capacity_ = parts_of(RING_BYTES, ring_bytes_);
    journal_.begin();
}

bool Backlog::push(const Reading& reading, bool request_under_way) {
    const bool lossless = ring_size_ < ring_capacity_;
    if (!lossless) {
        if (request_under_way) {
            return false;
        }
        pop_ring();
    }
    memcpy(ring_at(ring_size_++), &reading.seq, ring_bytes_);
    return lossless;
}

bool Backlog::get(uint8_t index, Reading& reading) {
    if (index < journal_.size()) {
        return journal_.get(index, reading);
    }
    reading.boot = this_life.boot;
    memcpy(&reading.seq, ring_at(index - journal_.size()), ring_bytes_);
    return true;
}

void Backlog::pop() {
    if (journal_.size() > 0) {
        journal_.pop();
    } else {
        pop_ring();
    }
}

// One place of the ring is kept free for a reading that comes while another moves.
void Backlog::poll(uint32_t now_ms) {
    if (ring_size_ == 0 || journal_.full() || !hal::eeprom_ready()) {
        return;
    }
    Reading oldest;
    get(journal_.size(), oldest);
    const uint8_t size_before = journal_.size();
    const bool due = journal_.appending() || ring_size_ + 1 >= ring_capacity_ ||
                     elapsed_ms(oldest.sampled_at_ms, now_ms) >= SPILL_AFTER_MS;
    if (due && journal_.append_step(oldest) && journal_.size() > size_before) {
        pop_ring();
    }
}

void Backlog::save_all() {
    while (ring_size_ > 0 && !journal_.full()) {
        Reading oldest;
        get(journal_.size(), oldest);
        while (!journal_.append_step(oldest)) {
        }
        pop_ring();
        hal::watchdog_kick();
    }
}

uint8_t* Backlog::ring_at(uint8_t index) {
    return ring_ + around(static_cast<uint8_t>(ring_first_ + index), ring_capacity_) * ring_bytes_;
}

void Backlog::pop_ring() {
    journal_.abandon_append();
    ring_first_ = around(ring_first_ + 1, ring_capacity_);
    --ring_size_;
}

} // namespace unolink
