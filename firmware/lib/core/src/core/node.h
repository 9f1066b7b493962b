// A whole sensor node without its board: sampler, queue, modem session and uplink, joined.
//
// The loop that owns it gives it every received byte, calls poll(), gives it a sample when one is due, and
// sends what next_tx() hands out, in any order and at any pace. Nothing here waits.
#pragma once

#include "core/at_session.h"
#include "core/config.h"
#include "core/counters.h"
#include "core/reading_queue.h"
#include "core/sampler.h"
#include "core/status_led.h"
#include "core/uplink.h"

#include <stdint.h>

namespace unolink {

class Node {
  public:
    // `boot` is this life's number; `config` and `counters` must outlive the node.
    Node(const Config& config, uint32_t boot, volatile Counters& counters, uint32_t now_ms)
        : counters_(counters), sampler_(config.sample_interval_ms, now_ms),
          session_(config, counters, now_ms), uplink_(config, boot, session_, queue_, counters) {}

    // Takes a byte from the modem.
    void receive(uint8_t byte, uint32_t now_ms) {
        if (session_.receive(byte, now_ms)) {
            uplink_.receive(byte);
        }
    }

    // Acts on time. Call in every round of the loop.
    void poll(uint32_t now_ms) {
        session_.poll(now_ms);
        uplink_.poll(now_ms);
    }

    // The next byte for the modem. False: nothing to send now.
    bool next_tx(uint8_t& byte);

    bool sample_due(uint32_t now_ms) const { return sampler_.due(now_ms); }

    // Queues a sample, or counts it as dropped. `values` has CHANNEL_COUNT raw conversions, 0 to 1023.
    void add_sample(const uint16_t* values, uint32_t now_ms);

    // What the LED should say.
    Sign sign() const;

  private:
    volatile Counters& counters_;
    Sampler sampler_;
    ReadingQueue queue_;
    AtSession session_;
    Uplink uplink_;
};

} // namespace unolink
