// Gets the oldest readings of the backlog acknowledged, a batch at a time, over one connection.
//
// What the server says decides (docs/wire-protocol.md): a 204 with the right tag: forget the readings. 400,
// 413, 422 with the right tag: they will never be taken, so send each alone, and give up the one that is
// refused alone. 401, 403: keep them; from the third in a row on, show it and try every five minutes. 429 and
// 503 with Retry-After: wait as long. Anything else (another answer, a wrong tag, bytes that are no response,
// silence, a closed connection): keep them, wait longer each time, and try again. SEND OK proves nothing
// about the server and its absence neither, so it decides nothing.
#pragma once

#include "core/at_session.h"
#include "core/backlog.h"
#include "core/counters.h"
#include "core/http_response.h"
#include "core/random.h"
#include "core/request.h"
#include "core/timer.h"

#include <stdint.h>

namespace unolink {

class Uplink {
  public:
    // Readings in a request: enough to share its cost, few enough for RAM on the other side of a UART.
    static constexpr uint8_t BATCH_MAX = 10;

    // Both must outlive this object.
    void begin(AtSession& session, Backlog& backlog) {
        session_ = &session;
        backlog_ = &backlog;
        request_.begin(backlog);
    }

    // Starts, ends or gives up an exchange. Call in every round of the loop, after the bytes received have
    // been taken. Takes up to 50 ms, when a tag is made or held against another.
    void poll(uint32_t now_ms);

    // Takes a byte of the server's response.
    void receive(uint8_t byte) { response_.feed(byte); }

    // The next byte of the request. Only after AtSession::Tx::Payload.
    uint8_t next_payload_byte();

    // The server does not accept this device's key.
    bool refused() const { return refusals_ >= REFUSAL_LIMIT; }

    // Is a request being made of the oldest readings, or on its way? They must stay where they are.
    bool busy() const { return phase_ != Phase::Idle; }

  private:
    enum class Phase : uint8_t { Idle, Signing, Exchange };
    static constexpr uint8_t REFUSAL_LIMIT = 3;

    void begin_request(uint32_t now_ms);
    uint8_t batch_size();
    void poll_exchange(uint32_t now_ms);
    void conclude(uint32_t now_ms);
    void settle(bool accepted, uint32_t now_ms);
    void forget(Counter counter, uint32_t now_ms);
    void retry(uint32_t wait_ms, uint32_t now_ms);
    __attribute__((noinline)) void back_off(uint32_t now_ms);

    AtSession* session_;
    Backlog* backlog_;
    Phase phase_;
    uint8_t refusals_; // in a row
    bool alone_;
    bool link_lost_;
    uint32_t boot_; // of the readings under way
    uint32_t last_seq_;
    uint32_t alone_until_seq_; // of a batch that was refused: up to here each reading goes alone
    Timer timer_;              // in an exchange: until it is given up; otherwise: until the next may begin
    Timer status_timer_;       // until the counters are told again; at first they are due
    Backoff backoff_;
    HttpResponse response_;
    Request request_;
};

} // namespace unolink
