#include "gpio.h"
#include "schedule.h"

static const uint8_t pins_present[3] = {0xFF, 0x7F, 0xFF}; // PC7 does not exist

uint8_t gpio_levels(const avr_state* s, unsigned port) {
    const uint8_t ddr = s->data[REG_DDR(port)];
    const uint8_t latch = s->data[REG_PORT(port)];
    const uint8_t pulled_up = s->data[REG_MCUCR] & PUD ? 0 : latch;
    const uint8_t driven = s->gpio.driven[port];
    const uint8_t input = (driven & s->gpio.level[port]) | ((uint8_t)~driven & pulled_up);
    return ((ddr & latch) | ((uint8_t)~ddr & input)) & pins_present[port];
}

uint8_t gpio_peek_pin(const avr_state* s, unsigned port) {
    return s->cycle <= s->gpio.changed_at[port] + 1 ? s->gpio.before[port] : gpio_levels(s, port);
}

static int note_change(avr_state* s, unsigned port, uint8_t before) {
    if (gpio_levels(s, port) == before) {
        return 0;
    }
    s->gpio.before[port] = before;
    s->gpio.changed_at[port] = s->cycle;
    return 1;
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
        output_append(s, (avr_output){.kind = OUTPUT_PIN_CHANGED,
                                      .index = (uint8_t)port,
                                      .value = gpio_levels(s, port),
                                      .at = s->cycle});
    }
}

void gpio_drive(avr_state* s, unsigned port, unsigned bit, int level) {
    const uint8_t before = gpio_levels(s, port);
    const uint8_t mask = (uint8_t)(1u << bit);
    s->gpio.driven[port] = level < 0 ? s->gpio.driven[port] & (uint8_t)~mask : s->gpio.driven[port] | mask;
    s->gpio.level[port] = level > 0 ? s->gpio.level[port] | mask : s->gpio.level[port] & (uint8_t)~mask;
    note_change(s, port, before);
}
