// One POST of one reading, produced byte by byte; its length is known before the first byte.
//
//   POST /v1/readings HTTP/1.1
//   Host: ingest.lan:8080
//   Content-Type: application/json
//   Content-Length: 93
//
//   {"device":"uno-1","boot":3,"readings":[{"seq":17,"age_ms":120,"values":{"a0":512,"a1":300}}]}
//
// The age is taken once, at begin(), so that every byte and the length agree. HTTP/1.1 keeps the connection
// open.
#pragma once

#include "core/config.h"
#include "core/reading_queue.h"
#include "core/text_cursor.h"

#include <stdint.h>

namespace unolink {

class Request {
  public:
    // Starts a new request. `config` must outlive it.
    void begin(const Config& config, uint32_t boot, const Reading& reading, uint32_t now_ms);

    // Length of the whole request in bytes.
    uint16_t length_bytes() const { return count_from(0); }

    // Takes the next byte. False: the request is finished.
    bool next(uint8_t& byte);

  private:
    bool load_piece(uint8_t piece);
    void load_value(uint8_t index);
    uint16_t count_from(uint8_t piece) const;

    const Config* config_ = nullptr;
    uint32_t boot_ = 0;
    uint32_t age_ms_ = 0;
    Reading reading_ = {};
    uint16_t body_bytes_ = 0;
    TextCursor cursor_;
    uint8_t piece_ = 0; // the next one to load
};

} // namespace unolink
