// The analog comparator (datasheet section 23): AIN0 or the bandgap against AIN1 or an ADC channel, its
// interrupt, and its output as the source of input capture.
//
// Looked at whenever a voltage or a setting changes; the synchroniser's one or two cycles are not modelled.
#ifndef UNOSIM_COMPARATOR_H
#define UNOSIM_COMPARATOR_H

#include "registers.h"
#include "state.h"

// A voltage or a register that decides between inputs has changed.
void comparator_update(avr_state* s);
void comparator_write_control(avr_state* s, uint8_t value);
// Entry into the handler.
void comparator_acknowledge(avr_state* s);

#endif
