// Reads one HTTP/1.1 response as it streams by: status, length, and the headers that a device needs.
//
// Framing follows RFC 9112: the body is as long as Content-Length says, and 204 has none. After any other
// response without Content-Length (chunked, or ended by closing), and after one that is longer than a device
// wants to hear, the connection is of no more use: its status counts, and framed() is false.
#pragma once

#include <stdint.h>

namespace unolink {

class HttpResponse {
  public:
    enum class State : uint8_t {
        StatusLine, // nothing, or part of the first line
        Header,     // between the first line and the empty line
        Body,       // until Content-Length bytes have come
        Complete,   // everything below is final
        Garbled,    // this is no response that can be understood; feed() does nothing any more
    };
    static constexpr uint8_t TAG_CHARACTERS = 22;
    static constexpr uint16_t NO_RETRY_AFTER = 0xFFFF;

    // Starts a new response.
    void begin() { *this = HttpResponse(); }

    void feed(uint8_t byte);

    State state() const { return state_; }

    // 200 to 599. Only when Complete.
    uint16_t status() const { return status_; }

    // Does the response end where its bytes end, so that the connection can be used again?
    bool framed() const { return framed_; }

    // The TAG_CHARACTERS of Unolink-Tag, or null: there was none, or of another length.
    const char* tag() const { return tag_length_ == TAG_CHARACTERS ? tag_ : nullptr; }

    // Seconds of Retry-After, 0 to 65,534, or NO_RETRY_AFTER. A date counts as none.
    uint16_t retry_after_s() const { return retry_after_s_; }

  private:
    enum class Header : uint8_t { Length, RetryAfter, Tag, Other };

    void feed_status_line(char character);
    void feed_header(char character);
    void match_name(char character);
    void feed_value(char character);
    void finish_header_line();
    void finish_head();

    State state_ = State::StatusLine;
    uint8_t position_ = 0;   // in the status line, or in a header's name
    uint8_t candidates_ = 0; // bit n: header n may still be the one whose name is coming
    Header header_ = Header::Other;
    bool in_value_ = false;
    bool line_empty_ = true;
    bool has_length_ = false;
    bool framed_ = true;
    uint16_t status_ = 0;
    uint16_t body_left_bytes_ = 0;
    uint16_t retry_after_s_ = NO_RETRY_AFTER;
    uint8_t tag_length_ = 0;
    char tag_[TAG_CHARACTERS] = {};
};

} // namespace unolink
