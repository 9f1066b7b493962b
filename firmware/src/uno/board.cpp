// The rest of lib/hal on the Uno, over avr-libc.

#include "hal/analog.h"
#include "hal/eeprom.h"
#include "hal/led.h"
#include "hal/modem.h"

#include <avr/eeprom.h> // eeprom_read_byte, eeprom_is_ready
#include <avr/io.h>

namespace {

// avr-libc takes EEPROM addresses as pointers.
uint8_t* cell(uint16_t address) {
    return reinterpret_cast<uint8_t*>(address);
}

} // namespace

namespace hal {

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
