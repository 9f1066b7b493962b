#include "io.h"
#include "adc.h"
#include "comparator.h"
#include "cpu.h"
#include "eeprom.h"
#include "gpio.h"
#include "interrupts.h"
#include "pin_changes.h"
#include "schedule.h"
#include "self_program.h"
#include "spi.h"
#include "timer.h"
#include "twi.h"
#include "usart0.h"
#include "watchdog.h"

uint8_t io_peek(const avr_state* s, uint16_t address) {
    const int timer = timer_at(address);
    if (timer >= 0) {
        return timer_peek(s, (unsigned)timer, address);
    }
    switch (address) {
    case REG_PIN(0):
    case REG_PIN(1):
    case REG_PIN(2):
        return gpio_peek_pin(s, (address - REG_PINB) / 3u);
    case REG_WDTCSR:
        return watchdog_peek(s);
    case REG_EECR:
        return eeprom_peek_control(s);
    case REG_ADCL:
    case REG_ADCH:
        return adc_peek(s, address);
    case REG_SPSR:
    case REG_SPDR:
        return spi_peek(s, address);
    case REG_TWSR:
    case REG_TWCR:
        return twi_peek(s, address);
    case REG_SPMCSR:
        return spm_peek_control(s);
    case REG_UCSR0A:
    case REG_UCSR0B:
    case REG_UDR0:
        return usart0_peek(s, address);
    default:
        return s->data[address];
    }
}

uint8_t io_read(avr_state* s, uint16_t address) {
    schedule_run_due(s);
    switch (address) {
    case REG_UDR0:
        return usart0_read_udr(s);
    case REG_ADCL:
    case REG_ADCH:
        return adc_read_result(s, address);
    case REG_SPSR:
    case REG_SPDR:
        return spi_read(s, address);
    case REG_TCNT1L:
    case REG_ICR1L:
        return timer_read(s, 1, address);
    default:
        return io_peek(s, address);
    }
}

static void write_sreg(avr_state* s, uint8_t value) {
    const uint8_t rising = value & (uint8_t)~s->data[REG_SREG];
    s->data[REG_SREG] = value;
    if (rising & SREG_I) { // as after SEI: one instruction comes before any interrupt
        cpu_interrupts_enabled(s, s->cycle + 1);
    }
}

unsigned io_write(avr_state* s, uint16_t address, uint8_t value) {
    schedule_run_due(s);
    if (address >= REG_PIN(0) && address <= REG_PORTD) {
        gpio_write(s, address, value);
        return 0;
    }
    const int timer = timer_at(address);
    if (timer >= 0) {
        timer_write(s, (unsigned)timer, address, value);
        return 0;
    }
    switch (address) {
    case REG_GTCCR:
    case REG_PRR:
        timers_write_shared(s, address, value);
        break;
    case REG_EIFR:
    case REG_PCIFR:
    case REG_EIMSK:
    case REG_EICRA:
    case REG_PCICR:
    case REG_PCMSK0:
    case REG_PCMSK0 + 1:
    case REG_PCMSK2:
        pin_changes_write(s, address, value);
        break;
    case REG_WDTCSR:
        watchdog_write(s, value);
        break;
    case REG_EECR:
        return eeprom_write_control(s, value);
    case REG_EEARL:
    case REG_EEARH:
        eeprom_write_address(s, address, value);
        break;
    case REG_ADCSRA:
        adc_write_control(s, value);
        break;
    case REG_ADCSRB:
        adc_write_control_b(s, value);
        break;
    case REG_ADMUX:
        s->data[address] = value & 0xEF;
        comparator_update(s);
        break;
    case REG_ACSR:
        comparator_write_control(s, value);
        break;
    case REG_SPCR:
    case REG_SPSR:
    case REG_SPDR:
        spi_write(s, address, value);
        break;
    case REG_TWSR:
    case REG_TWDR:
    case REG_TWCR:
        twi_write(s, address, value);
        break;
    case REG_SPMCSR:
        spm_write_control(s, value);
        break;
    case REG_MCUCR:
        gpio_write_mcucr(s, value);
        break;
    case REG_UCSR0A:
    case REG_UCSR0B:
    case REG_UCSR0C:
    case REG_UBRR0L:
    case REG_UBRR0H:
    case REG_UDR0:
        usart0_write(s, address, value);
        break;
    case REG_SREG:
        write_sreg(s, value);
        break;
    case REG_MCUSR: // reset flags are cleared by writing zero, and set by resets only
        s->data[address] &= value;
        watchdog_mcusr_changed(s);
        break;
    case REG_ADCL: // read only
    case REG_ADCH:
        break;
    default:
        s->data[address] = value;
        break;
    }
    return 0;
}

// Registers where a one means "act on this bit": reading and writing back would act on the others too.
static int acts_on_ones(uint16_t address) {
    switch (address) {
    case REG_PIN(0):
    case REG_PIN(1):
    case REG_PIN(2):
    case REG_TIFR0:
    case REG_TIFR1:
    case REG_TIFR2:
    case REG_PCIFR:
    case REG_EIFR:
        return 1;
    default:
        return 0;
    }
}

unsigned io_write_bit(avr_state* s, uint16_t address, uint8_t mask, int set) {
    if (acts_on_ones(address)) {
        return set ? io_write(s, address, mask) : 0;
    }
    const uint8_t value = io_peek(s, address);
    return io_write(s, address, set ? value | mask : value & (uint8_t)~mask);
}

void io_watchdog_restart(avr_state* s) {
    schedule_run_due(s);
    watchdog_restart(s);
}
