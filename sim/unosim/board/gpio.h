// Ports B, C and D: latches, pull-ups, input levels, and the peripherals that take pins over (datasheet
// section 14).
//
// A pin that nobody drives and that has no pull-up reads 0. Edges that the program writes are told as events;
// edges of timers and of the UART only at pins that are watched, because there can be many.
//
// Not modelled: RXD as a pin level (its frames are on a line of their own, uart_line.h), the analog
// functions.
#ifndef UNOSIM_GPIO_H
#define UNOSIM_GPIO_H

#include "registers.h"
#include "state.h"

enum { PORT_B, PORT_C, PORT_D };

// Level of the eight pins as they are now.
uint8_t gpio_levels(const avr_state* s, unsigned port);
// PINx: the levels as the synchroniser shows them (section 14.2.4: one cycle behind).
uint8_t gpio_peek_pin(const avr_state* s, unsigned port);
// PINx toggles PORTx, DDRx, PORTx; 0x23..0x2B.
void gpio_write(avr_state* s, uint16_t address, uint8_t value);
// Something outside drives a pin (level 0 or 1) or lets go of it (level -1).
void gpio_drive(avr_state* s, unsigned port, unsigned bit, int level);
// A timer gives the output level of a pin in place of PORTx (level 0 or 1) or no longer does (level -1). DDRx
// still decides whether the pin is an output.
void gpio_override(avr_state* s, unsigned port, unsigned bit, int level);
// The transmitter drives TXD (level 0 or 1) whatever DDRD says, or no longer does (level -1).
void gpio_override_txd(avr_state* s, int level);
// Tell edges of peripherals at the pins of `mask`, too.
void gpio_watch(avr_state* s, unsigned port, uint8_t mask);

#endif
