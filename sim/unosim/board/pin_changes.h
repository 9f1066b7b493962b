// What follows from a change of level at a pin: external interrupts INT0 and INT1, pin-change interrupts
// (datasheet section 13), input capture, and the serial peer.
//
// A flag rises three cycles after the change, synchroniser and edge detector included (figure 13-1); a second
// change within these cycles joins the first. While clkIO is stopped, pin changes and low levels are seen at
// once and edges of INT0 and INT1 not at all.
#ifndef UNOSIM_PIN_CHANGES_H
#define UNOSIM_PIN_CHANGES_H

#include "registers.h"
#include "state.h"

void pin_changes_note(avr_state* s, unsigned port, uint8_t before, uint8_t now);
void pin_changes_due(avr_state* s);
// EICRA, EIMSK, EIFR, PCICR, PCIFR, PCMSK0..2.
void pin_changes_write(avr_state* s, uint16_t address, uint8_t value);
// Entry into the handler of INT0, INT1 or PCINT0..2.
void pin_changes_acknowledge(avr_state* s, unsigned vector);
// Whether a change from outside could raise an interrupt request.
int pin_changes_may_wake(const avr_state* s);
void pin_changes_reset(avr_state* s);

#endif
