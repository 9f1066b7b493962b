#include "pin_changes.h"
#include "adc.h"
#include "gpio.h"
#include "interrupts.h"
#include "pin_serial.h"
#include "schedule.h"
#include "spi.h"
#include "timer.h"
#include "twi.h"

#define FLAG_CYCLES 3u
#define ICP1_MASK 1u // PB0

enum sense { SENSE_LOW_LEVEL, SENSE_CHANGE, SENSE_FALLING, SENSE_RISING };

static enum sense sense_of(const avr_state* s, unsigned n) {
    return (enum sense)(s->data[REG_EICRA] >> (2 * n) & 3);
}

static uint8_t mask_of(unsigned n) { // INT0 is PD2, INT1 is PD3
    return (uint8_t)(4u << n);
}

static void update_irq(avr_state* s) {
    const uint8_t levels = gpio_levels(s, PORT_D);
    for (unsigned n = 0; n < 2; n++) {
        const int enabled = s->data[REG_EIMSK] >> n & 1;
        const int is_low = sense_of(s, n) == SENSE_LOW_LEVEL && !(levels & mask_of(n));
        irq_set(s, VECTOR_INT0 + n, enabled && (is_low || s->data[REG_EIFR] >> n & 1));
    }
    for (unsigned n = 0; n < 3; n++) {
        irq_set(s, VECTOR_PCINT0 + n, s->data[REG_PCICR] & s->data[REG_PCIFR] & 1u << n);
    }
}

static uint8_t external_edges(const avr_state* s, uint8_t before, uint8_t now) {
    uint8_t flags = 0;
    for (unsigned n = 0; n < 2; n++) {
        const enum sense sense = sense_of(s, n);
        const int rose = (now & ~before & mask_of(n)) != 0;
        const int fell = (before & ~now & mask_of(n)) != 0;
        const int matches = (rose && (sense == SENSE_RISING || sense == SENSE_CHANGE)) ||
                            (fell && (sense == SENSE_FALLING || sense == SENSE_CHANGE));
        flags |= (uint8_t)(matches << n);
    }
    return flags;
}

void pin_changes_due(avr_state* s) {
    if (s->gpio.rising_eifr & (uint8_t)~s->data[REG_EIFR] & 1) {
        adc_trigger(s, TRIGGER_INT0);
    }
    s->data[REG_EIFR] |= s->gpio.rising_eifr;
    s->data[REG_PCIFR] |= s->gpio.rising_pcifr;
    s->gpio.rising_eifr = s->gpio.rising_pcifr = 0;
    update_irq(s);
}

static void note_flags(avr_state* s, unsigned port, uint8_t before, uint8_t now) {
    avr_gpio* g = &s->gpio;
    const int clock_runs = s->io_stopped_at == AVR_NEVER;
    if ((before ^ now) & s->data[REG_PCMSK0 + port]) {
        g->rising_pcifr |= (uint8_t)(1u << port);
    }
    if (port == PORT_D && clock_runs) {
        g->rising_eifr |= external_edges(s, before, now);
    }
    if (!(g->rising_pcifr | g->rising_eifr)) {
        return;
    }
    if (!clock_runs) {
        pin_changes_due(s);
    } else if (s->next_at[SLOT_PINS] == AVR_NEVER) {
        schedule_at(s, SLOT_PINS, s->cycle + FLAG_CYCLES);
    }
}

void pin_changes_note(avr_state* s, unsigned port, uint8_t before, uint8_t now) {
    note_flags(s, port, before, now);
    if (port == PORT_D && (before ^ now) & (mask_of(0) | mask_of(1))) {
        update_irq(s); // low levels
    }
    if (port == PORT_D) {
        timers_external_edges(s, before, now);
    }
    if (port == PORT_B && (before ^ now) & ICP1_MASK && !(s->data[REG_ACSR] & ACIC)) {
        timer_capture_input(s, now & ICP1_MASK);
    }
    if (port == PORT_B) {
        spi_note_pins(s);
    }
    if (port == PORT_C) {
        twi_note_pins(s);
    }
    pin_serial_note(s, port, before, now);
}

void pin_changes_write(avr_state* s, uint16_t address, uint8_t value) {
    switch (address) {
    case REG_EIFR:
    case REG_PCIFR:
        s->data[address] &= (uint8_t)~value;
        break;
    case REG_EICRA:
        s->data[address] = value & 0x0F;
        break;
    case REG_EIMSK:
        s->data[address] = value & 3;
        break;
    case REG_PCICR:
        s->data[address] = value & 7;
        break;
    default: // PCMSK0..2
        s->data[address] = address == REG_PCMSK0 + 1 ? value & 0x7F : value;
        gpio_plan_rxd(s);
        break;
    }
    update_irq(s);
}

void pin_changes_acknowledge(avr_state* s, unsigned vector) {
    if (vector <= VECTOR_INT0 + 1) {
        s->data[REG_EIFR] &= (uint8_t)~(1u << (vector - VECTOR_INT0));
    } else {
        s->data[REG_PCIFR] &= (uint8_t)~(1u << (vector - VECTOR_PCINT0));
    }
    update_irq(s);
}

int pin_changes_may_wake(const avr_state* s) {
    const uint8_t pin_changes = s->data[REG_PCICR];
    int may = 0;
    for (unsigned port = 0; port < 3; port++) {
        may = may || (pin_changes >> port & 1 && s->data[REG_PCMSK0 + port]);
    }
    for (unsigned n = 0; n < 2; n++) {
        const int seen = s->io_stopped_at == AVR_NEVER || sense_of(s, n) == SENSE_LOW_LEVEL;
        may = may || (s->data[REG_EIMSK] >> n & 1 && seen);
    }
    return may;
}

void pin_changes_reset(avr_state* s) {
    s->gpio.rising_eifr = s->gpio.rising_pcifr = 0;
    schedule_at(s, SLOT_PINS, AVR_NEVER);
}
