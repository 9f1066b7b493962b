// The rest of lib/hal on the Uno, over the Arduino core and avr-libc.

#include "hal/analog.h"
#include "hal/clock.h"
#include "hal/eeprom.h"
#include "hal/led.h"

#include <Arduino.h>    // millis, analogRead
#include <avr/eeprom.h> // eeprom_read_byte, eeprom_update_byte

namespace {

// avr-libc takes EEPROM addresses as pointers.
uint8_t* cell(uint16_t address) {
    return reinterpret_cast<uint8_t*>(address);
}

} // namespace

namespace hal {

uint32_t clock_ms() {
    return millis();
}

// The converter is off in between: left on, it would start a conversion at every SLEEP (datasheet, 10.3), a
// thousand a second that nobody reads.
uint16_t analog_read(uint8_t channel) {
    ADCSRA |= _BV(ADEN);
    const int code = analogRead(channel);
    ADCSRA &= static_cast<uint8_t>(~_BV(ADEN));
    return static_cast<uint16_t>(code);
}

uint8_t eeprom_read(uint16_t address) {
    return eeprom_read_byte(cell(address));
}

void eeprom_write(uint16_t address, uint8_t value) {
    eeprom_update_byte(cell(address), value);
    eeprom_busy_wait();
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

} // namespace hal
