// Gets the oldest reading of the queue acknowledged, one request at a time.
//
// What the server says decides: acknowledged, by boot and seq, in a 2xx: forget the reading. 400, 413, 422,
// several times in a row: it will never be taken, so drop and count it; once may be a bit that flipped on the
// way. 401, 403: the server does not want this device, so stop sending. Anything else (404 and 405, which a
// flipped bit can cause, 409, 429, 5xx, a 2xx that names another reading, bytes that are no response,
// silence, a closed link): keep it, wait longer each time, and try again. SEND OK proves nothing about the
// server and its absence neither, so it decides nothing.
#pragma once

#include "core/at_session.h"
#include "core/backoff.h"
#include "core/config.h"
#include "core/counters.h"
#include "core/http_response.h"
#include "core/reading_queue.h"
#include "core/request.h"
#include "core/timer.h"

#include <stdint.h>

namespace unolink {

class Uplink {
  public:
    // `boot` is this life's number. All references must outlive this object.
    Uplink(const Config& config, uint32_t boot, AtSession& session, ReadingQueue& queue,
           volatile Counters& counters)
        : config_(config), boot_(boot), session_(session), queue_(queue), counters_(counters) {}

    // Starts, ends or gives up an exchange. Call in every round of the loop, after the bytes received have
    // been taken.
    void poll(uint32_t now_ms);

    // Takes a byte of the server's response.
    void receive(uint8_t byte) { response_.feed(byte); }

    // The next byte of the request. Only after AtSession::Tx::Payload.
    uint8_t next_payload_byte();

    // The server does not want this device; only a restart will make it send again.
    bool stopped() const { return stopped_; }

  private:
    void begin(uint32_t now_ms);
    void conclude(uint32_t now_ms);
    void forget(volatile uint32_t& counter, uint32_t now_ms);
    void retry(uint32_t now_ms);

    const Config& config_;
    const uint32_t boot_;
    AtSession& session_;
    ReadingQueue& queue_;
    volatile Counters& counters_;
    Request request_;
    HttpResponse response_;
    Backoff backoff_;
    Timer timer_;            // in an exchange: until it is given up; otherwise: until the next may begin
    uint8_t rejections_ = 0; // of the oldest reading, in a row
    bool in_exchange_ = false;
    bool link_lost_ = false;
    bool stopped_ = false;
};

} // namespace unolink
