// hal/dht22.h on pin 7 (PD7): by pin-change interrupts, so that the UART goes on meanwhile.
//
// A bit is 50 us of low and then 27 us of high for 0, 70 us for 1 (Aosong AM2302 data sheet, section 7): from
// one falling edge to the next it takes 77 or 120 us. Timer 0, which clock.cpp starts, counts every
// 4 us.

#include "hal/dht22.h"

#include <avr/interrupt.h> // ISR
#include <avr/io.h>

namespace {

constexpr uint8_t THRESHOLD_TICKS = 100 / 4;
constexpr uint8_t ANSWER_BYTES = 5;
constexpr uint8_t GREETING_EDGES =
    2; // its own, and where the first bit begins; then one at the end of each bit
constexpr uint8_t BITS = 40;

volatile uint8_t edges;
volatile uint8_t last_edge_ticks;
volatile uint8_t answer[ANSWER_BYTES];

} // namespace

ISR(PCINT2_vect) {
    const uint8_t now_ticks = TCNT0;
    if ((PIND & _BV(PIND7)) != 0) {
        return;
    }
    const bool one = static_cast<uint8_t>(now_ticks - last_edge_ticks) > THRESHOLD_TICKS;
    last_edge_ticks = now_ticks;
    const uint8_t bit = edges - GREETING_EDGES;
    if (bit < BITS) {
        answer[bit / 8] = static_cast<uint8_t>(answer[bit / 8] << 1 | (one ? 1 : 0));
    }
    ++edges;
}

namespace hal {

void dht22_pull() {
    PORTD &= static_cast<uint8_t>(~_BV(PORTD7));
    DDRD |= _BV(DDD7);
}

void dht22_release() {
    DDRD &= static_cast<uint8_t>(~_BV(DDD7));
    PORTD |= _BV(PORTD7); // the pull-up, for a bare sensor
    edges = 0;
    PCMSK2 = _BV(PCINT23);
    PCIFR = _BV(PCIF2);
    PCICR = _BV(PCIE2);
}

bool dht22_take(uint8_t* bytes) {
    PCICR = 0;
    for (uint8_t i = 0; i < ANSWER_BYTES; ++i) {
        bytes[i] = answer[i];
    }
    return edges == GREETING_EDGES + BITS;
}

} // namespace hal
