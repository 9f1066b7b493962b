#include "gpio.h"
#include "pin_changes.h"
#include "schedule.h"

#define TXD_MASK 2u // PD1

static const uint8_t pins_present[3] = {0xFF, 0x7F, 0xFF}; // PC7 does not exist

static uint8_t choose(uint8_t mask, uint8_t where_set, uint8_t elsewhere) {
    return (mask & where_set) | ((uint8_t)~mask & elsewhere);
}

uint8_t gpio_levels(const avr_state* s, unsigned port) {
    const avr_gpio* g = &s->gpio;
    const uint8_t latch = s->data[REG_PORT(port)];
    const uint8_t output = choose(g->overridden[port], g->override_level[port], latch);
    const uint8_t outputs = s->data[REG_DDR(port)] | (port == PORT_D && g->txd_overridden ? TXD_MASK : 0);
    const uint8_t pulled_up = s->data[REG_MCUCR] & PUD ? 0 : latch;
    const uint8_t input = choose(g->driven[port], g->level[port], pulled_up);
    return choose(outputs, output, input) & pins_present[port];
}

uint8_t gpio_peek_pin(const avr_state* s, unsigned port) {
    return s->cycle <= s->gpio.changed_at[port] + 1 ? s->gpio.before[port] : gpio_levels(s, port);
}

// Returns the pins that have changed.
static uint8_t note_change(avr_state* s, unsigned port, uint8_t before) {
    const uint8_t now = gpio_levels(s, port);
    if (now != before) {
        s->gpio.before[port] = before;
        s->gpio.changed_at[port] = s->cycle;
        pin_changes_note(s, port, before, now);
    }
    return now ^ before;
}

static void tell(avr_state* s, unsigned port) {
    output_append(s, (avr_output){.kind = OUTPUT_PIN_CHANGED,
                                  .index = (uint8_t)port,
                                  .value = gpio_levels(s, port),
                                  .at = s->cycle});
}

void gpio_write(avr_state* s, uint16_t address, uint8_t value) {
    const unsigned port = (address - REG_PINB) / 3;
    const uint8_t before = gpio_levels(s, port);
    if (address == REG_PIN(port)) {
        s->data[REG_PORT(port)] ^= value & pins_present[port];
    } else {
        s->data[address] = value & pins_present[port];
    }
    if (note_change(s, port, before)) {
        tell(s, port);
    }
}

static uint8_t with_bit(uint8_t byte, uint8_t mask, int set) {
    return set ? byte | mask : byte & (uint8_t)~mask;
}

void gpio_drive(avr_state* s, unsigned port, unsigned bit, int level) {
    const uint8_t before = gpio_levels(s, port);
    const uint8_t mask = (uint8_t)(1u << bit);
    s->gpio.driven[port] = with_bit(s->gpio.driven[port], mask, level >= 0);
    s->gpio.level[port] = with_bit(s->gpio.level[port], mask, level > 0);
    note_change(s, port, before);
}

void gpio_override(avr_state* s, unsigned port, unsigned bit, int level) {
    avr_gpio* g = &s->gpio;
    const uint8_t mask = (uint8_t)(1u << bit);
    const uint8_t overridden = with_bit(g->overridden[port], mask, level >= 0);
    const uint8_t override_level = with_bit(g->override_level[port], mask, level > 0);
    if (overridden == g->overridden[port] && override_level == g->override_level[port]) {
        return; // the usual case, and worth not computing the port's levels
    }
    const uint8_t before = gpio_levels(s, port);
    g->overridden[port] = overridden;
    g->override_level[port] = override_level;
    if (note_change(s, port, before) & g->watched[port]) {
        tell(s, port);
    }
}

void gpio_override_txd(avr_state* s, int level) {
    const uint8_t before = gpio_levels(s, PORT_D);
    s->gpio.txd_overridden = level >= 0;
    s->gpio.overridden[PORT_D] = with_bit(s->gpio.overridden[PORT_D], TXD_MASK, level >= 0);
    s->gpio.override_level[PORT_D] = with_bit(s->gpio.override_level[PORT_D], TXD_MASK, level > 0);
    if (note_change(s, PORT_D, before) & s->gpio.watched[PORT_D]) {
        tell(s, PORT_D);
    }
}

void gpio_watch(avr_state* s, unsigned port, uint8_t mask) {
    s->gpio.watched[port] = mask;
}
