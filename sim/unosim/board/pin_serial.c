#include "pin_serial.h"
#include "gpio.h"
#include "schedule.h"
#include "uart_line.h"

#define STOP_BIT 9u // number of the stop bit, the start bit being 0

static void plan_out(avr_state* s) {
    const avr_pin_serial* p = &s->serial;
    const int waits = p->attached && p->line.count > 0;
    schedule_at(s, SLOT_SERIAL_OUT,
                waits ? uart_frame_bit_at(uart_line_first(&p->line), p->out_bit) : AVR_NEVER);
}

void pin_serial_attach(avr_state* s, unsigned in_port, unsigned in_bit, unsigned out_port, unsigned out_bit,
                       uint32_t in_bit_q8) {
    const avr_pin_serial* p = &s->serial;
    if (p->attached && p->in_port == in_port && p->in_mask == 1u << in_bit && p->out_port == out_port &&
        p->out_pin == out_bit) {
        s->serial.in_bit_q8 = in_bit_q8;
        return;
    }
    s->serial = (avr_pin_serial){
        .in_start = AVR_NEVER,
        .in_bit_q8 = in_bit_q8,
        .attached = 1,
        .in_port = (uint8_t)in_port,
        .in_mask = (uint8_t)(1u << in_bit),
        .out_port = (uint8_t)out_port,
        .out_pin = (uint8_t)out_bit,
    };
    schedule_at(s, SLOT_SERIAL_IN, AVR_NEVER);
    plan_out(s);
    gpio_drive(s, out_port, out_bit, 1);
}

void pin_serial_line_changed(avr_state* s) {
    plan_out(s);
}

void pin_serial_silence(avr_state* s) {
    avr_pin_serial* p = &s->serial;
    p->line.count = 0;
    p->out_bit = 0;
    plan_out(s);
    if (p->attached) {
        gpio_drive(s, p->out_port, p->out_pin, 1);
    }
}

void pin_serial_out_due(avr_state* s) {
    avr_pin_serial* p = &s->serial;
    const avr_uart_frame* f = uart_line_first(&p->line);
    const unsigned stop_bit = f->bits + 1u;
    const int level = p->out_bit == 0 ? 0 : p->out_bit >= stop_bit ? 1 : f->data >> (p->out_bit - 1) & 1;
    if (p->out_bit++ >= stop_bit) {
        uart_line_drop_first(&p->line);
        p->out_bit = 0;
    }
    plan_out(s);
    gpio_drive(s, p->out_port, p->out_pin, level);
}

static void plan_in(avr_state* s) {
    const avr_pin_serial* p = &s->serial;
    schedule_at(s, SLOT_SERIAL_IN, p->in_start + (2u * p->in_bit + 1u) * (uint64_t)p->in_bit_q8 / 512);
}

void pin_serial_note(avr_state* s, unsigned port, uint8_t before, uint8_t now) {
    avr_pin_serial* p = &s->serial;
    if (p->attached && port == p->in_port && p->in_start == AVR_NEVER && before & ~now & p->in_mask) {
        p->in_start = s->cycle;
        p->in_bit = 0;
        p->in_data = 0;
        plan_in(s);
    }
}

void pin_serial_in_due(avr_state* s) {
    avr_pin_serial* p = &s->serial;
    const unsigned level = gpio_levels(s, p->in_port) & p->in_mask ? 1 : 0;
    const unsigned bit = p->in_bit++;
    if (bit == 0 && level) { // too short for a start bit
        p->in_start = AVR_NEVER;
    } else if (bit < STOP_BIT) {
        p->in_data |= (uint16_t)(bit == 0 ? 0 : level << (bit - 1));
        plan_in(s);
    } else {
        output_append(s, (avr_output){.kind = OUTPUT_SERIAL_SENT,
                                      .index = level ? 0 : 1,
                                      .value = p->in_data,
                                      .start = p->in_start,
                                      .at = s->cycle,
                                      .bit_q8 = p->in_bit_q8});
        p->in_start = AVR_NEVER;
    }
}
