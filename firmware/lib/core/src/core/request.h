// One signed POST of a batch of readings (docs/wire-protocol.md), produced byte by byte.
//
// The tag stands before the body that it signs, so the body is walked twice: by sign_step(), which hashes it
// and counts it, and by next(), which hands it out. Both must see the same bytes, so what they are made of is
// fixed at start(): the readings must stay where they are, and ages are those of that instant. A status is
// the only thing that is told anew at each walk, so it is copied first.
#pragma once

#include "core/backlog.h"
#include "core/hmac.h"
#include "core/status.h"
#include "core/text_cursor.h"

#include <stdint.h>

namespace unolink {

class Request {
  public:
    // `backlog` must outlive it.
    void begin(Backlog& backlog) { backlog_ = &backlog; }

    // Starts a request of the `rows` oldest readings (at least 1), which are all of one start.
    void start(uint8_t rows, uint32_t now_ms);

    // Adds the counters to the request. After start(). (Not inline: once an hour.)
    __attribute__((noinline)) void add_status();

    // Hashes some more of the body. False: it is done; length_bytes() and tag() are right, and next() may
    // begin. Takes up to 45 ms.
    bool sign_step();

    // Length of the whole request in bytes, at most 2048.
    uint16_t length_bytes() const { return length_bytes_; }

    uint8_t rows() const { return rows_; }
    bool has_status() const { return has_status_; }

    // Do these 22 characters (or null) prove that a response with `status` is the server's answer to this
    // request? Takes 36 ms.
    bool answered_by(uint16_t status, const char* tag);

    // Takes the next byte. False: the request is finished.
    bool next(uint8_t& byte);

  private:
    enum class Field : uint8_t;

    void walk_from(const char* place);
    void load(Field field);
    void load_row(Field field);
    void load_value(int16_t raw);
    void next_column();
    void leave_loop();
    void go_back();

    Backlog* backlog_;
    const char* place_; // in the text of the request
    bool has_status_;
    bool body_follows_;
    uint8_t rows_;
    uint8_t row_;
    uint8_t channel_; // the next row of the table of channels, or the next counter
    uint8_t column_;
    uint16_t body_bytes_;
    uint16_t length_bytes_;
    uint32_t now_ms_;
    uint32_t boot_;
    TextCursor cursor_;
    uint8_t tag_[TAG_BYTES];
    Reading reading_; // of the present row
    uint32_t status_[STATUS_COUNT];
    Hmac hmac_;
};

} // namespace unolink
