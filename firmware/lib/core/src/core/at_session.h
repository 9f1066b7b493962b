// Brings an ESP8266 modem from any state to an open TCP link, keeps it there, and sends requests over it.
//
// Rules: one command is outstanding at a time; a final result code counts only while one is; `ready`, crash
// texts, CLOSED and `WIFI DISCONNECT` are acted on in whatever state they come; nothing received is ever
// thrown away unseen; whatever is wrong, a time-out of the present state leads out of it.
//
// It asks for no version. What a version cannot do it answers with ERROR, and the next thing is tried: the
// commands of 1.x before those of 2.x, passive receive before active. A modem that is silent is looked for in
// every way that the board has to reach it, and then restarted by its pin.
//
// The states and what leads from one to the next are a table in at_session.cpp. It does not know HTTP:
// request and response are bytes to it. Bytes and times come in, bytes to send are fetched; of the HAL it
// uses the modem's reset pin and the choice of the way.
#pragma once

#include "core/at_parser.h"
#include "core/random.h"
#include "core/settings.h"
#include "core/text_cursor.h"
#include "core/timer.h"

#include <stdint.h>

namespace unolink {

enum class AtState : uint8_t {
    Settle,  // after power-up or a reset: wait for `ready`
    Probe,   // AT: is anybody there?
    Cancel,  // +++: leave a data phase that an earlier life of this board left open
    EchoOff, // ATE0
    ModeCur, // AT+CWMODE_CUR=1: station; 2.x does not know it
    Store,   // AT+SYSSTORE=0: 2.x shall not write to its flash
    Mode,    // AT+CWMODE=1
    Mux,     // AT+CIPMUX=1: several links, so that each line names its link
    Passive, // AT+CIPRECVMODE=1: data waits until it is fetched; 1.6 and older do not know it
    Join,    // AT+CWJAP_CUR or AT+CWJAP
    Close,   // AT+CIPCLOSE: get rid of a link in doubt
    Connect, // AT+CIPSTART
    Online,  // link open, nothing outstanding
    Send,    // AT+CIPSEND: wait for the prompt
    Data,    // hand over the request, wait for SEND OK
    Fetch,   // AT+CIPRECVDATA
    Reset,   // AT+RST
    Pin,     // hold the modem's reset pin
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

    // Starts. The modem's line is open in way 0.
    void begin(uint32_t now_ms);

    // Takes a byte from the modem. True: it is response data, also after the link was closed.
    bool receive(uint8_t byte, uint32_t now_ms);

    // Acts on time-outs. Call in every round of the loop.
    void poll(uint32_t now_ms);

    // Says what to send next. Each call that does not return Nothing must be followed by sending one byte.
    Tx next_tx(uint8_t& byte);

    // Would send() be accepted?
    bool online() const { return state_ == AtState::Online && !data_waits_; }

    // Is the link believed open? Falls when it is lost, and rises again after reconnecting.
    bool linked() const { return state_ >= AtState::Online && state_ <= AtState::Fetch; }

    // Was a link ever open in this life?
    bool was_linked() const { return was_linked_; }

    // What follows happens at the instant of the last poll() or receive().

    // Sends a request of `payload_bytes` (1 to 2048). Only when online().
    void send(uint16_t payload_bytes);

    // The server has answered: failures are forgotten, and if SEND OK is still missing it is not waited for
    // much longer.
    void answered();

    // No answer has come, or none that could be read: a failure, and where the next response would begin on
    // the link is unknown, so it is closed and opened anew. Does nothing unless linked().
    void unanswered();

    // Closes the link and opens a new one. Does nothing unless linked().
    void drop_link();

    AtState state() const { return state_; }

  private:
    enum class Phase : uint8_t { Gap, Outstanding };

    void handle(AtKind kind, uint8_t link);
    void handle_final(bool ok);
    AtState after_error(AtState by_table) const;
    void handle_busy();
    void handle_sent(bool ok);
    void handle_fetched();
    void handle_link_lost();
    void handle_notice();
    void go_on_linked();
    void note_success();
    void enter(AtState next, uint16_t gap_ms);
    void fail(AtState next, uint8_t weight);
    void time_out();
    void time_out_probe();
    void issue();
    void set_timer(uint16_t duration_ms) { timer_.start(duration_ms, now_ms_); }
    bool next_command_byte(uint8_t& byte);
    void load_field(uint8_t field);
    bool command_sent() const { return command_finished_ && phase_ == Phase::Outstanding; }

    AtState state_;
    Phase phase_;
    AtState detour_; // where ERROR leads when a diagnosis has said better than the table
    bool has_detour_;
    bool command_finished_;
    bool line_end_due_;
    bool nudge_due_;      // when the timer expires, an empty line asks whether the modem is still at it
    bool nudged_;         // it has been asked
    bool plain_commands_; // no _CUR: 2.x, or older than 0.22
    bool passive_;
    bool wifi_lost_;
    bool link_closed_;
    bool data_waits_;     // passive receive: there is something to fetch
    bool expects_answer_; // ... or there should be, soon
    bool was_linked_;
    uint8_t fetched_bytes_;
    uint8_t failures_;
    uint8_t busy_count_;
    uint8_t silent_probes_; // in a row, in this way
    uint8_t way_;
    uint16_t payload_bytes_;
    uint16_t payload_left_bytes_;
    uint32_t now_ms_;     // of the present call
    uint16_t last_rx_ms_; // the low half is enough
    Timer timer_;
    Backoff backoff_;
    const char* place_; // in the text of the command
    TextCursor cursor_;
    AtParser parser_;
};

} // namespace unolink
