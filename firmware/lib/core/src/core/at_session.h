// Brings an ESP8266 modem from any state to an open TCP link, keeps it there, and sends requests over it.
//
// Rules: one command is outstanding at a time; a final result code counts only while one is; `ready`, crash
// texts, CLOSED and `WIFI DISCONNECT` are acted on in whatever state they come; nothing received is ever
// thrown away unseen; whatever is wrong, a time-out of the present state leads out of it.
//
// The states and what leads from one to the next are a table in at_session.cpp. It does not know HTTP:
// request and response are bytes to it. It has no clock and no UART: bytes and times come in, bytes to send
// are fetched.
#pragma once

#include "core/at_parser.h"
#include "core/backoff.h"
#include "core/config.h"
#include "core/counters.h"
#include "core/text_cursor.h"
#include "core/timer.h"

#include <stdint.h>

namespace unolink {

enum class AtState : uint8_t {
    Settle,  // after power-up or a reset: wait for `ready`
    Probe,   // AT: is anybody there?
    Cancel,  // +++: leave a data phase that an earlier life of this board left open
    EchoOff, // ATE0
    Mode,    // AT+CWMODE_CUR=1: station
    Mux,     // AT+CIPMUX=1: several links, so that each line names its link
    Join,    // AT+CWJAP_CUR
    Close,   // AT+CIPCLOSE: get rid of a link in doubt
    Connect, // AT+CIPSTART
    Online,  // link open, nothing outstanding
    Send,    // AT+CIPSEND: wait for the prompt
    Data,    // hand over the request, wait for SEND OK
    Reset,   // AT+RST
};

class AtSession {
  public:
    // The one link used. With AT+CIPMUX=1 the host chooses the number; 4 is the last that a server on the
    // modem would use.
    static constexpr uint8_t LINK = 4;

    // What next_tx() found.
    enum class Tx : uint8_t {
        Nothing, // nothing to send now
        Byte,    // send `byte`
        Payload, // send the next byte of the request
    };

    AtSession(const Config& config, volatile Counters& counters, uint32_t now_ms);

    // Takes a byte from the modem. True: it is response data, also after the link was closed.
    bool receive(uint8_t byte, uint32_t now_ms);

    // Acts on time-outs. Call in every round of the loop.
    void poll(uint32_t now_ms);

    // Says what to send next. Each call that does not return Nothing must be followed by sending one byte.
    Tx next_tx(uint8_t& byte);

    // Would send() be accepted?
    bool online() const { return state_ == AtState::Online; }

    // Is the link believed open? Falls when it is lost, and rises again after reconnecting.
    bool linked() const {
        return state_ == AtState::Online || state_ == AtState::Send || state_ == AtState::Data;
    }

    // Sends a request of `payload_bytes` (1 to 2048). Only when online().
    void send(uint16_t payload_bytes, uint32_t now_ms);

    // The server has answered: failures are forgotten, and if SEND OK is still missing it is not waited for
    // much longer.
    void answered(uint32_t now_ms);

    // Closes the link and opens a new one. Does nothing unless linked().
    void drop_link(uint32_t now_ms);

    AtState state() const { return state_; }

  private:
    enum class Phase : uint8_t { Gap, Outstanding };

    void handle(AtKind kind, uint8_t link, uint32_t now_ms);
    void handle_final(bool ok, uint32_t now_ms);
    void handle_busy(uint32_t now_ms);
    void handle_sent(bool ok, uint32_t now_ms);
    void handle_link_lost(uint32_t now_ms);
    void enter(AtState next, uint16_t gap_ms, uint32_t now_ms);
    void fail(AtState next, uint8_t weight, uint32_t now_ms);
    void time_out(uint32_t now_ms);
    void issue(uint32_t now_ms);
    bool load_piece();
    bool next_command_byte(uint8_t& byte);
    bool command_sent() const { return command_finished_ && phase_ == Phase::Outstanding; }

    const Config& config_;
    volatile Counters& counters_;
    AtParser parser_;
    TextCursor cursor_;
    Backoff backoff_;
    Timer timer_;
    uint32_t last_rx_ms_;
    uint16_t payload_bytes_ = 0;
    uint16_t payload_left_bytes_ = 0;
    AtState state_ = AtState::Settle;
    Phase phase_ = Phase::Gap;
    AtState detour_ = AtState::Settle; // where ERROR leads when a diagnosis has said better than the table
    bool has_detour_ = false;
    bool command_finished_ = false;
    bool closed_while_sending_ = false;
    uint8_t piece_ = 0;
    uint8_t failures_ = 0;
    uint8_t busy_count_ = 0;
};

} // namespace unolink
