// Timer/counters 0, 1 and 2: registers, prescalers, interrupts and pins (datasheet sections 15 to 18).
//
// Nothing ticks: TCNTn and the flags are computed from the cycle counter when somebody looks, and the
// schedule knows the cycle of the next flag only while that flag's interrupt is enabled, and of the next edge
// only while an output is connected to its pin. timer_counter.c has the course itself.
//
// Modelled: every mode of table 15-8, 16-4 and 18-8 with buffered compare registers, compare outputs, forced
// compare, input capture with edge select and noise canceler, TEMP, prescaler reset and hold, external clocks
// on T0 and T1: the counter moves three cycles after the edge (section "External Clock Source": 2.5 to 3.5),
// and an edge within these is lost.
//
// Not modelled: asynchronous operation of timer 2 (ASSR reads back).
#ifndef UNOSIM_TIMER_H
#define UNOSIM_TIMER_H

#include "registers.h"
#include "state.h"

// The timer that answers at a data address, -1 if none. TIFRn and TIMSKn included, GTCCR and PRR not.
int timer_at(uint16_t address);

void timer_reset(avr_state* s, unsigned n);
void timer_due(avr_state* s, unsigned n);
uint8_t timer_peek(const avr_state* s, unsigned n, uint16_t address);
// As peek, with what reading a low byte of timer 1 does to TEMP.
uint8_t timer_read(avr_state* s, unsigned n, uint16_t address);
// A write to TIFRn clears flags.
void timer_write(avr_state* s, unsigned n, uint16_t address, uint8_t value);
// GTCCR and PRR concern all timers.
void timers_write_shared(avr_state* s, uint16_t address, uint8_t value);
// Entry into the handler.
void timer_clear_flags(avr_state* s, unsigned n, uint8_t flags);
// The source of input capture, ICP1 or the analog comparator, has changed to `level`.
void timer_capture_input(avr_state* s, int level);
void timer_capture_due(avr_state* s);
// Port D has changed: T0 is PD4, T1 is PD5.
void timers_external_edges(avr_state* s, uint8_t before, uint8_t now);
// An edge at T0 or T1 has passed the synchroniser.
void timer_external_due(avr_state* s, unsigned n);
// Whether a pin could still make a timer interrupt, with nothing planned.
int timers_may_interrupt(const avr_state* s);
// The ADC's trigger source has changed: it is a reason to plan a flag's instant.
void timers_plan_triggers(avr_state* s);
void timers_stop_clock(avr_state* s);
// clkIO runs again after `stopped_cycles`.
void timers_resume_clock(avr_state* s, uint64_t stopped_cycles);

#endif
