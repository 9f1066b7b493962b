// The ATmega328P holds two received bytes and a third in its shift register (datasheet, USART0, data
// reception): at 115200 baud the interrupt must take one within 260 us, and nothing here or in the Arduino
// core blocks interrupts for longer than a few us. The loop must empty the ring: as the modem's line it has
// 128 bytes, which last for 11 ms.
//
// Arduino's Serial is not used: it would put its table of virtual functions into RAM.

#include "usart.h"

#include <avr/interrupt.h> // ISR
#include <avr/io.h>        // UCSR0A and its neighbours

namespace uno {

Ring<USART_RX_BYTES> usart_received;

namespace {

Ring<USART_TX_BYTES> to_send;

// Values of UCSR0B: both directions on, with an interrupt for each received byte, and for an empty
// transmitter.
constexpr uint8_t NOTHING_TO_SEND = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
constexpr uint8_t SOMETHING_TO_SEND = NOTHING_TO_SEND | _BV(UDRIE0);

} // namespace

ISR(USART_RX_vect) {
    const uint8_t byte = UDR0;
    if (usart_received.room() > 0) {
        usart_received.put(byte);
    }
}

ISR(USART_UDRE_vect) {
    UCSR0A = _BV(U2X0) | _BV(TXC0); // so that TXC0 tells when this byte, too, has left
    UDR0 = to_send.take();
    if (to_send.empty()) {
        UCSR0B = NOTHING_TO_SEND;
    }
}

void usart_open(uint16_t divisor) {
    const bool was_open = UCSR0B != 0;
    while (was_open && (!to_send.empty() || (UCSR0A & (_BV(UDRE0) | _BV(TXC0))) == 0)) {
    }
    UCSR0B = 0;
    UCSR0A = _BV(U2X0);
    UBRR0 = divisor;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = NOTHING_TO_SEND;
    usart_received.clear();
}

bool usart_read(uint8_t& byte) {
    if (usart_received.empty()) {
        return false;
    }
    byte = usart_received.take();
    return true;
}

uint8_t usart_write_room() {
    return to_send.room();
}

void usart_write(uint8_t byte) {
    to_send.put(byte);
    UCSR0B = SOMETHING_TO_SEND;
}

} // namespace uno
