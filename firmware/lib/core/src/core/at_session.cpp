// How the states follow each other when nothing goes wrong, on 1.7:
//
//   Settle -> Probe -> EchoOff -> ModeCur -> Mux -> Passive -> Join -> Connect -> Online <-> Send -> Data
//                                                                                   ^--> Fetch <----'
//
// A state is entered with a gap, in which nothing is outstanding and late result codes are ignored. The gap
// is short after a success (the modem may still be busy right after its OK), longer after `busy`, and grows
// with every failure in a row. Then the state's command is sent, and OK, ERROR or time lead on as the table
// says.
//
// A failure is an ERROR that leads elsewhere than OK, a time-out of a command, or a request without an
// answer. Enough of them in a row, without a single answer from the server, lead to AT+RST and to joining
// anew. Silence at AT leads through the ways of reaching the modem, and from the last of them to its reset
// pin.
//
// A command that may take long is nudged after a while, with an empty line. A modem that works on it says
// `busy`; one that never saw its end takes this for it; one whose answer was lost says ERROR.
//
// What the table cannot hold, and stands in code below: `ready` and crash texts (any state); `busy` (say it
// again); diagnoses that come before ERROR (has_detour_); CONNECT and GOT IP (the OK is near); the prompt,
// SEND OK and SEND FAIL; CLOSED and WIFI DISCONNECT; when to fetch.

#include "core/at_session.h"

#include "core/around.h"
#include "core/counters.h"
#include "core/text.h" // text_at
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT, flash_char, flash_copy
#include "hal/modem.h" // MODEM_WAYS, modem_open, modem_hold_reset

namespace unolink {

constexpr uint8_t AtSession::LINK;

namespace {

// What stands for something else in a command: settings in their order, and the length.
#define SSID "\1"
#define PASSWORD "\2"
#define HOST "\3"
#define PORT "\4"
#define LENGTH "\5"

// For each AtState, in its order; without the line end. An empty one is no command.
const char COMMANDS[] HAL_FLASH = /* Settle  */ "\0"
                                                /* Probe   */ "AT\0"
                                                /* Cancel  */ "+++\0"
                                                /* EchoOff */ "ATE0\0"
                                                /* ModeCur */ "AT+CWMODE_CUR=1\0"
                                                /* Store   */ "AT+SYSSTORE=0\0"
                                                /* Mode    */ "AT+CWMODE=1\0"
                                                /* Mux     */ "AT+CIPMUX=1\0"
                                                /* Passive */ "AT+CIPRECVMODE=1\0"
                                                /* Join    */ "AT+CWJAP_CUR=" SSID "," PASSWORD "\0"
                                                /* Close   */ "AT+CIPCLOSE=4\0"
                                                /* Connect */ "AT+CIPSTART=4,\"TCP\"," HOST "," PORT "\0"
                                                /* Online  */ "\0"
                                                /* Send    */ "AT+CIPSEND=4," LENGTH "\0"
                                                /* Data    */ "\0"
                                                /* Fetch   */ "AT+CIPRECVDATA=4,128\0"
                                                /* Reset   */ "AT+RST\0"
                                                /* Pin     */ "";
const char PLAIN_JOIN[] HAL_FLASH = "AT+CWJAP=" SSID "," PASSWORD;

// What leads on from a state.
struct Step {
    bool expects_result; // a command that ends with a line end, and a result code for it
    uint16_t timeout_ms;
    AtState on_ok;
    AtState on_error;
    AtState on_timeout;
};

using S = AtState;

// One row for each AtState, in its order. Where no result code is expected, time alone leads on. A state that
// leads to itself on OK waits for something else then.
const Step STEPS[] HAL_FLASH = {
    /* Settle  */ {false, 1000, S::Settle, S::Settle, S::Probe},
    /* Probe   */ {true, 500, S::EchoOff, S::Probe, S::Cancel},
    /* Cancel  */ {false, 100, S::Cancel, S::Cancel, S::Probe},
    /* EchoOff */ {true, 1000, S::ModeCur, S::Reset, S::Probe},
    /* ModeCur */ {true, 2000, S::Mux, S::Store, S::Probe},
    /* Store   */ {true, 1000, S::Mode, S::Mode, S::Probe},
    /* Mode    */ {true, 2000, S::Mux, S::Reset, S::Probe},
    /* Mux     */ {true, 1000, S::Passive, S::Reset, S::Probe},
    /* Passive */ {true, 1000, S::Join, S::Join, S::Probe},
    /* Join    */ {true, 20000, S::Connect, S::Join, S::Probe},
    /* Close   */ {true, 2000, S::Connect, S::Connect, S::Probe},
    /* Connect */ {true, 35000, S::Online, S::Close, S::Probe},
    /* Online  */ {false, 0, S::Online, S::Online, S::Online},
    /* Send    */ {true, 5000, S::Send, S::Close, S::Probe},
    /* Data    */ {false, 10000, S::Data, S::Close, S::Close},
    /* Fetch   */ {true, 2000, S::Online, S::Connect, S::Probe},
    /* Reset   */ {true, 3000, S::Settle, S::Pin, S::Pin},
    /* Pin     */ {false, 50, S::Pin, S::Pin, S::Settle},
};
static_assert(sizeof STEPS / sizeof STEPS[0] == static_cast<uint8_t>(S::Pin) + 1, "one row for each state");
static_assert(AtSession::LINK == 4, "the commands above name the link");

constexpr uint8_t FETCH_BYTES =
    128; // as above: an answer with its usual headers, and no more than a UART's ring

constexpr uint16_t COMMAND_GAP_MS = 10;         // right after OK a modem may still answer `busy`
constexpr uint16_t BUSY_GAP_MS = 100;           // before a discarded command is said again
constexpr uint16_t READY_GAP_MS = 50;           // after `ready`, while the modem starts its own tasks
constexpr uint8_t BUSY_LIMIT = 200;             // 20 s of `busy`: longer than any join, so the modem hangs
constexpr uint16_t NUDGE_MS = 5000;             // longer than any of these commands takes when all is well
constexpr uint16_t CONNECTED_TIMEOUT_MS = 1000; // for the OK behind CONNECT
constexpr uint16_t GOT_IP_TIMEOUT_MS = 4000;    // for the OK behind WIFI GOT IP: 1.x looks every 2 s
constexpr uint16_t ANSWERED_TIMEOUT_MS = 500;   // for a SEND OK that the answer has overtaken
constexpr uint16_t LOOK_MS = 2000;              // for an answer whose announcement may have been garbled
constexpr uint16_t DATA_STALL_MS = 1000; // announced data comes without pauses; 1.x polls TCP every 125 ms
constexpr uint16_t BACKOFF_FIRST = 250 / Backoff::UNIT_MS;
constexpr uint16_t BACKOFF_MOST = 8000 / Backoff::UNIT_MS;
constexpr uint8_t SILENT_PROBES = 2; // then the next way
constexpr uint8_t FAILURE_LIMIT = 8; // then AT+RST
constexpr uint8_t ERROR_WEIGHT = 1;
constexpr uint8_t TIMEOUT_WEIGHT = 2; // silence says more about the modem than an ERROR does

// One field of a state's row.
template <typename Field>
Field of(AtState state, Field Step::* field) {
    Field value;
    hal::flash_copy(value, STEPS[static_cast<uint8_t>(state)].*field);
    return value;
}

} // namespace

void AtSession::begin(uint32_t now_ms) {
    now_ms_ = now_ms;
    enter(S::Settle, 0);
}

bool AtSession::receive(uint8_t byte, uint32_t now_ms) {
    now_ms_ = now_ms;
    last_rx_ms_ = static_cast<uint16_t>(now_ms);
    const AtEvent event = parser_.feed(byte);
    if (event.kind == AtKind::Data) {
        if (event.link == AtParser::FETCHED && fetched_bytes_ < FETCH_BYTES) {
            ++fetched_bytes_;
        }
        return event.link == LINK || (event.link == AtParser::FETCHED && state_ == S::Fetch);
    }
    if (event.kind != AtKind::None) {
        handle(event.kind, event.link);
    }
    return false;
}

void AtSession::handle(AtKind kind, uint8_t link) {
    switch (kind) {
    case AtKind::Ready:
        count(Counter::ModemResets);
        enter(S::EchoOff, READY_GAP_MS);
        break;
    case AtKind::Crash:
        enter(S::Settle, 0);
        break;
    case AtKind::Ok:
    case AtKind::Error:
        handle_final(kind == AtKind::Ok);
        break;
    case AtKind::Busy:
        handle_busy();
        break;
    case AtKind::Prompt:
        if (state_ == S::Send && command_sent()) {
            enter(S::Data, 0);
        }
        break;
    case AtKind::SendOk:
    case AtKind::SendFail:
        handle_sent(kind == AtKind::SendOk);
        break;
    case AtKind::Connected:
        if (state_ == S::Connect && link == LINK && command_sent()) {
            set_timer(CONNECTED_TIMEOUT_MS);
            nudge_due_ = false;
        }
        break;
    case AtKind::GotIp:
        wifi_lost_ = false;
        if (state_ == S::Join && command_sent()) {
            set_timer(GOT_IP_TIMEOUT_MS);
            nudge_due_ = false;
        }
        break;
    case AtKind::Closed:
        if (link == LINK) {
            handle_link_lost();
        }
        break;
    case AtKind::WifiDisconnected:
        wifi_lost_ = true;
        if (state_ == S::Online) { // inside a command, ERROR will lead to Join
            fail(S::Join, ERROR_WEIGHT);
        }
        break;
    case AtKind::NoIp:
    case AtKind::LinkInvalid:
    case AtKind::LinkTaken:
        detour_ = kind == AtKind::NoIp ? S::Join : kind == AtKind::LinkTaken ? S::Close : S::Connect;
        has_detour_ = true;
        break;
    case AtKind::Notice:
        if (link == LINK) {
            passive_ = true; // whatever was understood when it was asked for
            handle_notice();
        }
        break;
    case AtKind::None:
    case AtKind::Data:
        break;
    }
}

void AtSession::handle_final(bool ok) {
    if (state_ == S::Data && !ok && nudged_) {
        handle_sent(true); // the modem waits for commands again: SEND OK was lost
        return;
    }
    if (!of(state_, &Step::expects_result) || !command_sent()) {
        return; // a late answer to something given up
    }
    if (state_ == S::Passive) {
        passive_ = ok;
    }
    if (ok && state_ == S::Fetch) {
        handle_fetched();
        return;
    }
    const AtState on_ok = of(state_, &Step::on_ok);
    const AtState next = ok ? on_ok : after_error(of(state_, &Step::on_error));
    if (!ok && next != on_ok && next != S::Store) {
        fail(next, ERROR_WEIGHT);
    } else if (next != state_) {
        if (ok) {
            note_success();
        }
        enter(next, COMMAND_GAP_MS);
    }
}

// Where ERROR leads: what the modem has said before knows better than the table.
AtState AtSession::after_error(AtState by_table) const {
    if (has_detour_) {
        return detour_;
    }
    return wifi_lost_ && state_ > S::Join && state_ < S::Reset ? S::Join : by_table;
}

// The present command has had its OK.
void AtSession::note_success() {
    if (state_ == S::Probe) {
        silent_probes_ = 0;
    } else if (state_ == S::ModeCur || state_ == S::Mode) {
        plain_commands_ = state_ == S::Mode;
    } else if (state_ == S::Join) {
        wifi_lost_ = false;
    } else if (state_ == S::Connect) {
        was_linked_ = true;
        link_closed_ = false;
        data_waits_ = false;
        expects_answer_ = false;
    }
}

void AtSession::handle_busy() {
    if (state_ == S::Data || nudged_ || !command_sent()) {
        return;
    }
    if (++busy_count_ >= BUSY_LIMIT) {
        busy_count_ = 0;
        enter(S::Reset, COMMAND_GAP_MS);
    } else {
        enter(state_, BUSY_GAP_MS);
    }
}

void AtSession::handle_sent(bool ok) {
    if (state_ != S::Data || payload_left_bytes_ > 0) {
        return;
    }
    if (ok) {
        go_on_linked();
    } else {
        fail(S::Close, ERROR_WEIGHT);
    }
}

void AtSession::handle_fetched() {
    if (fetched_bytes_ == FETCH_BYTES) {
        data_waits_ = true; // perhaps more
    }
    go_on_linked();
}

// Nothing is outstanding: on to what there is to do with the link.
void AtSession::go_on_linked() {
    const bool last_look = link_closed_ && passive_ && expects_answer_ && state_ != S::Fetch;
    if (data_waits_ || last_look) {
        enter(S::Fetch, 0);
    } else if (link_closed_) {
        fail(S::Connect, ERROR_WEIGHT);
    } else {
        enter(S::Online, 0);
    }
}

// In Send, Data and Fetch the modem still wants what was announced, and reports the end of it. What it has
// received before the link ended can still be fetched.
void AtSession::handle_link_lost() {
    link_closed_ = true;
    if (state_ == S::Online) {
        go_on_linked();
    }
}

void AtSession::handle_notice() {
    data_waits_ = true;
    if (state_ == S::Online) {
        enter(S::Fetch, 0);
    } else if (state_ == S::Data && payload_left_bytes_ == 0) {
        set_timer(ANSWERED_TIMEOUT_MS);
        nudge_due_ = false;
    }
}

void AtSession::enter(AtState next, uint16_t gap_ms) {
    if (next != state_) {
        busy_count_ = 0;
    }
    state_ = next;
    phase_ = Phase::Gap;
    command_finished_ = false;
    set_timer(gap_ms);
    if (gap_ms == 0) {
        issue();
    }
}

void AtSession::fail(AtState next, uint8_t weight) {
    count(Counter::AtErrors);
    failures_ += weight;
    if (failures_ >= FAILURE_LIMIT) {
        failures_ = 0;
        next = S::Reset;
    }
    enter(next, backoff_.next_ms(BACKOFF_FIRST, BACKOFF_MOST));
}

void AtSession::issue() {
    phase_ = Phase::Outstanding;
    const uint16_t timeout_ms = of(state_, &Step::timeout_ms);
    nudge_due_ = timeout_ms > NUDGE_MS;
    nudged_ = false;
    set_timer(nudge_due_ ? NUDGE_MS : timeout_ms);
    has_detour_ = false;
    line_end_due_ = of(state_, &Step::expects_result);
    place_ =
        state_ == S::Join && plain_commands_ ? PLAIN_JOIN : text_at(COMMANDS, static_cast<uint8_t>(state_));
    cursor_.clear();
    payload_left_bytes_ = state_ == S::Data ? payload_bytes_ : 0;
    if (state_ == S::Fetch) {
        fetched_bytes_ = 0;
        data_waits_ = false;
    } else if (state_ == S::Online) {
        set_timer(LOOK_MS);
    } else if (state_ == S::Pin) {
        hal::modem_hold_reset(true);
    }
}

void AtSession::poll(uint32_t now_ms) {
    now_ms_ = now_ms;
    if (parser_.in_data() && static_cast<uint16_t>(now_ms - last_rx_ms_) >= DATA_STALL_MS) {
        parser_.abandon_data();
    }
    if (!timer_.expired(now_ms)) {
        return;
    }
    if (phase_ == Phase::Gap) {
        issue();
    } else {
        time_out();
    }
}

void AtSession::time_out() {
    const AtState on_timeout = of(state_, &Step::on_timeout);
    if (state_ == S::Online) {
        if (passive_ && expects_answer_) {
            enter(S::Fetch, 0);
        } else {
            set_timer(LOOK_MS);
        }
    } else if (nudge_due_) {
        nudge_due_ = false;
        nudged_ = true;
        line_end_due_ = true;
        command_finished_ = false;
        set_timer(of(state_, &Step::timeout_ms) - NUDGE_MS);
    } else if (state_ == S::Probe) {
        time_out_probe();
    } else if (state_ == S::Data && data_waits_) {
        go_on_linked();
    } else if (!of(state_, &Step::expects_result) && state_ != S::Data) {
        hal::modem_hold_reset(false);
        enter(on_timeout, COMMAND_GAP_MS);
    } else {
        fail(on_timeout, TIMEOUT_WEIGHT);
    }
}

// Nobody has answered to AT: leave a data phase, then try the next way, then pull the pin.
void AtSession::time_out_probe() {
    count(Counter::AtErrors);
    if (++silent_probes_ < SILENT_PROBES) {
        enter(S::Cancel, COMMAND_GAP_MS);
        return;
    }
    silent_probes_ = 0;
    way_ = around(way_ + 1, hal::MODEM_WAYS);
    hal::modem_open(way_);
    enter(way_ == 0 ? S::Pin : S::Probe, COMMAND_GAP_MS);
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
    while (!command_finished_ && !cursor_.next(byte)) {
        byte = static_cast<uint8_t>(hal::flash_char(place_));
        if (byte != '\0') {
            ++place_;
            if (byte >= ' ') {
                return true;
            }
            load_field(byte);
        } else if (line_end_due_) {
            line_end_due_ = false;
            cursor_.load(HAL_FLASH_TEXT("\r\n"));
        } else {
            command_finished_ = true;
        }
    }
    return !command_finished_;
}

void AtSession::load_field(uint8_t field) {
    const Setting setting = static_cast<Setting>(field - *SSID);
    if (field < *PORT) {
        cursor_.load_quoted(Settings::text(setting));
    } else {
        cursor_.load_number(field == *PORT ? Settings::number(setting) : payload_bytes_);
    }
}

void AtSession::send(uint16_t payload_bytes) {
    payload_bytes_ = payload_bytes;
    expects_answer_ = true;
    enter(S::Send, 0);
}

void AtSession::answered() {
    failures_ = 0;
    backoff_.reset();
    expects_answer_ = false;
    if (state_ == S::Data && payload_left_bytes_ == 0) {
        set_timer(ANSWERED_TIMEOUT_MS);
        nudge_due_ = false;
    }
}

void AtSession::unanswered() {
    if (linked()) {
        fail(S::Close, TIMEOUT_WEIGHT);
    }
}

void AtSession::drop_link() {
    if (linked()) {
        enter(S::Close, COMMAND_GAP_MS);
    }
}

} // namespace unolink
