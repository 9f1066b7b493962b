// Hears the line that opens the console, among whatever else comes.
#pragma once

#include "hal/flash.h" // HAL_FLASH, flash_char

#include <stdint.h>

namespace unolink {

const char KNOCK[] HAL_FLASH = "!unolink";

class Knock {
  public:
    // Takes a byte of the line. True: it has ended a line that is KNOCK.
    bool feed(uint8_t byte) {
        if (byte == '\r' || byte == '\n') {
            const bool heard = matched_ == LENGTH;
            matched_ = 0;
            return heard;
        }
        const bool fits = matched_ < LENGTH && static_cast<char>(byte) == hal::flash_char(KNOCK + matched_);
        matched_ = fits ? static_cast<uint8_t>(matched_ + 1) : WRONG;
        return false;
    }

  private:
    static constexpr uint8_t LENGTH = sizeof KNOCK - 1;
    static constexpr uint8_t WRONG = 0xFF; // until the line ends

    uint8_t matched_ = 0;
};

} // namespace unolink
