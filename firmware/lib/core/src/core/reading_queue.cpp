#include "core/reading_queue.h"

namespace unolink {

constexpr uint8_t ReadingQueue::CAPACITY;

Err ReadingQueue::push(const Reading& reading) {
    if (size_ == CAPACITY) {
        return Err::Full;
    }
    ring_[(first_ + size_) % CAPACITY] = reading;
    ++size_;
    return Err::None;
}

void ReadingQueue::pop() {
    first_ = (first_ + 1) % CAPACITY;
    --size_;
}

} // namespace unolink
