// hal/uart.h on USART0 (pins 0 and 1), by interrupts, with a ring for each direction.
//
// The ATmega328P holds two received bytes and a third in its shift register (datasheet, 20.7): at 115200 baud
// the interrupt must take one within 260 us, and nothing here or in the Arduino core blocks interrupts for
// longer than a few us. The loop must empty the ring: 128 bytes last for 11 ms, and its longest round, in
// which a request is measured, takes 4.3 ms.
//
// Arduino's Serial is not used: it would put its table of virtual functions into RAM.

#include "hal/uart.h"
#include "hal/idle.h"

#include <avr/interrupt.h> // ISR, cli, sei
#include <avr/io.h>        // UCSR0A and its neighbours
#include <avr/sleep.h>     // sleep_cpu

namespace {

// A ring for one writer and one reader, of which either may be an interrupt. Its indices are single bytes, so
// each side reads the other's in one instruction. One place stays free, to tell a full ring from an empty
// one.
template <uint8_t SIZE>
class Ring {
    static_assert((SIZE & (SIZE - 1)) == 0, "indices wrap by masking");

  public:
    bool empty() const { return head_ == tail_; }
    uint8_t room() const { return static_cast<uint8_t>(tail_ - head_ - 1) & (SIZE - 1); }

    // Only when room() is not 0.
    void put(uint8_t byte) {
        bytes_[head_] = byte;
        head_ = static_cast<uint8_t>(head_ + 1) & (SIZE - 1);
    }

    // Only when not empty().
    uint8_t take() {
        const uint8_t byte = bytes_[tail_];
        tail_ = static_cast<uint8_t>(tail_ + 1) & (SIZE - 1);
        return byte;
    }

  private:
    volatile uint8_t bytes_[SIZE] = {};
    volatile uint8_t head_ = 0;
    volatile uint8_t tail_ = 0;
};

Ring<128> received;
Ring<64> to_send;

// Values of UCSR0B: both directions on, with an interrupt for each received byte, and for an empty
// transmitter.
constexpr uint8_t NOTHING_TO_SEND = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
constexpr uint8_t SOMETHING_TO_SEND = NOTHING_TO_SEND | _BV(UDRIE0);

} // namespace

// A full ring drops the newest byte: the parser notices, because the announced bytes do not all come.
ISR(USART_RX_vect) {
    const uint8_t byte = UDR0;
    if (received.room() > 0) {
        received.put(byte);
    }
}

ISR(USART_UDRE_vect) {
    UDR0 = to_send.take();
    if (to_send.empty()) {
        UCSR0B = NOTHING_TO_SEND;
    }
}

namespace hal {

void uart_open(uint32_t baud) {
    // 8 clocks a bit instead of 16: 115200 baud is met within 2.1 % (datasheet, table 20-7).
    UCSR0A = _BV(U2X0);
    UBRR0 = static_cast<uint16_t>((F_CPU / 4 / baud - 1) / 2);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = NOTHING_TO_SEND;
}

bool uart_read(uint8_t& byte) {
    if (received.empty()) {
        return false;
    }
    byte = received.take();
    return true;
}

uint8_t uart_write_room() {
    return to_send.room();
}

void uart_write(uint8_t byte) {
    to_send.put(byte);
    UCSR0B = SOMETHING_TO_SEND;
}

// Beside the ring, because it must not sleep on a byte that came after the loop looked: an interrupt can come
// between the test and SLEEP only after SEI, and the instruction behind SEI is always executed first
// (datasheet, 7.7).
void idle_until_event() {
    set_sleep_mode(SLEEP_MODE_IDLE);
    sleep_enable();
    cli();
    if (received.empty()) {
        sei();
        sleep_cpu();
    }
    sei();
    sleep_disable();
}

} // namespace hal
