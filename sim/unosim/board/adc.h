// The analog to digital converter (datasheet section 24).
//
// A conversion begins at a rising edge of the ADC clock, samples 1.5 ADC clocks later and ends 13 after its
// beginning; the first after ADEN takes 13.5 and 25; one that a trigger started 2 and 13.5 (table "ADC
// Conversion Time"). Its beginning is an event for the outside, which may then set the voltage.
//
// Modelled: single and free running conversions, every trigger source, ADLAR, the ADCL lock, start on
// entering idle and ADC noise reduction sleep. AVCC is the supply.
//
// Not modelled: noise, settling of the reference.
#ifndef UNOSIM_ADC_H
#define UNOSIM_ADC_H

#include "registers.h"
#include "state.h"

void adc_reset(avr_state* s);
void adc_due(avr_state* s);
uint8_t adc_peek(const avr_state* s, uint16_t address);
// ADCL or ADCH.
uint8_t adc_read_result(avr_state* s, uint16_t address);
void adc_write_control(avr_state* s, uint8_t value);
void adc_clear_flag(avr_state* s);

// ADTS2:0 in ADCSRB.
enum adc_trigger_source { TRIGGER_FREE_RUNNING, TRIGGER_COMPARATOR, TRIGGER_INT0 };
// The flag that is a trigger source has risen.
void adc_trigger(avr_state* s, enum adc_trigger_source source);
// Flags of TIFRn have risen.
void adc_note_timer_flags(avr_state* s, unsigned n, uint8_t flags);
// The flag of timer n whose rise shall be noticed in time, as its bit in TIFRn.
uint8_t adc_wanted_flags(const avr_state* s, unsigned n);
void adc_write_control_b(avr_state* s, uint8_t value);
// The CPU was halted in idle or ADC noise reduction mode (sections 10.3 and 10.4: a conversion starts
// automatically).
void adc_cpu_halted(avr_state* s);
void adc_stop_clock(avr_state* s);

#endif
