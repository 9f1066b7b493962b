#include "usart0.h"
#include "gpio.h"
#include "interrupts.h"
#include "schedule.h"
#include "uart_line.h"

#define FIFO_FRAMES 2u     // unread frames before one waits in the shift register
#define NO_FRAME AVR_NEVER // for tx_end and rx_first
#define RXD_MASK 1u        // PD0

static unsigned sample_cycles(const avr_state* s) {
    return 1u + (unsigned)(s->data[REG_UBRR0L] | (s->data[REG_UBRR0H] & 0x0F) << 8);
}

static unsigned samples_per_bit(const avr_state* s) {
    return s->data[REG_UCSR0A] & U2X0 ? 8 : 16;
}

// Table 20-11. Reserved settings count as eight.
static unsigned data_bits(const avr_state* s) {
    const unsigned size = (s->data[REG_UCSR0C] & UCSZ_LOW) >> 1 | (s->data[REG_UCSR0B] & UCSZ02);
    return size < 4 ? 5 + size : size == 7 ? 9 : 8;
}

static int has_parity(const avr_state* s) {
    return s->data[REG_UCSR0C] & UPM_ON;
}

// Number of the first stop bit, the start bit being 0.
static unsigned stop_bit(const avr_state* s) {
    return 1 + data_bits(s) + (has_parity(s) ? 1 : 0);
}

static unsigned parity_of(const avr_state* s, unsigned data) {
    unsigned parity = s->data[REG_UCSR0C] & UPM_ODD ? 1 : 0;
    for (unsigned bit = 0; bit < data_bits(s); bit++) {
        parity ^= data >> bit & 1;
    }
    return parity;
}

static int receiver_on(const avr_state* s) {
    return s->data[REG_UCSR0B] & RXEN0;
}

static void update_irq(avr_state* s) {
    const avr_usart0* u = &s->usart0;
    const uint8_t enabled = s->data[REG_UCSR0B];
    irq_set(s, VECTOR_USART_RX, enabled & RXCIE0 && u->rx_count > 0);
    irq_set(s, VECTOR_USART_UDRE, enabled & UDRIE0 && !u->tx_buffer_full);
    irq_set(s, VECTOR_USART_TX, enabled & TXCIE0 && u->flags & TXC0);
}

// --- transmitter ---

// The pin shows the frame bit by bit, and is high between frames.
void usart0_txd_due(avr_state* s) {
    avr_usart0* u = &s->usart0;
    gpio_override_txd(s, u->tx_bits >> u->tx_next_bit & 1);
    u->tx_next_bit++;
    const int more = u->tx_next_bit < u->tx_bit_count;
    schedule_at(s, SLOT_UART_TXD,
                more ? u->tx_start + (uint64_t)u->tx_next_bit * u->tx_bit_q8 / 256 : AVR_NEVER);
}

static void start_frame(avr_state* s, uint16_t data, uint64_t start) {
    avr_usart0* u = &s->usart0;
    const unsigned bit_cycles = samples_per_bit(s) * sample_cycles(s);
    const unsigned stop_bits = s->data[REG_UCSR0C] & USBS0 ? 2 : 1;
    u->tx_shift = data & ((1u << data_bits(s)) - 1);
    u->tx_bits = (uint32_t)u->tx_shift << 1 | (has_parity(s) ? parity_of(s, data) << (1 + data_bits(s)) : 0) |
                 3u << stop_bit(s);
    u->tx_bit_count = (uint8_t)(stop_bit(s) + stop_bits);
    u->tx_next_bit = 0;
    u->tx_start = start;
    u->tx_bit_q8 = bit_cycles * 256;
    u->tx_end = start + u->tx_bit_count * bit_cycles;
    schedule_at(s, SLOT_UART_TX, u->tx_end);
    schedule_at(s, SLOT_UART_TXD, start);
}

static void write_udr(avr_state* s, uint8_t value) {
    avr_usart0* u = &s->usart0;
    if (!(s->data[REG_UCSR0B] & TXEN0) || u->tx_buffer_full) {
        return; // UDRn register description: ignored by the transmitter
    }
    const uint16_t data = (uint16_t)(value | (s->data[REG_UCSR0B] & TXB80) << 8);
    if (u->tx_end == NO_FRAME) {
        start_frame(s, data, s->cycle + 1);
    } else {
        u->tx_buffer = data;
        u->tx_buffer_full = 1;
    }
}

// A transmitter that is switched off finishes what it has (section 20.6.5).
static void release_txd_when_off(avr_state* s) {
    if (!(s->data[REG_UCSR0B] & TXEN0) && s->usart0.tx_end == NO_FRAME) {
        gpio_override_txd(s, -1);
    }
}

void usart0_tx_due(avr_state* s) {
    avr_usart0* u = &s->usart0;
    const uint64_t end = u->tx_end;
    const avr_output sent = {.kind = OUTPUT_UART_SENT,
                             .value = u->tx_shift,
                             .start = u->tx_start,
                             .at = end,
                             .bit_q8 = u->tx_bit_q8};
    u->tx_end = NO_FRAME;
    if (u->tx_buffer_full) {
        u->tx_buffer_full = 0;
        start_frame(s, u->tx_buffer, end);
    } else {
        u->flags |= TXC0;
        release_txd_when_off(s);
    }
    update_irq(s);
    output_append(s, sent);
}

void usart0_clear_txc(avr_state* s) {
    s->usart0.flags &= (uint8_t)~TXC0;
    update_irq(s);
}

// --- receiver ---

// Cycles from the first low sample to the last of the three votes in the middle of a bit: samples 8, 9 and 10
// of sixteen, or 4, 5 and 6 of eight, the first low sample counting as number 1.
static uint64_t last_vote_after(const avr_state* s, unsigned bit) {
    const unsigned spb = samples_per_bit(s);
    return (uint64_t)sample_cycles(s) * (spb * bit + spb / 2 + 1);
}

static int vote(const avr_state* s, unsigned bit) {
    const uint64_t last = s->usart0.rx_first + last_vote_after(s, bit);
    int high = 0;
    for (unsigned i = 0; i < 3; i++) {
        high += uart_line_level(&s->usart0.line, last - i * sample_cycles(s));
    }
    return high >= 2;
}

static uint64_t sample_at_or_after(const avr_state* s, uint64_t cycle) {
    const uint64_t base = s->usart0.baud_base;
    const unsigned period = sample_cycles(s);
    return cycle <= base ? base : base + (cycle - base + period - 1) / period * period;
}

static void look_for_start(avr_state* s) {
    avr_usart0* u = &s->usart0;
    u->rx_start_confirmed = 0;
    u->rx_first = uart_line_find_start(&s->usart0.line, u->rx_from, sample_cycles(s));
    schedule_at(s, SLOT_UART_RX, u->rx_first == NO_FRAME ? AVR_NEVER : u->rx_first + last_vote_after(s, 0));
}

static void look_from(avr_state* s, uint64_t cycle) {
    s->usart0.rx_from = sample_at_or_after(s, cycle);
    usart0_tidy_line(s);
    look_for_start(s);
}

static void confirm_start(avr_state* s) {
    avr_usart0* u = &s->usart0;
    if (vote(s, 0)) { // the three votes say high: it was noise
        look_from(s, u->rx_first + last_vote_after(s, 0) + 1);
        return;
    }
    u->rx_start_confirmed = 1;
    if (u->rx_count > FIFO_FRAMES) { // the frame that waits in the shift register is lost
        u->rx_count = FIFO_FRAMES;
        u->rx_lost = 1;
    }
    schedule_at(s, SLOT_UART_RX, u->rx_first + last_vote_after(s, stop_bit(s)));
}

static uint8_t parity_error(const avr_state* s, uint16_t data) {
    return has_parity(s) && (unsigned)vote(s, 1 + data_bits(s)) != parity_of(s, data) ? UPE0 : 0;
}

// Section 20.9: in multi-processor mode frames that are no address are not received. The address mark is the
// ninth bit, or without one the first stop bit.
static int is_filtered(const avr_state* s, uint16_t data, int stop) {
    return s->data[REG_UCSR0A] & MPCM0 && !(data_bits(s) == 9 ? data >> 8 : stop);
}

static void complete_frame(avr_state* s) {
    avr_usart0* u = &s->usart0;
    uint16_t data = 0;
    for (unsigned bit = 0; bit < data_bits(s); bit++) {
        data |= (uint16_t)(vote(s, 1 + bit) << bit);
    }
    const int stop = vote(s, stop_bit(s));
    const uint8_t flags = (stop ? 0 : FE0) | (u->rx_lost ? DOR0 : 0) | parity_error(s, data);
    const uint64_t completed_at = u->rx_first + last_vote_after(s, stop_bit(s));
    if (!is_filtered(s, data, stop)) {
        u->rx_fifo[u->rx_count++] = (avr_uart_received){.data = data, .flags = flags};
        u->rx_lost = 0;
    }
    update_irq(s);
    look_from(s, completed_at + 1);
}

void usart0_rx_due(avr_state* s) {
    if (s->usart0.rx_start_confirmed) {
        complete_frame(s);
    } else {
        confirm_start(s);
    }
}

static void flush_receiver(avr_state* s) {
    avr_usart0* u = &s->usart0;
    u->rx_count = 0;
    u->rx_lost = 0;
    u->rx_first = NO_FRAME;
    u->rx_start_confirmed = 0;
    schedule_at(s, SLOT_UART_RX, AVR_NEVER);
}

// The line's next start bit is planned but has not begun: later frames and settings may still change the
// plan.
static int receiver_idle(const avr_state* s) {
    return receiver_on(s) && s->io_stopped_at == AVR_NEVER && !s->usart0.rx_start_confirmed &&
           (s->usart0.rx_first == NO_FRAME || s->usart0.rx_first > s->cycle);
}

void usart0_line_changed(avr_state* s) {
    gpio_attach_rxd(s);
    if (receiver_idle(s)) {
        look_for_start(s);
    }
}

void usart0_tidy_line(avr_state* s) {
    const avr_usart0* u = &s->usart0;
    const int receiving = u->rx_first != NO_FRAME && u->rx_first < s->cycle;
    uint64_t needed_from = s->cycle;
    if (receiver_on(s) && s->io_stopped_at == AVR_NEVER) {
        const uint64_t oldest = receiving ? u->rx_first : u->rx_from;
        const unsigned period =
            sample_cycles(s); // the sample before the first decides whether there is an edge
        needed_from = oldest > period ? oldest - period : 0;
        needed_from = needed_from < s->cycle ? needed_from : s->cycle;
    }
    uart_line_forget(&s->usart0.line, needed_from);
}

// --- registers ---

uint8_t usart0_peek(const avr_state* s, uint16_t address) {
    const avr_usart0* u = &s->usart0;
    if (address == REG_UDR0) {
        return (uint8_t)(u->rx_count > 0 ? u->rx_fifo[0].data : u->rx_last);
    }
    if (address == REG_UCSR0B) {
        const int ninth_bit = u->rx_count > 0 && u->rx_fifo[0].data >> 8;
        return s->data[REG_UCSR0B] | (ninth_bit ? RXB80 : 0);
    }
    uint8_t value = (s->data[REG_UCSR0A] & (U2X0 | MPCM0)) | u->flags;
    value |= u->tx_buffer_full ? 0 : UDRE0;
    return u->rx_count > 0 ? value | RXC0 | u->rx_fifo[0].flags : value;
}

uint8_t usart0_read_udr(avr_state* s) {
    avr_usart0* u = &s->usart0;
    const uint8_t data = usart0_peek(s, REG_UDR0);
    if (u->rx_count > 0) {
        u->rx_last = data;
        u->rx_fifo[0] = u->rx_fifo[1];
        u->rx_fifo[1] = u->rx_fifo[2];
        u->rx_count--;
        update_irq(s);
    }
    return data;
}

static void write_control_b(avr_state* s, uint8_t value) {
    const int was_on = receiver_on(s);
    const int transmitter_was_on = s->data[REG_UCSR0B] & TXEN0;
    s->data[REG_UCSR0B] = value & (uint8_t)~RXB80;
    if (!transmitter_was_on && value & TXEN0 && s->usart0.tx_end == NO_FRAME) {
        gpio_override_txd(s, 1);
    }
    release_txd_when_off(s);
    gpio_force_input(s, PORT_D, RXD_MASK, receiver_on(s));
    if (was_on && !receiver_on(s)) {
        flush_receiver(s);
    } else if (!was_on && receiver_on(s)) {
        look_from(s, s->cycle + 1);
    }
}

// UBRR0 and U2X0 restart the baud rate generator's counter; a frame in the transmitter keeps its bit time.
static void write_baud(avr_state* s, uint16_t address, uint8_t value) {
    s->data[address] = value;
    s->usart0.baud_base = s->cycle + 1;
    if (receiver_idle(s)) {
        look_from(s, s->cycle + 1);
    }
}

void usart0_write(avr_state* s, uint16_t address, uint8_t value) {
    switch (address) {
    case REG_UCSR0A:
        s->usart0.flags &= (uint8_t)~(value & TXC0);
        if ((s->data[address] ^ value) & U2X0) {
            write_baud(s, address, value & (U2X0 | MPCM0));
        } else {
            s->data[address] = value & (U2X0 | MPCM0);
        }
        break;
    case REG_UCSR0B:
        write_control_b(s, value);
        break;
    case REG_UBRR0L:
        write_baud(s, address, value);
        break;
    case REG_UBRR0H:
        write_baud(s, address, value & 0x0F);
        break;
    case REG_UDR0:
        write_udr(s, value);
        break;
    default: // UCSR0C
        s->data[address] = value;
        break;
    }
    update_irq(s);
}

void usart0_reset(avr_state* s) {
    avr_usart0* u = &s->usart0;
    s->data[REG_UCSR0C] = 0x06;
    u->baud_base = s->cycle;
    u->tx_end = NO_FRAME;
    u->tx_buffer_full = 0;
    u->flags = 0;
    u->rx_last = 0;
    flush_receiver(s);
    schedule_at(s, SLOT_UART_TX, AVR_NEVER);
    schedule_at(s, SLOT_UART_TXD, AVR_NEVER);
    gpio_override_txd(s, -1);
    gpio_force_input(s, PORT_D, RXD_MASK, 0);
    update_irq(s);
}

// --- sleep ---

void usart0_stop_clock(avr_state* s) {
    schedule_at(s, SLOT_UART_TX, AVR_NEVER);
    schedule_at(s, SLOT_UART_TXD, AVR_NEVER);
    schedule_at(s, SLOT_UART_RX, AVR_NEVER);
}

void usart0_resume_clock(avr_state* s, uint64_t stopped_cycles) {
    avr_usart0* u = &s->usart0;
    u->baud_base += stopped_cycles;
    if (u->tx_end != NO_FRAME) {
        u->tx_start += stopped_cycles;
        u->tx_end += stopped_cycles;
        schedule_at(s, SLOT_UART_TX, u->tx_end);
        if (u->tx_next_bit < u->tx_bit_count) {
            schedule_at(s, SLOT_UART_TXD, u->tx_start + (uint64_t)u->tx_next_bit * u->tx_bit_q8 / 256);
        }
    }
    if (!receiver_on(s)) {
        return;
    }
    const uint64_t stopped_at = s->cycle - stopped_cycles;
    if (u->rx_first != NO_FRAME && u->rx_first < stopped_at) { // in mid-frame: goes on sampling, later
        u->rx_first += stopped_cycles;
        const unsigned bit = u->rx_start_confirmed ? stop_bit(s) : 0;
        schedule_at(s, SLOT_UART_RX, u->rx_first + last_vote_after(s, bit));
    } else {
        look_from(s, s->cycle);
    }
}
