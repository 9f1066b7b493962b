// What brings readings to the server: backlog, modem session and uplink, joined.
//
// The loop that owns it gives it every reading and every byte of the modem, calls poll(), and sends what
// next_tx() hands out, in any order and at any pace. Nothing here waits.
#pragma once

#include "core/at_session.h"
#include "core/backlog.h"
#include "core/status_led.h"
#include "core/uplink.h"

#include <stdint.h>

namespace unolink {

// Before begin() all of it is zero.
class Node {
  public:
    // Of `this_life`, with the channels in use. The modem's line is open in way 0.
    void begin(uint32_t now_ms);

    // Takes a byte from the modem.
    void receive(uint8_t byte, uint32_t now_ms) {
        if (session_.receive(byte, now_ms)) {
            uplink_.receive(byte);
        }
    }

    // Takes a new reading of this life. One without any value is lost.
    void add(const Reading& reading);

    // Acts on time. Call in every round of the loop. Takes up to 50 ms.
    void poll(uint32_t now_ms);

    // The next byte for the modem. False: nothing to send now.
    bool next_tx(uint8_t& byte);

    // Puts what waits in RAM into the journal: before a restart. Takes up to 2 s.
    void save_backlog() { backlog_.save_all(); }

    // How many readings wait for the server.
    uint8_t waiting() const { return backlog_.size(); }

    // Was a connection to the server ever open in this life?
    bool was_connected() const { return session_.was_linked(); }

    // What the LED should say.
    Sign sign() const;

  private:
    Backlog backlog_;
    AtSession session_;
    Uplink uplink_;
};

} // namespace unolink
