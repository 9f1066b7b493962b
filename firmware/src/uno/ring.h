// A ring of bytes for one writer and one reader, of which either may be an interrupt. Its indices are single
// bytes, so each side reads the other's in one instruction. One place stays free, to tell a full ring from an
// empty one.
#pragma once

#include <stdint.h>

namespace uno {

template <uint8_t SIZE>
class Ring {
    static_assert((SIZE & (SIZE - 1)) == 0, "indices wrap by masking");

  public:
    bool empty() const { return head_ == tail_; }
    uint8_t room() const { return static_cast<uint8_t>(tail_ - head_ - 1) & (SIZE - 1); }

    // Only when room() is not 0.
    void put(uint8_t byte) {
        bytes_[head_] = byte;
        head_ = static_cast<uint8_t>(head_ + 1) & (SIZE - 1);
    }

    // Only when not empty().
    uint8_t take() {
        const uint8_t byte = bytes_[tail_];
        tail_ = static_cast<uint8_t>(tail_ + 1) & (SIZE - 1);
        return byte;
    }

    void clear() { tail_ = head_; }

  private:
    volatile uint8_t bytes_[SIZE] = {};
    volatile uint8_t head_ = 0;
    volatile uint8_t tail_ = 0;
};

} // namespace uno
