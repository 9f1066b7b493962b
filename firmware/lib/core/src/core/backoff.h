// How long to wait before the next attempt: the delay doubles with every failure up to a limit.
#pragma once

#include <stdint.h>

namespace unolink {

class Backoff {
  public:
    static constexpr uint16_t FIRST_MS = 250;
    static constexpr uint16_t LIMIT_MS = 8000; // so that a server that comes back is found within 8 s

    // The delay before the next attempt; call once for each failure.
    uint16_t next_ms() {
        const uint16_t delay_ms = next_ms_;
        next_ms_ = delay_ms > LIMIT_MS / 2 ? LIMIT_MS : static_cast<uint16_t>(delay_ms * 2);
        return delay_ms;
    }

    // Call after a success.
    void reset() { next_ms_ = FIRST_MS; }

  private:
    uint16_t next_ms_ = FIRST_MS;
};

} // namespace unolink
