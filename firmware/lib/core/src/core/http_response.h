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
    void begin();

    void feed(uint8_t byte);

    State state() const { return state_; }

    // 200 to 599. Only when Complete.
    uint16_t status() const { return status_; }

    // Does the response end where its bytes end, so that the connection can be used again?
    bool framed() const { return framed_; }

    // The TAG_CHARACTERS of Unolink-Tag, or null: there was none, more than one, or one of another length.
    const char* tag() const { return tags_ == 1 ? tag_ : nullptr; }

    // Seconds of Retry-After, 0 to 65,534, or NO_RETRY_AFTER. A date counts as none.
    uint16_t retry_after_s() const { return retry_after_s_; }

  private:
    // Enough of a line for the longest header that is read, with its tag and some blanks.
    static constexpr uint8_t LINE_CAPACITY = 40;

    enum class Header : uint8_t { Length, RetryAfter, Tag };

    void take_line();
    void take_status(const char* text);
    void take_header();
    void take_value(Header header, const char* value);
    void finish_head();

    State state_;
    bool has_length_;
    bool framed_;
    uint8_t line_length_; // stops at LINE_CAPACITY; the rest of a longer line is dropped
    uint8_t tags_;        // how many there were; one that is no tag counts for two
    uint16_t status_;
    uint16_t body_left_bytes_;
    uint16_t retry_after_s_;
    char tag_[TAG_CHARACTERS];
    char line_[LINE_CAPACITY + 1];
};

} // namespace unolink
