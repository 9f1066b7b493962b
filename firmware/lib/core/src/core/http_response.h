// Reads one HTTP/1.1 response as it streams by: status, Content-Length, and the acknowledgement in the body.
//
// Framing follows RFC 9112: the body is as long as Content-Length says. A response without Content-Length
// (chunked, or ended by closing) is Garbled here, because its end could not be known on a kept connection.
#pragma once

#include "core/ack_parser.h"

#include <stdint.h>

namespace unolink {

class HttpResponse {
  public:
    enum class State : uint8_t {
        StatusLine, // nothing, or part of the first line
        Header,     // between the first line and the empty line
        Body,       // until Content-Length bytes have come
        Complete,   // status() and acknowledged() are final
        Garbled,    // this is no response that can be understood; feed() does nothing any more
    };

    // Starts a new response, looking for the acknowledgement of (`boot`, `seq`).
    void begin(uint32_t boot, uint32_t seq);

    void feed(uint8_t byte);

    State state() const { return state_; }

    // 100 to 599. Only when Complete.
    uint16_t status() const { return status_; }

    // Only when Complete: a 2xx whose body names the reading.
    bool acknowledged() const { return status_ / 100 == 2 && ack_.acknowledged(); }

  private:
    void feed_status_line(char character);
    void feed_header(char character);
    void finish_header_line();

    AckParser ack_;
    State state_ = State::StatusLine;
    uint8_t position_ = 0; // in the status line, or in the header's name as far as it matches
    bool name_matches_ = true;
    bool line_empty_ = true;
    bool has_length_ = false;
    uint16_t status_ = 0;
    uint16_t body_left_bytes_ = 0;
};

} // namespace unolink
