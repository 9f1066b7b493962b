#include "spi.h"
#include "gpio.h"
#include "interrupts.h"
#include "schedule.h"

enum { SS_BIT = 2, MOSI_BIT = 3, MISO_BIT = 4, SCK_BIT = 5 }; // of port B

static int is_master(const avr_state* s) {
    return (s->data[REG_SPCR] & (SPE | MSTR)) == (SPE | MSTR);
}

static int busy(const avr_state* s) {
    return s->spi.edge < SPI_EDGES;
}

// Table "Relationship Between SCK and the Oscillator Frequency": fosc / 4, 16, 64 or 128; with SPI2X fosc /
// 2, 8, 32 or 64.
static unsigned half_period_cycles(const avr_state* s) {
    static const uint8_t halves[4] = {2, 8, 32, 64};
    return halves[s->data[REG_SPCR] & 3] >> (s->data[REG_SPSR] & SPI2X);
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_SPI, s->data[REG_SPCR] & SPIE && s->spi.flags & SPIF);
}

static void show_sck(avr_state* s, int active) {
    gpio_override(s, LAYER_SPI, PORT_B, SCK_BIT, active ^ !!(s->data[REG_SPCR] & CPOL));
}

static unsigned place_of_bit(const avr_state* s, unsigned n) {
    return s->data[REG_SPCR] & DORD ? n : 7 - n;
}

static void show_bit(avr_state* s, unsigned n) {
    gpio_override(s, LAYER_SPI, PORT_B, MOSI_BIT, s->spi.outgoing >> place_of_bit(s, n) & 1);
}

static void sample_bit(avr_state* s, unsigned n) {
    const unsigned place = place_of_bit(s, n);
    const unsigned level =
        s->spi.has_reply ? s->spi.reply >> place & 1u : gpio_levels(s, PORT_B) >> MISO_BIT & 1u;
    s->spi.incoming |= (uint8_t)(level << place);
}

static void plan_edge(avr_state* s) {
    schedule_at(s, SLOT_SPI, s->spi.start + (s->spi.edge + 1u) * (uint64_t)s->spi.half_cycles);
}

static void stop(avr_state* s) {
    s->spi.edge = SPI_EDGES;
    schedule_at(s, SLOT_SPI, AVR_NEVER);
}

static void finish(avr_state* s) {
    s->spi.received = s->spi.incoming;
    s->spi.flags |= SPIF;
    update_irq(s);
}

// CPHA = 0 samples at the leading edge of each bit and shifts at the trailing one, CPHA = 1 the other way
// round (section "Data Modes").
void spi_due(avr_state* s) {
    const unsigned edge = s->spi.edge++;
    const unsigned bit = edge / 2;
    const int trailing = edge & 1;
    show_sck(s, !trailing);
    if (trailing == !!(s->data[REG_SPCR] & CPHA)) {
        sample_bit(s, bit);
    } else if (!trailing) {
        show_bit(s, bit);
    } else if (bit < 7) {
        show_bit(s, bit + 1);
    }
    if (busy(s)) {
        plan_edge(s);
    } else {
        finish(s);
    }
}

static void start(avr_state* s, uint8_t value) {
    avr_spi* p = &s->spi;
    p->outgoing = value;
    p->incoming = 0;
    p->has_reply = 0;
    p->edge = 0;
    p->half_cycles = half_period_cycles(s);
    p->start = s->cycle + 1;
    if (!(s->data[REG_SPCR] & CPHA)) {
        show_bit(s, 0);
    }
    plan_edge(s);
    output_append(s, (avr_output){.kind = OUTPUT_SPI_STARTED,
                                  .value = value,
                                  .start = p->start,
                                  .at = p->start,
                                  .bit_q8 = 2 * 256 * p->half_cycles});
}

// The pins that the mode takes over; which of them are outputs is the program's affair, but for MISO.
static void take_pins(avr_state* s) {
    gpio_force_input(s, PORT_B, 1u << MISO_BIT, is_master(s));
    if (is_master(s)) {
        show_sck(s, 0);
        show_bit(s, 7);
    } else {
        gpio_override(s, LAYER_SPI, PORT_B, SCK_BIT, -1);
        gpio_override(s, LAYER_SPI, PORT_B, MOSI_BIT, -1);
    }
}

// Another master pulls SS low while it is an input: this one gives way (section "Master Mode").
static void obey_ss(avr_state* s) {
    const uint8_t mask = 1u << SS_BIT;
    const int is_output = s->data[REG_DDR(PORT_B)] & mask;
    if (is_master(s) && !is_output && !(gpio_levels(s, PORT_B) & mask)) {
        s->data[REG_SPCR] &= (uint8_t)~MSTR;
        s->spi.flags |= SPIF;
        stop(s);
        take_pins(s);
        update_irq(s);
    }
}

void spi_note_pins(avr_state* s) {
    obey_ss(s);
}

static void access_data(avr_state* s) {
    s->spi.flags &= (uint8_t)~s->spi.flags_seen;
    s->spi.flags_seen = 0;
    update_irq(s);
}

uint8_t spi_peek(const avr_state* s, uint16_t address) {
    return address == REG_SPDR ? s->spi.received : s->spi.flags | (s->data[REG_SPSR] & SPI2X);
}

uint8_t spi_read(avr_state* s, uint16_t address) {
    const uint8_t value = spi_peek(s, address);
    if (address == REG_SPDR) {
        access_data(s);
    } else {
        s->spi.flags_seen = s->spi.flags;
    }
    return value;
}

static void write_data(avr_state* s, uint8_t value) {
    access_data(s);
    if (busy(s)) {
        s->spi.flags |= WCOL;
    } else if (is_master(s) && !(s->data[REG_PRR] & PRSPI)) {
        start(s, value);
    } else {
        s->spi.outgoing = value;
    }
}

static void write_control(avr_state* s, uint8_t value) {
    s->data[REG_SPCR] = value;
    if (!is_master(s)) {
        stop(s);
    }
    if (!busy(s)) {
        take_pins(s);
    }
    obey_ss(s);
    update_irq(s);
}

void spi_write(avr_state* s, uint16_t address, uint8_t value) {
    switch (address) {
    case REG_SPDR:
        write_data(s, value);
        break;
    case REG_SPCR:
        write_control(s, value);
        break;
    default: // SPSR
        s->data[address] = value & SPI2X;
        break;
    }
}

void spi_acknowledge(avr_state* s) {
    s->spi.flags &= (uint8_t)~SPIF;
    update_irq(s);
}

void spi_reply(avr_state* s, uint8_t data) {
    if (busy(s)) {
        s->spi.reply = data;
        s->spi.has_reply = 1;
    }
}

void spi_reset(avr_state* s) {
    s->spi = (avr_spi){.edge = SPI_EDGES};
    schedule_at(s, SLOT_SPI, AVR_NEVER);
    take_pins(s);
    update_irq(s);
}

void spi_stop_clock(avr_state* s) {
    schedule_at(s, SLOT_SPI, AVR_NEVER);
}

void spi_resume_clock(avr_state* s, uint64_t stopped_cycles) {
    if (busy(s)) {
        s->spi.start += stopped_cycles;
        plan_edge(s);
    }
}
