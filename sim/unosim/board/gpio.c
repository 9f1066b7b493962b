#include "gpio.h"
#include "pin_changes.h"
#include "schedule.h"
#include "self_program.h"
#include "spi.h"
#include "uart_line.h"

#define RXD_MASK 1u            // PD0
#define TXD_MASK 2u            // PD1
#define SYNCHRONISER_CYCLES 2u // from a pin to PINx

static const uint8_t pins_present[3] = {0xFF, 0x7F, 0xFF}; // PC7 does not exist

static uint8_t choose(uint8_t mask, uint8_t where_set, uint8_t elsewhere) {
    return (mask & where_set) | ((uint8_t)~mask & elsewhere);
}

static uint8_t outputs_of(const avr_state* s, unsigned port) {
    const uint8_t forced = port == PORT_D && s->gpio.txd_overridden ? TXD_MASK : 0;
    return (s->data[REG_DDR(port)] | forced) & (uint8_t)~s->gpio.forced_inputs[port];
}

static int shows_rxd(const avr_state* s, unsigned port) {
    return port == PORT_D && s->gpio.rxd_attached && !(outputs_of(s, port) & RXD_MASK);
}

// Levels with PD0 as its line has it at a cycle.
static uint8_t levels_at(const avr_state* s, unsigned port, uint64_t cycle) {
    const avr_gpio* g = &s->gpio;
    const uint8_t latch = s->data[REG_PORT(port)];
    const uint8_t by_timers =
        choose(g->overridden[LAYER_TIMER][port], g->override_level[LAYER_TIMER][port], latch);
    const uint8_t output =
        choose(g->overridden[LAYER_SPI][port], g->override_level[LAYER_SPI][port], by_timers);
    const uint8_t pulled_up = s->data[REG_MCUCR] & PUD ? 0 : latch;
    uint8_t input = choose(g->driven[port], g->level[port], pulled_up);
    if (shows_rxd(s, port)) {
        const int level = uart_line_level(&s->usart0.line, cycle);
        input = (uint8_t)((input & ~RXD_MASK) | (level ? RXD_MASK : 0));
    }
    return choose(outputs_of(s, port), output, input) & pins_present[port];
}

uint8_t gpio_levels(const avr_state* s, unsigned port) {
    return levels_at(s, port, s->cycle);
}

uint8_t gpio_peek_pin(const avr_state* s, unsigned port) {
    const uint64_t seen = s->cycle < SYNCHRONISER_CYCLES ? 0 : s->cycle - SYNCHRONISER_CYCLES;
    if (s->cycle > s->gpio.changed_at[port] + 1) {
        return levels_at(s, port, seen);
    }
    const uint8_t before = s->gpio.before[port];
    return shows_rxd(s, port) ? choose(RXD_MASK, levels_at(s, port, seen), before) : before;
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

void gpio_all_levels(const avr_state* s, uint8_t levels[3]) {
    for (unsigned port = PORT_B; port <= PORT_D; port++) {
        levels[port] = gpio_levels(s, port);
    }
}

void gpio_tell_changes(avr_state* s, const uint8_t before[3]) {
    for (unsigned port = PORT_B; port <= PORT_D; port++) {
        if (note_change(s, port, before[port])) {
            tell(s, port);
        }
    }
}

void gpio_write(avr_state* s, uint16_t address, uint8_t value) {
    const unsigned port = (address - REG_PINB) / 3;
    const uint8_t before = gpio_levels(s, port);
    if (address == REG_PIN(port)) {
        s->data[REG_PORT(port)] ^= value & pins_present[port];
    } else {
        s->data[address] = value & pins_present[port];
    }
    if (address == REG_DDR(PORT_D)) {
        gpio_plan_rxd(s);
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

void gpio_override(avr_state* s, enum gpio_layer layer, unsigned port, unsigned bit, int level) {
    uint8_t* const overridden = &s->gpio.overridden[layer][port];
    uint8_t* const override_level = &s->gpio.override_level[layer][port];
    const uint8_t mask = (uint8_t)(1u << bit);
    const uint8_t new_overridden = with_bit(*overridden, mask, level >= 0);
    const uint8_t new_level = with_bit(*override_level, mask, level > 0);
    if (new_overridden == *overridden && new_level == *override_level) {
        return; // the usual case, and worth not computing the port's levels
    }
    const uint8_t before = gpio_levels(s, port);
    *overridden = new_overridden;
    *override_level = new_level;
    if (note_change(s, port, before) & s->gpio.watched[port]) {
        tell(s, port);
    }
}

void gpio_override_txd(avr_state* s, int level) {
    const uint8_t before = gpio_levels(s, PORT_D);
    uint8_t* const overridden = &s->gpio.overridden[LAYER_TIMER][PORT_D]; // no timer has this pin
    uint8_t* const override_level = &s->gpio.override_level[LAYER_TIMER][PORT_D];
    s->gpio.txd_overridden = level >= 0;
    *overridden = with_bit(*overridden, TXD_MASK, level >= 0);
    *override_level = with_bit(*override_level, TXD_MASK, level > 0);
    if (note_change(s, PORT_D, before) & s->gpio.watched[PORT_D]) {
        tell(s, PORT_D);
    }
}

void gpio_force_input(avr_state* s, unsigned port, uint8_t mask, int on) {
    const uint8_t before = gpio_levels(s, port);
    s->gpio.forced_inputs[port] = with_bit(s->gpio.forced_inputs[port], mask, on);
    note_change(s, port, before);
}

void gpio_write_mcucr(avr_state* s, uint8_t value) {
    uint8_t before[3];
    gpio_all_levels(s, before);
    spm_write_mcucr(s, value);
    gpio_tell_changes(s, before);
}

void gpio_watch(avr_state* s, unsigned port, uint8_t mask) {
    s->gpio.watched[port] = mask;
    gpio_plan_rxd(s);
}

// --- the line of USART0 at PD0 ---

static int edges_are_wanted(const avr_state* s) {
    return shows_rxd(s, PORT_D) && (s->data[REG_PCMSK2] | s->gpio.watched[PORT_D]) & RXD_MASK;
}

void gpio_plan_rxd(avr_state* s) {
    uint64_t at = AVR_NEVER;
    if (edges_are_wanted(s)) {
        at = uart_line_next_edge(&s->usart0.line, s->cycle);
    }
    schedule_at(s, SLOT_RXD, at);
}

void gpio_attach_rxd(avr_state* s) {
    if (!s->gpio.rxd_attached) {
        const uint8_t before = gpio_levels(s, PORT_D);
        s->gpio.rxd_attached = 1;
        note_change(s, PORT_D, before);
    }
    gpio_plan_rxd(s);
}

void gpio_rxd_due(avr_state* s) {
    const uint8_t now = gpio_levels(s, PORT_D);
    pin_changes_note(s, PORT_D, now ^ RXD_MASK, now);
    gpio_plan_rxd(s);
    if (s->gpio.watched[PORT_D] & RXD_MASK) {
        tell(s, PORT_D);
    }
}
