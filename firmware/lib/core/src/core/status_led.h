// What the LED says: every four seconds, so many short flashes as the sign has in its row.
//
// | flashes | sign       | what it means                                                              |
// |---------|------------|----------------------------------------------------------------------------|
// | 1       | Online     | a connection to the server is open                                         |
// | 2       | NoModem    | the modem does not answer                                                  |
// | 3       | Joining    | looking for the Wi-Fi                                                      |
// | 4       | Connecting | the Wi-Fi is there, the server does not answer                             |
// | 5       | Refused    | the server does not accept this device's key                               |
// | 6       | NotSetUp   | settings are missing                                                       |
//
// Steadily on from the start: the EEPROM does not keep what is written, so nothing can be sent (main.cpp).
#pragma once

#include <stdint.h>

namespace unolink {

enum class Sign : uint8_t { Online = 1, NoModem, Joining, Connecting, Refused, NotSetUp };

// Is the LED on at `now_ms`? Periods are powers of two, so that no division is needed.
inline bool led_on(Sign sign, uint32_t now_ms) {
    const uint16_t low_ms = static_cast<uint16_t>(now_ms);
    const uint8_t place = low_ms >> 9 & 7;
    return place < static_cast<uint8_t>(sign) && (low_ms & 511) < 128;
}

} // namespace unolink
