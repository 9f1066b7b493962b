// Ports B, C and D: latches, pull-ups, input levels (datasheet section 14). Port 0 = B, 1 = C, 2 = D.
//
// A pin that nobody drives and that has no pull-up reads 0.
//
// Not modelled: overriding by UART, timers and other peripherals, pin-change and external interrupts.
#ifndef UNOSIM_GPIO_H
#define UNOSIM_GPIO_H

#include "registers.h"
#include "state.h"

// Level of the eight pins as they are now.
uint8_t gpio_levels(const avr_state* s, unsigned port);
// PINx: the levels as the synchroniser shows them (section 14.2.4: one cycle behind).
uint8_t gpio_peek_pin(const avr_state* s, unsigned port);
// PINx toggles PORTx, DDRx, PORTx; 0x23..0x2B.
void gpio_write(avr_state* s, uint16_t address, uint8_t value);
// Something outside drives a pin (level 0 or 1) or lets go of it (level -1).
void gpio_drive(avr_state* s, unsigned port, unsigned bit, int level);

#endif
