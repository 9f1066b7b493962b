// hal/clock.h, and Arduino's clock beside it, on timer 2: it interrupts each ms and counts 8 us in between.
//
// Arduino's own wiring.c counts with an interrupt of timer 0, which this image does not have; with the
// functions below it is never linked, and libraries for sensors that ask for the time or wait get what they
// expect. An image in which nobody calls them has no byte of them.

#include "hal/clock.h"

#include <Arduino.h>       // millis, micros, delay, delayMicroseconds
#include <avr/interrupt.h> // ISR, sei
#include <avr/io.h>
#include <util/atomic.h>      // ATOMIC_BLOCK
#include <util/delay_basic.h> // _delay_loop_2

namespace {

constexpr uint8_t PRESCALER = 128;
constexpr uint8_t TICKS_A_MS = F_CPU / PRESCALER / 1000;
constexpr uint8_t TICK_US = PRESCALER / (F_CPU / 1000000);
constexpr uint8_t LOOPS_A_US = F_CPU / 1000000 / 4; // _delay_loop_2 takes 4 cycles

volatile uint32_t clock;

} // namespace

ISR(TIMER2_COMPA_vect) {
    clock = clock + 1;
}

namespace hal {

// Timer 0 counts 4 us freely, for the DHT22 (dht22_wire.cpp).
void clock_start() {
    TCCR0B = _BV(CS01) | _BV(CS00); // clock / 64
    OCR2A = TICKS_A_MS - 1;
    TCCR2A = _BV(WGM21);            // back to 0 there
    TCCR2B = _BV(CS22) | _BV(CS20); // clock / 128
    TIMSK2 = _BV(OCIE2A);
    sei();
}

uint32_t clock_ms() {
    uint32_t now_ms = 0;
    ATOMIC_BLOCK(ATOMIC_FORCEON) {
        now_ms = clock;
    }
    return now_ms;
}

} // namespace hal

// Milliseconds since clock_start(). Also in an ISR.
unsigned long millis() {
    uint32_t now_ms = 0;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        now_ms = clock;
    }
    return now_ms;
}

// Microseconds since clock_start(), in steps of 8; never goes back. Also in an ISR, which a millisecond may
// wait for: its interrupt flag is set as the counter goes back to 0 (datasheet, timer 2, timing diagrams).
unsigned long micros() {
    uint32_t now_ms = 0;
    uint8_t ticks = 0;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        now_ms = clock;
        ticks = TCNT2;
        if ((TIFR2 & _BV(OCF2A)) != 0) {
            ticks = TCNT2; // the first look may have been before
            ++now_ms;
        }
    }
    return now_ms * 1000 + ticks * TICK_US;
}

// Waits, at least for so long, and lets nothing else of the node run: a long wait costs received bytes, and 8
// s wake the watchdog.
void delay(unsigned long wait_ms) {
    for (unsigned long since_us = micros(); wait_ms > 0;) {
        if (micros() - since_us >= 1000) {
            since_us += 1000;
            --wait_ms;
        }
    }
}

// Waits for 0 to 16,383 us, by counting cycles: interrupts add to it.
void delayMicroseconds(unsigned int wait_us) {
    if (wait_us > 0) {
        _delay_loop_2(wait_us * LOOPS_A_US);
    }
}
