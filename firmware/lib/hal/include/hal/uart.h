// The serial line to the modem. Called from the main loop only; a board may use interrupts underneath.
#pragma once

#include <stdint.h>

namespace hal {

// Opens the line: 8 data bits, no parity, 1 stop bit. `baud` in bits per second. Called once, before the
// others.
void uart_open(uint32_t baud);

// Takes the oldest received byte. False: there is none. Budget: 5 us.
bool uart_read(uint8_t& byte);

// How many bytes uart_write() will take now without waiting, 0 to 255. Budget: 5 us.
uint8_t uart_write_room();

// Queues one byte for sending. Call only when uart_write_room() is not 0. Budget: 5 us.
void uart_write(uint8_t byte);

} // namespace hal
