// The analog to digital converter (datasheet section 24).
//
// A conversion begins at a rising edge of the ADC clock, samples 1.5 ADC clocks later and ends 13 after its
// beginning; the first after ADEN takes 13.5 and 25. Its beginning is an event for the outside, which may
// then set the voltage.
//
// Modelled: single and free running conversions, ADLAR, the ADCL lock, start on entering idle and ADC noise
// reduction sleep.
//
// Not modelled: other trigger sources (ADTS2:0 above 0 act as single), noise, settling of the reference.
//
// The AREF pin (REFS1:0 = 0) is taken to carry 5,000 mV.
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
// The CPU was halted in idle or ADC noise reduction mode (section 10.4, 10.5: a conversion starts
// automatically).
void adc_cpu_halted(avr_state* s);
void adc_stop_clock(avr_state* s);

#endif
