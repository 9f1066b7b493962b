// What the LED says.
//
// | state   | LED                              | what it means                                            |
// |---------|----------------------------------|----------------------------------------------------------|
// | Joining | on and off, about once a second  | looking for the modem, the access point or the server    |
// | Online  | a short flash every two seconds  | a link to the server is open                             |
// | Stopped | quick flicker, 4 times a second  | the server refuses this device: check id, host and port  |
//
// Steadily on from power-up: the boot number cannot be stored, so nothing can be sent (main.cpp).
#pragma once

#include <stdint.h>

namespace unolink {

enum class Sign : uint8_t { Joining, Online, Stopped };

// Is the LED on at `now_ms`? Periods are powers of two, so that no division is needed.
inline bool led_on(Sign sign, uint32_t now_ms) {
    const uint16_t low_ms = static_cast<uint16_t>(now_ms);
    switch (sign) {
    case Sign::Joining:
        return (low_ms & 1023) < 512;
    case Sign::Online:
        return (low_ms & 2047) < 64;
    case Sign::Stopped:
        break;
    }
    return (low_ms & 255) < 128;
}

} // namespace unolink
