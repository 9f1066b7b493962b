// How the states follow each other when nothing goes wrong:
//
//   Settle -> Probe -> EchoOff -> Mode -> Mux -> Join -> Connect -> Online <-> Send -> Data
//
// A state is entered with a gap, in which nothing is outstanding and late result codes are ignored. The gap
// is short after a success (the modem may still be busy right after its OK), longer after `busy`, and grows
// with every failure in a row. Then the state's command is sent, and OK, ERROR or time lead on as the table
// says.
//
// A failure is an ERROR that leads elsewhere than OK, or a time-out of a command. Enough of them in a row,
// without a single answer from the server, lead to AT+RST and to joining anew.
//
// What the table cannot hold, and stands in code below: `ready` and crash texts (any state); `busy` (say it
// again); diagnoses that come before ERROR (has_detour_); CONNECT (its OK is near); the prompt, SEND OK and
// SEND FAIL; CLOSED and WIFI DISCONNECT.

#include "core/at_session.h"

#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT, flash_copy

namespace unolink {

constexpr uint8_t AtSession::LINK;

namespace {

// What follows the command's fixed text.
enum class Tail : uint8_t {
    Wait,    // nothing, not even a line end, and no result code is expected: time alone leads on
    Line,    // the line end
    Join,    // "ssid","password" and the line end
    Connect, // "host",port and the line end
    Length,  // the request's length and the line end
};

struct Step {
    char text[22];
    Tail tail;
    uint16_t timeout_ms;
    AtState on_ok;
    AtState on_error;
    AtState on_timeout;
};

using S = AtState;

// One row for each AtState, in its order. A state that leads to itself on OK waits for something else then.
const Step STEPS[] HAL_FLASH = {
    /* Settle  */ {"", Tail::Wait, 1000, S::Settle, S::Settle, S::Probe},
    /* Probe   */ {"AT", Tail::Line, 500, S::EchoOff, S::Probe, S::Cancel},
    /* Cancel  */ {"+++", Tail::Wait, 100, S::Cancel, S::Cancel, S::Probe},
    /* EchoOff */ {"ATE0", Tail::Line, 1000, S::Mode, S::Reset, S::Probe},
    /* Mode    */ {"AT+CWMODE_CUR=1", Tail::Line, 2000, S::Mux, S::Reset, S::Probe},
    /* Mux     */ {"AT+CIPMUX=1", Tail::Line, 1000, S::Join, S::Reset, S::Probe},
    /* Join    */ {"AT+CWJAP_CUR=", Tail::Join, 20000, S::Connect, S::Join, S::Probe},
    /* Close   */ {"AT+CIPCLOSE=4", Tail::Line, 2000, S::Connect, S::Connect, S::Probe},
    /* Connect */ {"AT+CIPSTART=4,\"TCP\",", Tail::Connect, 35000, S::Online, S::Connect, S::Probe},
    /* Online  */ {"", Tail::Wait, 0, S::Online, S::Online, S::Online},
    /* Send    */ {"AT+CIPSEND=4,", Tail::Length, 5000, S::Send, S::Close, S::Probe},
    /* Data    */ {"", Tail::Wait, 10000, S::Data, S::Close, S::Close},
    /* Reset   */ {"AT+RST", Tail::Line, 3000, S::Settle, S::Probe, S::Probe},
};
static_assert(sizeof STEPS / sizeof STEPS[0] == static_cast<uint8_t>(S::Reset) + 1, "one row for each state");
static_assert(AtSession::LINK == 4, "the commands above name the link");

constexpr uint16_t COMMAND_GAP_MS = 10;         // right after OK a modem may still answer `busy`
constexpr uint16_t BUSY_GAP_MS = 100;           // before a discarded command is said again
constexpr uint16_t READY_GAP_MS = 50;           // after `ready`, while the modem starts its own tasks
constexpr uint8_t BUSY_LIMIT = 200;             // 20 s of `busy`: longer than any join, so the modem hangs
constexpr uint16_t CONNECTED_TIMEOUT_MS = 1000; // for the OK behind CONNECT
constexpr uint16_t ANSWERED_TIMEOUT_MS = 500;   // for a SEND OK that the answer has overtaken
constexpr uint16_t DATA_STALL_MS = 1000; // announced data comes without pauses; 1.x polls TCP every 125 ms
constexpr uint8_t FAILURE_LIMIT = 8;     // then AT+RST
constexpr uint8_t ERROR_WEIGHT = 1;
constexpr uint8_t TIMEOUT_WEIGHT = 2; // silence says more about the modem than an ERROR does

Step step_of(AtState state) {
    Step step;
    hal::flash_copy(step, STEPS[static_cast<uint8_t>(state)]);
    return step;
}

} // namespace

AtSession::AtSession(const Config& config, volatile Counters& counters, uint32_t now_ms)
    : config_(config), counters_(counters), last_rx_ms_(now_ms) {
    enter(S::Settle, 0, now_ms);
}

bool AtSession::receive(uint8_t byte, uint32_t now_ms) {
    last_rx_ms_ = now_ms;
    const AtEvent event = parser_.feed(byte);
    if (event.kind == AtKind::Data) {
        return event.link == LINK;
    }
    if (event.kind != AtKind::None) {
        handle(event.kind, event.link, now_ms);
    }
    return false;
}

void AtSession::handle(AtKind kind, uint8_t link, uint32_t now_ms) {
    switch (kind) {
    case AtKind::Ready:
        count(counters_.modem_resets);
        enter(S::EchoOff, READY_GAP_MS, now_ms);
        break;
    case AtKind::Crash:
        enter(S::Settle, 0, now_ms);
        break;
    case AtKind::Ok:
    case AtKind::Error:
        handle_final(kind == AtKind::Ok, now_ms);
        break;
    case AtKind::Busy:
        handle_busy(now_ms);
        break;
    case AtKind::Prompt:
        if (state_ == S::Send && command_sent()) {
            enter(S::Data, 0, now_ms);
        }
        break;
    case AtKind::SendOk:
    case AtKind::SendFail:
        handle_sent(kind == AtKind::SendOk, now_ms);
        break;
    case AtKind::Connected:
        if (state_ == S::Connect && link == LINK && command_sent()) {
            timer_.start(CONNECTED_TIMEOUT_MS, now_ms);
        }
        break;
    case AtKind::Closed:
        if (link == LINK) {
            handle_link_lost(now_ms);
        }
        break;
    case AtKind::WifiDisconnected:
        if (state_ == S::Online) { // inside a command, `no ip` and ERROR will lead to Join
            fail(S::Join, ERROR_WEIGHT, now_ms);
        }
        break;
    case AtKind::NoIp:
    case AtKind::LinkInvalid:
    case AtKind::LinkTaken:
        detour_ = kind == AtKind::NoIp ? S::Join : kind == AtKind::LinkTaken ? S::Close : S::Connect;
        has_detour_ = true;
        break;
    case AtKind::None:
    case AtKind::Data:
        break;
    }
}

void AtSession::handle_final(bool ok, uint32_t now_ms) {
    const Step step = step_of(state_);
    if (step.tail == Tail::Wait || !command_sent()) {
        return; // a late answer to something given up
    }
    const AtState next = ok ? step.on_ok : has_detour_ ? detour_ : step.on_error;
    if (!ok && next != step.on_ok) {
        fail(next, ERROR_WEIGHT, now_ms);
    } else if (next != state_) {
        enter(next, COMMAND_GAP_MS, now_ms);
    }
}

void AtSession::handle_busy(uint32_t now_ms) {
    if (state_ == S::Data || !command_sent()) {
        return;
    }
    if (++busy_count_ >= BUSY_LIMIT) {
        busy_count_ = 0;
        enter(S::Reset, COMMAND_GAP_MS, now_ms);
    } else {
        enter(state_, BUSY_GAP_MS, now_ms);
    }
}

void AtSession::handle_sent(bool ok, uint32_t now_ms) {
    if (state_ != S::Data || payload_left_bytes_ > 0) {
        return;
    }
    if (!ok) {
        fail(S::Close, ERROR_WEIGHT, now_ms);
    } else if (closed_while_sending_) {
        fail(S::Connect, ERROR_WEIGHT, now_ms);
    } else {
        enter(S::Online, 0, now_ms);
    }
}

// In Send and Data the modem still wants the announced bytes, and reports the end of the send.
void AtSession::handle_link_lost(uint32_t now_ms) {
    if (state_ == S::Online) {
        fail(S::Connect, ERROR_WEIGHT, now_ms);
    } else if (state_ == S::Send || state_ == S::Data) {
        closed_while_sending_ = true;
    }
}

void AtSession::enter(AtState next, uint16_t gap_ms, uint32_t now_ms) {
    if (next != state_) {
        busy_count_ = 0;
    }
    state_ = next;
    phase_ = Phase::Gap;
    command_finished_ = false;
    timer_.start(gap_ms, now_ms);
    if (gap_ms == 0) {
        issue(now_ms);
    }
}

void AtSession::fail(AtState next, uint8_t weight, uint32_t now_ms) {
    failures_ += weight;
    if (failures_ >= FAILURE_LIMIT) {
        failures_ = 0;
        next = S::Reset;
    }
    enter(next, backoff_.next_ms(), now_ms);
}

void AtSession::issue(uint32_t now_ms) {
    phase_ = Phase::Outstanding;
    timer_.start(step_of(state_).timeout_ms, now_ms);
    has_detour_ = false;
    piece_ = 0;
    cursor_ = TextCursor();
    if (state_ == S::Send) {
        closed_while_sending_ = false;
    }
    payload_left_bytes_ = state_ == S::Data ? payload_bytes_ : 0;
}

void AtSession::poll(uint32_t now_ms) {
    if (parser_.in_data() && elapsed_ms(last_rx_ms_, now_ms) >= DATA_STALL_MS) {
        parser_.abandon_data();
    }
    if (state_ == S::Online || !timer_.expired(now_ms)) {
        return;
    }
    if (phase_ == Phase::Gap) {
        issue(now_ms);
    } else {
        time_out(now_ms);
    }
}

void AtSession::time_out(uint32_t now_ms) {
    const Step step = step_of(state_);
    if (step.tail == Tail::Wait && state_ != S::Data) {
        enter(step.on_timeout, COMMAND_GAP_MS, now_ms);
    } else {
        fail(step.on_timeout, TIMEOUT_WEIGHT, now_ms);
    }
}

AtSession::Tx AtSession::next_tx(uint8_t& byte) {
    if (phase_ == Phase::Gap) {
        return Tx::Nothing;
    }
    if (payload_left_bytes_ > 0) {
        --payload_left_bytes_;
        return Tx::Payload;
    }
    return next_command_byte(byte) ? Tx::Byte : Tx::Nothing;
}

bool AtSession::next_command_byte(uint8_t& byte) {
    while (!command_finished_) {
        if (cursor_.next(byte)) {
            return true;
        }
        command_finished_ = !load_piece();
    }
    return false;
}

// Loads the next piece of the present command: fixed text, parameters, line end.
bool AtSession::load_piece() {
    const Tail tail = step_of(state_).tail;
    const uint8_t piece = piece_++;
    if (piece == 0) {
        cursor_.load_flash(STEPS[static_cast<uint8_t>(state_)].text);
        return true;
    }
    const bool two_parameters = tail == Tail::Join || tail == Tail::Connect;
    const uint8_t line_end_piece = two_parameters ? 4 : tail == Tail::Length ? 2 : 1;
    if (tail == Tail::Wait || piece > line_end_piece) {
        return false;
    }
    if (piece == line_end_piece) {
        cursor_.load_flash(HAL_FLASH_TEXT("\r\n"));
    } else if (tail == Tail::Length) {
        cursor_.load_number(payload_bytes_);
    } else if (piece == 1) {
        cursor_.load_quoted(tail == Tail::Join ? config_.wifi_ssid : config_.server_host);
    } else if (piece == 2) {
        cursor_.load_flash(HAL_FLASH_TEXT(","));
    } else if (tail == Tail::Join) {
        cursor_.load_quoted(config_.wifi_password);
    } else {
        cursor_.load_number(config_.server_port);
    }
    return true;
}

void AtSession::send(uint16_t payload_bytes, uint32_t now_ms) {
    payload_bytes_ = payload_bytes;
    enter(S::Send, 0, now_ms);
}

void AtSession::answered(uint32_t now_ms) {
    failures_ = 0;
    backoff_.reset();
    if (state_ == S::Data && payload_left_bytes_ == 0) {
        timer_.start(ANSWERED_TIMEOUT_MS, now_ms);
    }
}

void AtSession::drop_link(uint32_t now_ms) {
    if (linked()) {
        enter(S::Close, COMMAND_GAP_MS, now_ms);
    }
}

} // namespace unolink
