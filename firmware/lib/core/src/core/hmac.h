// HMAC-SHA256 (RFC 2104) under the device's key, cut to the 16 bytes of a tag.
//
// The key stays in EEPROM and is read each time: no copy of it lies in RAM.
#pragma once

#include "core/sha256.h"
#include "core/text_cursor.h"

#include <stdint.h>

namespace unolink {

constexpr uint8_t TAG_BYTES = 16;
constexpr uint8_t KEY_BYTES = 32;

class Hmac {
  public:
    // Starts a new message under the device's key.
    void begin() { begin_hash(0x36); }

    void feed(uint8_t byte) { hash_.feed(byte); }

    // Takes all that is left of a text.
    void feed(TextCursor& text);

    // Takes a constant in program memory.
    void feed(const char* flash_text);

    // Ends the message and writes its TAG_BYTES.
    void finish(uint8_t* tag);

  private:
    void begin_hash(uint8_t pad);

    Sha256 hash_;
};

} // namespace unolink
