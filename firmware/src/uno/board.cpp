// The rest of lib/hal on the Uno, over avr-libc.

#include "hal/analog.h"
#include "hal/clock.h"
#include "hal/eeprom.h"
#include "hal/led.h"
#include "hal/modem.h"

#include <avr/eeprom.h>    // eeprom_read_byte, eeprom_is_ready
#include <avr/interrupt.h> // ISR, sei
#include <avr/io.h>
#include <util/atomic.h> // ATOMIC_BLOCK

namespace {

constexpr uint8_t TICKS_A_MS = F_CPU / 128 / 1000;

volatile uint32_t clock;

// avr-libc takes EEPROM addresses as pointers.
uint8_t* cell(uint16_t address) {
    return reinterpret_cast<uint8_t*>(address);
}

} // namespace

ISR(TIMER2_COMPA_vect) {
    clock = clock + 1;
}

namespace hal {

// Timer 2 interrupts each ms; timer 0 counts 4 us freely, for the DHT22 (dht22_wire.cpp).
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

// At 125 kHz, which is within the range for 10 bits (datasheet, prescaling and conversion timing). The
// converter is off in between: left on, it would start a conversion at every SLEEP (datasheet, idle mode), a
// thousand a second that nobody reads.
uint16_t analog_read(uint8_t channel) {
    ADMUX = _BV(REFS0) | channel;
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    while ((ADCSRA & _BV(ADSC)) != 0) {
    }
    ADCSRA = 0;
    return ADC;
}

uint8_t eeprom_read(uint16_t address) {
    return eeprom_read_byte(cell(address));
}

bool eeprom_ready() {
    return eeprom_is_ready();
}

// Both wait for the write before; this one is not waited for.
void eeprom_write(uint16_t address, uint8_t value) {
    eeprom_update_byte(cell(address), value);
}

// D13 is PB5.
void led_set(bool on) {
    DDRB |= _BV(DDB5);
    if (on) {
        PORTB |= _BV(PORTB5);
    } else {
        PORTB &= static_cast<uint8_t>(~_BV(PORTB5));
    }
}

// D4 is PD4. Its output latch is never set, so the module's own pull-up to 3.3 V lifts the line.
void modem_hold_reset(bool low) {
    if (low) {
        DDRD |= _BV(DDD4);
    } else {
        DDRD &= static_cast<uint8_t>(~_BV(DDD4));
    }
}

} // namespace hal
