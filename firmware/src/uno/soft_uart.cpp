// Timer 1 counts half microseconds for both directions, each with a compare unit of its own.
//
// Receiving: the falling edge of a start bit interrupts, and from one and a half bit times later on the line
// is sampled once a bit. Sending: one interrupt a bit. An interrupt that another one delays shifts a sample
// or an edge by a few us of a bit's 104 us, and the next one is not shifted, because each compare value
// follows from the one before. Arduino's SoftwareSerial blocks all interrupts for a whole byte and cannot do
// both directions at once: an echo or a result code that comes while it sends is lost.

#include "soft_uart.h"

#include "hal/flash.h" // flash_char

#include <avr/interrupt.h> // ISR
#include <avr/io.h>
#include <util/delay_basic.h> // _delay_loop_1

namespace uno {

Ring<64> soft_received;

namespace {

Ring<16> to_send;

constexpr uint16_t BIT_TICKS = 208;          // 104 us; 9615 baud
constexpr uint16_t FIRST_SAMPLE_TICKS = 300; // one and a half bits, less what it takes to get here
constexpr uint8_t DATA_BITS = 8;
constexpr uint8_t SHOUT_LOOPS = 42; // of 3 cycles; with the rest, measured, 139 cycles a bit: 115200 baud

volatile uint8_t receiving_byte;
volatile uint8_t receiving_bits;
volatile uint16_t sending_frame; // what is left of it, the next bit lowest; 0: nothing is being sent

void listen_for_start() {
    EIFR = _BV(INTF0);
    EIMSK |= _BV(INT0);
}

void send_level(bool high) {
    if (high) {
        PORTD |= _BV(PORTD3);
    } else {
        PORTD &= static_cast<uint8_t>(~_BV(PORTD3));
    }
}

} // namespace

ISR(INT0_vect) {
    OCR1A = TCNT1 + FIRST_SAMPLE_TICKS;
    EIMSK &= static_cast<uint8_t>(~_BV(INT0));
    TIFR1 = _BV(OCF1A);
    TIMSK1 |= _BV(OCIE1A);
    receiving_bits = 0;
}

ISR(TIMER1_COMPA_vect) {
    OCR1A += BIT_TICKS;
    const bool high = (PIND & _BV(PIND2)) != 0;
    if (receiving_bits < DATA_BITS) {
        receiving_byte = static_cast<uint8_t>(receiving_byte >> 1 | (high ? 0x80 : 0));
        ++receiving_bits;
        return;
    }
    TIMSK1 &= static_cast<uint8_t>(~_BV(OCIE1A)); // in the middle of the stop bit
    if (high && soft_received.room() > 0) {
        soft_received.put(receiving_byte);
    }
    listen_for_start();
}

ISR(TIMER1_COMPB_vect) {
    OCR1B += BIT_TICKS;
    if (sending_frame == 0) {
        if (to_send.empty()) {
            TIMSK1 &= static_cast<uint8_t>(~_BV(OCIE1B));
            return;
        }
        sending_frame = static_cast<uint16_t>(0x200 | to_send.take() << 1); // start bit, data, stop bit
    }
    send_level((sending_frame & 1) != 0);
    sending_frame >>= 1;
}

void soft_open() {
    while ((TIMSK1 & _BV(OCIE1B)) != 0) {
    }
    PORTD |= _BV(PORTD3) | _BV(PORTD2); // the line idles high; a pull-up for one that is open
    DDRD |= _BV(DDD3);
    TCCR1A = 0;
    TCCR1B = _BV(CS11); // clock / 8
    EICRA = _BV(ISC01); // falling edges
    soft_received.clear();
    listen_for_start();
}

bool soft_read(uint8_t& byte) {
    if (soft_received.empty()) {
        return false;
    }
    byte = soft_received.take();
    return true;
}

uint8_t soft_write_room() {
    return to_send.room();
}

void soft_write(uint8_t byte) {
    to_send.put(byte);
    cli();
    if ((TIMSK1 & _BV(OCIE1B)) == 0) {
        OCR1B = TCNT1 + BIT_TICKS;
        TIFR1 = _BV(OCF1B);
        TIMSK1 |= _BV(OCIE1B);
    }
    sei();
}

// A bit is 139 cycles: 43 turns of a loop of 3, and the rest.
void soft_shout(const char* flash_text) {
    for (char character; (character = hal::flash_char(flash_text)) != '\0'; ++flash_text) {
        uint16_t frame = static_cast<uint16_t>(0x200 | static_cast<uint8_t>(character) << 1);
        cli();
        for (; frame != 0; frame >>= 1) {
            send_level((frame & 1) != 0);
            _delay_loop_1(SHOUT_LOOPS);
        }
        sei();
    }
}

} // namespace uno
