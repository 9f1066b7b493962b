// Timer/Counter 0: the counter, its three flags and its prescaler (datasheet sections 15 and 17).
//
// Nothing ticks: TCNT0 and the flags are computed from the cycle counter when somebody looks, and the
// schedule knows the cycle of the next flag only while that flag's interrupt is enabled.
//
// Modelled: normal, CTC, fast PWM and phase correct PWM with their buffered compare registers, prescaler
// reset and hold.
//
// Not modelled: OC0A/OC0B pin outputs, FOC0A/FOC0B, the external clock on T0 (the counter stands still).
#ifndef UNOSIM_TIMER0_H
#define UNOSIM_TIMER0_H

#include "registers.h"
#include "state.h"

void timer0_reset(avr_state* s);
void timer0_due(avr_state* s);
uint8_t timer0_peek(const avr_state* s, uint16_t address);
// TCCR0A, TCCR0B, TCNT0, OCR0A, OCR0B, TIMSK0, GTCCR, and PRR for its PRTIM0.
void timer0_write(avr_state* s, uint16_t address, uint8_t value);
// TIFR0 write or entry into the handler.
void timer0_clear_flags(avr_state* s, uint8_t flags);
void timer0_stop_clock(avr_state* s);
// clkIO runs again after `stopped_cycles`.
void timer0_resume_clock(avr_state* s, uint64_t stopped_cycles);

#endif
