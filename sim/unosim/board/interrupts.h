// Interrupt requests, their acceptance, and what wakes a sleeping CPU.
#ifndef UNOSIM_INTERRUPTS_H
#define UNOSIM_INTERRUPTS_H

#include "state.h"

// A peripheral's flag and its enable bit are both set (level 1), or not (level 0).
void irq_set(avr_state* s, unsigned vector, int level);

// The lowest pending vector that may interrupt now, 0 if none: I is set and, while asleep, the sleep mode
// lets it wake.
unsigned irq_accepted(const avr_state* s);

// Enter the handler: acknowledge, push PC, clear I, four cycles (datasheet section 7.7.1).
void irq_enter(avr_state* s, unsigned vector);

#endif
