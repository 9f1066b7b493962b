// USART0 (pins 0 and 1), by interrupts, with a ring for each direction.
#pragma once

#include "ring.h"

#include <stdint.h>

namespace uno {

// What has come and nobody has read. A full ring drops the newest byte.
extern Ring<USART_RX_BYTES> usart_received;

// Sets the rate in bits per second, 8N1, and forgets what has come. Bytes on their way out are finished
// first.
void usart_open(uint32_t baud);

bool usart_read(uint8_t& byte);
uint8_t usart_write_room();

// Only when usart_write_room() is not 0.
void usart_write(uint8_t byte);

} // namespace uno
