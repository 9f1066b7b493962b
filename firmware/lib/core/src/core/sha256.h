// SHA-256 (FIPS 180-4), one byte at a time, small rather than fast: every 64th byte takes 9 ms at 16 MHz.
#pragma once

#include <stdint.h>

namespace unolink {

class Sha256 {
  public:
    static constexpr uint8_t BLOCK_BYTES = 64;
    static constexpr uint8_t DIGEST_BYTES = 32;

    // Starts a new message.
    void begin();

    // Takes one byte of the message, of at most 65,535.
    void feed(uint8_t byte);

    // Ends the message and writes its DIGEST_BYTES.
    void finish(uint8_t* digest);

  private:
    void compress();
    __attribute__((noinline)) uint32_t& word_at(uint8_t round);

    uint32_t words_[16]; // the block, and then its message schedule, 16 words at a time
    uint32_t state_[8];
    uint16_t length_bytes_;
};

} // namespace unolink
