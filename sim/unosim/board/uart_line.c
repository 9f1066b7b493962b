#include "uart_line.h"

static const avr_uart_frame* frame_number(const avr_uart_line* line, uint32_t n) {
    return &line->frames[(line->head + n) % AVR_UART_FRAMES];
}

uint64_t uart_frame_bit_at(const avr_uart_frame* f, unsigned n) {
    return f->start + (uint64_t)n * f->bit_q8 / 256;
}

// From there to the next frame the line is high.
static uint64_t stop_bit_at(const avr_uart_frame* f) {
    return uart_frame_bit_at(f, f->bits + 1u);
}

const avr_uart_frame* uart_line_first(const avr_uart_line* line) {
    return frame_number(line, 0);
}

void uart_line_drop_first(avr_uart_line* line) {
    line->head = (line->head + 1) % AVR_UART_FRAMES;
    line->count--;
}

enum uart_line_result uart_line_append(avr_uart_line* line, avr_uart_frame frame, uint64_t now) {
    if (frame.start < now) {
        return LINE_IN_THE_PAST;
    }
    if (line->count > 0 && frame.start < stop_bit_at(frame_number(line, line->count - 1))) {
        return LINE_OUT_OF_ORDER;
    }
    if (line->count == AVR_UART_FRAMES) {
        return LINE_FULL;
    }
    line->frames[(line->head + line->count) % AVR_UART_FRAMES] = frame;
    line->count++;
    return LINE_ACCEPTED;
}

int uart_line_is_valid(const avr_uart_line* line) {
    int valid = line->head < AVR_UART_FRAMES && line->count <= AVR_UART_FRAMES;
    for (uint32_t i = 0; valid && i < line->count; i++) {
        const avr_uart_frame* f = frame_number(line, i);
        valid = f->bit_q8 > 0 && f->bits <= 16 && f->start <= AVR_FARTHEST;
    }
    return valid;
}

void uart_line_forget(avr_uart_line* line, uint64_t cycle) {
    while (line->count > 0 && stop_bit_at(frame_number(line, 0)) < cycle) {
        uart_line_drop_first(line);
    }
}

// The last frame that began at or before `cycle`, 0 if none; *following is the number of the frame after it.
static const avr_uart_frame* frame_at(const avr_uart_line* line, uint64_t cycle, uint32_t* following) {
    const avr_uart_frame* found = 0;
    uint32_t n = 0;
    while (n < line->count && frame_number(line, n)->start <= cycle) {
        found = frame_number(line, n++);
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

int uart_line_level(const avr_uart_line* line, uint64_t cycle) {
    uint32_t following;
    return level_in_frame(frame_at(line, cycle, &following), cycle);
}

// Level in bit n of a frame, stop bit included.
static int level_of_bit(const avr_uart_frame* f, unsigned n) {
    return n == 0 ? 0 : n > f->bits ? 1 : f->data >> (n - 1) & 1;
}

// First cycle in which level_in_frame sees bit n.
static uint64_t bit_begins(const avr_uart_frame* f, unsigned n) {
    return f->start + ((uint64_t)n * f->bit_q8 + 255) / 256;
}

uint64_t uart_line_next_edge(const avr_uart_line* line, uint64_t cycle) {
    uint32_t following;
    const avr_uart_frame* f = frame_at(line, cycle, &following);
    const int level = level_in_frame(f, cycle);
    for (unsigned n = 1; f != 0 && n <= f->bits + 1u; n++) {
        const uint64_t at = n > f->bits ? stop_bit_at(f) : bit_begins(f, n);
        if (at > cycle && level_of_bit(f, n) != level) {
            return at;
        }
    }
    return following < line->count ? frame_number(line, following)->start : AVR_NEVER;
}

uint64_t uart_line_find_start(const avr_uart_line* line, uint64_t from, unsigned period) {
    uint64_t at = from;
    int before = at < period ? 1 : uart_line_level(line, at - period);
    for (;;) {
        const int level = uart_line_level(line, at);
        if (before && !level) {
            return at;
        }
        before = level;
        const uint64_t edge = uart_line_next_edge(line, at);
        if (edge == AVR_NEVER) {
            return AVR_NEVER;
        }
        at += (edge - at + period - 1) / period * period; // the samples up to there all see this level
    }
}
