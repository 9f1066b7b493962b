// Turns the modem's bytes into events: one byte in, at most one event out.
//
// Rules: every byte is looked at, nothing is ever flushed; result codes, unsolicited lines and received data
// are told apart by what they are, wherever they appear; received data is counted by bytes and never searched
// for lines; a line that is not in the table (boot noise, an echo, a diagnosis nobody acts on) is no event.
//
// In AT 1.x, received data is announced as `+IPD,<link>,<bytes>:` and followed by nothing, so the next line
// may begin right after the last data byte. In passive receive the announcement ends with its line, and the
// data comes as `+CIPRECVDATA,<bytes>:` (1.7) or `+CIPRECVDATA:<bytes>,` (2.x). The prompt is a `>` at the
// beginning of a line, without a line end.
//
// It does not know which command is outstanding, so it cannot tell a late answer from a fresh one: the
// session does.
#pragma once

#include <stdint.h>

namespace unolink {

enum class AtKind : uint8_t {
    None,             // no event yet, or nothing of interest
    Ok,               // final result code
    Error,            // final result code: ERROR or FAIL
    Prompt,           // the modem waits for the bytes of AT+CIPSEND
    SendOk,           // the peer acknowledged the segment (1.x), or the stack took it (2.x)
    SendFail,         // it did not
    Busy,             // the modem discarded a line of ours
    Ready,            // the modem has started: echo is on again, nothing is configured, no link is open
    Crash,            // the modem reports its own crash; Ready will follow
    WifiDisconnected, // the station lost its access point
    GotIp,            // the station has an address
    Connected,        // a link is open; `link` says which; OK follows
    Closed,           // a link has ended; `link` says which
    NoIp,             // diagnosis before ERROR: not joined
    LinkInvalid,      // diagnosis before ERROR: this link is not open
    LinkTaken,        // diagnosis before ERROR: this link is open already
    Notice,           // data of `link` waits in the modem (passive receive)
    Data,             // one received byte in `byte`, of `link`
};

struct AtEvent {
    AtKind kind;
    uint8_t link; // Connected, Closed, Notice, Data: 0 to 4, or AtParser::NO_LINK or FETCHED
    uint8_t byte; // Data only
};

class AtParser {
  public:
    static constexpr uint8_t NO_LINK = 0xFF; // the line names no link
    static constexpr uint8_t FETCHED = 0xFE; // data that was asked for with AT+CIPRECVDATA

    // The largest announcement believed: two TCP segments (2.x). A bigger one is a garbled line.
    static constexpr uint16_t MAX_DATA_BYTES = 2920;

    AtEvent feed(uint8_t byte);

    // Between an announcement and its last byte?
    bool in_data() const { return data_left_bytes_ > 0; }

    // Gives up on announced bytes that never came, and expects a new line.
    void abandon_data();

  private:
    // Enough of a line to know it by: the longest in the table has 15 characters, and a link id goes before
    // it; an announcement with address and port has 39.
    static constexpr uint8_t LINE_CAPACITY = 40;

    AtEvent finish_line();
    // Not inline, or whoever takes a byte had its registers to save.
    __attribute__((noinline)) bool begin_data(uint8_t separator);

    char line_[LINE_CAPACITY + 1];
    uint8_t line_length_; // stops at LINE_CAPACITY; the rest of a longer line is dropped
    uint8_t data_link_;
    uint16_t data_left_bytes_;
};

} // namespace unolink
