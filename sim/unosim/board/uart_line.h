// The wave on USART0's receive pin: a queue of frames with the sender's own bit time. Between frames the line
// is high.
//
// The receiver asks for the level at its own sample times, so that a wrong baud rate gives wrong data and
// framing errors by itself. Frames are 8N1.
#ifndef UNOSIM_UART_LINE_H
#define UNOSIM_UART_LINE_H

#include "state.h"

enum uart_line_result { LINE_ACCEPTED, LINE_FULL, LINE_IN_THE_PAST, LINE_OUT_OF_ORDER };

// Add a frame whose start bit falls at `start`, with a bit time in 1/256 cycles. A frame may cut the stop bit
// of the one before it short, but not begin before that stop bit.
enum uart_line_result uart_line_append(avr_state* s, uint16_t data, uint64_t start, uint32_t bit_q8);

// Forget the frames that ended before `cycle`.
void uart_line_forget(avr_state* s, uint64_t cycle);

// Level of the line at a cycle not yet forgotten.
int uart_line_level(const avr_state* s, uint64_t cycle);

// First sample time from + n * period (n = 0, 1, ...) at which the line is low and was high one period
// before; AVR_NEVER if the frames known so far contain none.
uint64_t uart_line_find_start(const avr_state* s, uint64_t from, unsigned period);

#endif
