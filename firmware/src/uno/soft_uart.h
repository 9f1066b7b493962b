// A second UART in software: 9600 baud, 8N1, received on pin 2 and sent on pin 3, both at once.
#pragma once

#include "ring.h"

#include <stdint.h>

namespace uno {

// What has come and nobody has read. A full ring drops the newest byte.
extern Ring<64> soft_received;

// Sets pins and timer up and forgets what has come. Bytes on their way out are finished first.
void soft_open();

bool soft_read(uint8_t& byte);
uint8_t soft_write_room();

// Only when soft_write_room() is not 0.
void soft_write(uint8_t byte);

// Sends a text from program memory at 115200 baud, with interrupts off for 87 us a byte. Only when nothing is
// on its way out.
void soft_shout(const char* flash_text);

} // namespace uno
