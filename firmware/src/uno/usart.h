// USART0 (pins 0 and 1), by interrupts, with a ring for each direction.
#pragma once

#include "ring.h"

#include <stdint.h>

namespace uno {

// What has come and nobody has read. A full ring drops the newest byte.
extern Ring<USART_RX_BYTES> usart_received;

// What usart_open() takes for a rate in bits per second, with 8 clocks a bit instead of 16: 115200 baud is
// met within 2.1 % (datasheet, USART0, examples of UBRR0).
constexpr uint16_t usart_divisor(uint32_t baud) {
    return static_cast<uint16_t>((F_CPU / 4 / baud - 1) / 2);
}

// Sets the rate, 8N1, and forgets what has come. Bytes on their way out are finished
// first.
void usart_open(uint16_t divisor);

bool usart_read(uint8_t& byte);
uint8_t usart_write_room();

// Only when usart_write_room() is not 0.
void usart_write(uint8_t byte);

} // namespace uno
