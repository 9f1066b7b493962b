// A span of time on a clock that wraps.
//
// Only differences of uint32_t are compared, so the wrap of the clock after 49.7 days is no special case. A
// span may last up to 2^32 - 1 ms, provided that expired() is asked at least once before the clock comes
// round again.
#pragma once

#include <stdint.h>

namespace unolink {

// Milliseconds from `since_ms` to `now_ms`, across the wrap.
inline uint32_t elapsed_ms(uint32_t since_ms, uint32_t now_ms) {
    return now_ms - since_ms;
}

// Not inline: eight bytes to move or compare, at each of a dozen places.
class Timer {
  public:
    __attribute__((noinline)) void start(uint32_t duration_ms, uint32_t now_ms);
    __attribute__((noinline)) bool expired(uint32_t now_ms) const;

  private:
    uint32_t started_at_ms_;
    uint32_t duration_ms_;
};

} // namespace unolink
