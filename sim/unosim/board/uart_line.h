// The wave on a serial line: a queue of frames with the sender's own bit time. Between frames the line is
// high.
//
// The receiver asks for the level at its own sample times, so that a wrong baud rate gives wrong data and
// framing errors by itself.
#ifndef UNOSIM_UART_LINE_H
#define UNOSIM_UART_LINE_H

#include "state.h"

enum uart_line_result { LINE_ACCEPTED, LINE_FULL, LINE_IN_THE_PAST, LINE_OUT_OF_ORDER };

// Add a frame that begins at `now` or later. A frame may cut the stop bit
// of the one before it short, but not begin before that stop bit.
enum uart_line_result uart_line_append(avr_uart_line* line, avr_uart_frame frame, uint64_t now);

// The first frame; there must be one.
const avr_uart_frame* uart_line_first(const avr_uart_line* line);
void uart_line_drop_first(avr_uart_line* line);

// Whether every index is inside the ring and every frame can be computed with.
int uart_line_is_valid(const avr_uart_line* line);

// Cycle in which bit n of a frame begins, the start bit being 0.
uint64_t uart_frame_bit_at(const avr_uart_frame* f, unsigned n);

// Forget the frames that ended before `cycle`.
void uart_line_forget(avr_uart_line* line, uint64_t cycle);

// Level of the line at a cycle not yet forgotten.
int uart_line_level(const avr_uart_line* line, uint64_t cycle);

// First cycle after `cycle` in which the level changes; AVR_NEVER if the frames known so far contain none.
uint64_t uart_line_next_edge(const avr_uart_line* line, uint64_t cycle);

// First sample time from + n * period (n = 0, 1, ...) at which the line is low and was high one period
// before; AVR_NEVER if the frames known so far contain none.
uint64_t uart_line_find_start(const avr_uart_line* line, uint64_t from, unsigned period);

#endif
