#include "uart_line.h"

#define START_AND_DATA_BITS 9u

static const avr_uart_frame* frame_number(const avr_state* s, uint32_t n) {
    return &s->usart0.line[(s->usart0.line_head + n) % AVR_UART_FRAMES];
}

// Where the stop bit begins; from there to the next frame the line is high.
static uint64_t stop_bit_at(const avr_uart_frame* f) {
    return f->start + (uint64_t)START_AND_DATA_BITS * f->bit_q8 / 256;
}

enum uart_line_result uart_line_append(avr_state* s, uint16_t data, uint64_t start, uint32_t bit_q8) {
    avr_usart0* u = &s->usart0;
    if (start < s->cycle) {
        return LINE_IN_THE_PAST;
    }
    if (u->line_count > 0 && start < stop_bit_at(frame_number(s, u->line_count - 1))) {
        return LINE_OUT_OF_ORDER;
    }
    if (u->line_count == AVR_UART_FRAMES) {
        return LINE_FULL;
    }
    u->line[(u->line_head + u->line_count) % AVR_UART_FRAMES] =
        (avr_uart_frame){.start = start, .bit_q8 = bit_q8, .data = data};
    u->line_count++;
    return LINE_ACCEPTED;
}

void uart_line_forget(avr_state* s, uint64_t cycle) {
    avr_usart0* u = &s->usart0;
    while (u->line_count > 0 && stop_bit_at(frame_number(s, 0)) < cycle) {
        u->line_head = (u->line_head + 1) % AVR_UART_FRAMES;
        u->line_count--;
    }
}

// The last frame that began at or before `cycle`, 0 if none; *following is the number of the frame after it.
static const avr_uart_frame* frame_at(const avr_state* s, uint64_t cycle, uint32_t* following) {
    const avr_uart_frame* found = 0;
    uint32_t n = 0;
    while (n < s->usart0.line_count && frame_number(s, n)->start <= cycle) {
        found = frame_number(s, n++);
    }
    *following = n;
    return found;
}

static int level_in_frame(const avr_uart_frame* f, uint64_t cycle) {
    if (f == 0 || cycle >= stop_bit_at(f)) {
        return 1;
    }
    const uint64_t bit = (cycle - f->start) * 256 / f->bit_q8;
    return bit == 0 ? 0 : (f->data >> (bit - 1)) & 1;
}

int uart_line_level(const avr_state* s, uint64_t cycle) {
    uint32_t following;
    return level_in_frame(frame_at(s, cycle, &following), cycle);
}

uint64_t uart_line_find_start(const avr_state* s, uint64_t from, unsigned period) {
    uint64_t at = from;
    int before = at < period ? 1 : uart_line_level(s, at - period);
    for (;;) {
        uint32_t following;
        const avr_uart_frame* f = frame_at(s, at, &following);
        const int level = level_in_frame(f, at);
        if (before && !level) {
            return at;
        }
        before = level;
        at += period;
        if (f == 0 || at >= stop_bit_at(f)) { // the line stays high until the next frame
            if (following == s->usart0.line_count) {
                return AVR_NEVER;
            }
            const uint64_t next = frame_number(s, following)->start;
            before = before || next > at; // at least one sample of the stop bit comes first
            if (next > at) {
                at += (next - at + period - 1) / period * period;
            }
        }
    }
}
