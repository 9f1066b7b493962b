// The serial line to the modem, and the modem's reset pin. Called from the main loop only; a board may use
// interrupts underneath.
#pragma once

#include <stdint.h>

namespace hal {

// How many ways of reaching the modem there are: rates at which it may talk, for example.
extern const uint8_t MODEM_WAYS;

// Opens the line, or opens it anew, in way 0 to MODEM_WAYS - 1: 8 data bits, no parity, 1 stop bit. What was
// received and not yet read is lost. Budget: 5 ms.
void modem_open(uint8_t way);

// Takes the oldest received byte. False: there is none. Budget: 5 us.
bool modem_read(uint8_t& byte);

// How many bytes modem_write() will take now without waiting, 0 to 255. Budget: 5 us.
uint8_t modem_write_room();

// Queues one byte for sending. Call only when modem_write_room() is not 0. Budget: 5 us.
void modem_write(uint8_t byte);

// Pulls the modem's reset pin low, or lets it go: it is never driven high. Budget: 5 us.
void modem_hold_reset(bool low);

} // namespace hal
