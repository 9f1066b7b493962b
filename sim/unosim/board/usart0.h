// USART0, asynchronous: 5 to 9 data bits, parity, one or two stop bits (datasheet section 20).
//
// Transmitter: UDR0 and a shift register; a frame takes exactly its number of bit times from UBRR0 and U2X0
// and begins in the cycle after it reaches the shift register (the phase of the silicon's transmit clock is
// not modelled).
//
// Receiver: samples the line on its own clock, UBRR0 + 1 cycles a sample, 16 or 8 samples a bit, a majority
// of three in the middle of each bit (section 20.8). Two-frame FIFO plus the shift register; a start bit
// that arrives while all three are full loses the frame in the shift register, and DOR0 comes with the frame
// that replaces it (section 20.7.4).
//
// Not modelled: synchronous and SPI mode; those bits read back.
#ifndef UNOSIM_USART0_H
#define UNOSIM_USART0_H

#include "registers.h"
#include "state.h"

void usart0_reset(avr_state* s);
void usart0_tx_due(avr_state* s);
void usart0_txd_due(avr_state* s);
void usart0_rx_due(avr_state* s);
uint8_t usart0_peek(const avr_state* s, uint16_t address);
uint8_t usart0_read_udr(avr_state* s);
// UCSR0A, UCSR0B, UCSR0C, UBRR0L, UBRR0H, UDR0.
void usart0_write(avr_state* s, uint16_t address, uint8_t value);
void usart0_clear_txc(avr_state* s);
// Frames were added to the line.
void usart0_line_changed(avr_state* s);
// Drop the frames on the line that the receiver no longer needs.
void usart0_tidy_line(avr_state* s);
void usart0_stop_clock(avr_state* s);
// clkIO runs again after `stopped_cycles`.
void usart0_resume_clock(avr_state* s, uint64_t stopped_cycles);

#endif
