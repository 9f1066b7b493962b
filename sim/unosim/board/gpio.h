// Ports B, C and D: latches, pull-ups, input levels, and the peripherals that take pins over (datasheet
// section 14).
//
// A pin that nobody drives and that has no pull-up reads 0. Edges that the program writes are told as events;
// edges of timers, SPI and the UART only at pins that are watched, because there can be many.
//
// PD0 shows the line of USART0 (uart_line.h) from its first frame on. Its edges cost time, so they are played
// only while a pin-change interrupt or a watcher wants them.
//
// Not modelled: voltages between the levels, what DIDR0 and DIDR1 switch off.
#ifndef UNOSIM_GPIO_H
#define UNOSIM_GPIO_H

#include "registers.h"
#include "state.h"

enum { PORT_B, PORT_C, PORT_D };
// Who gives output levels in place of PORTx; where two do, the last.
enum gpio_layer { LAYER_TIMER, LAYER_SPI };

// Level of the eight pins as they are now.
uint8_t gpio_levels(const avr_state* s, unsigned port);
// The levels of all three ports, by port.
void gpio_all_levels(const avr_state* s, uint8_t levels[3]);
// Let follow, and tell, what has changed since.
void gpio_tell_changes(avr_state* s, const uint8_t before[3]);
// PINx: the levels as the synchroniser shows them (section 14.2.4: one cycle behind).
uint8_t gpio_peek_pin(const avr_state* s, unsigned port);
// PINx toggles PORTx, DDRx, PORTx; 0x23..0x2B.
void gpio_write(avr_state* s, uint16_t address, uint8_t value);
// Something outside drives a pin (level 0 or 1) or lets go of it (level -1).
void gpio_drive(avr_state* s, unsigned port, unsigned bit, int level);
// A peripheral gives the output level of a pin in place of PORTx (level 0 or 1) or no longer does (level -1).
// DDRx still decides whether the pin is an output.
void gpio_override(avr_state* s, enum gpio_layer layer, unsigned port, unsigned bit, int level);
// A peripheral makes the pins of `mask` inputs, whatever DDRx says, or no longer does.
void gpio_force_input(avr_state* s, unsigned port, uint8_t mask, int on);
// MCUCR: PUD.
void gpio_write_mcucr(avr_state* s, uint8_t value);
// The transmitter drives TXD (level 0 or 1) whatever DDRD says, or no longer does (level -1).
void gpio_override_txd(avr_state* s, int level);
// Tell edges of peripherals at the pins of `mask`, too.
void gpio_watch(avr_state* s, unsigned port, uint8_t mask);
// Something sends at PD0.
void gpio_attach_rxd(avr_state* s);
// The frames of the line, or who wants its edges, have changed: plan the next edge.
void gpio_plan_rxd(avr_state* s);
// The line of USART0 has changed its level.
void gpio_rxd_due(avr_state* s);

#endif
