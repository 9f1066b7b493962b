// The serial line to a person, or to a program that sets the node up. On some boards it is the modem's line,
// too. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// Is this line the modem's, too?
extern const bool CONSOLE_IS_MODEM_LINE;

// Takes the oldest received byte. False: there is none. Budget: 5 us.
bool console_read(uint8_t& byte);

// Sends one byte; waits while the transmit buffer is full. Budget: 87 us at 115200 baud.
void console_write(uint8_t byte);

} // namespace hal
