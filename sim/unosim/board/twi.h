// The two-wire interface as the only master on its bus (datasheet section 22): START, addresses, data and
// STOP with their status codes, at the clock of TWBR and TWPS.
//
// Every step is an event when it begins (STOP: too); the outside plays the slave by answering bytes before
// they end. Without an answer nobody acknowledges, and reads give 0xFF. A START waits while something outside
// holds SDA or SCL low.
//
// A byte takes nine periods of SCL; START and STOP are modelled as one each. The bus is taken to have
// pull-ups, and its traffic is not shown as levels at the pins.
//
// Not modelled: slave mode (TWAR and TWAMR read back), other masters and so arbitration, clock stretching.
#ifndef UNOSIM_TWI_H
#define UNOSIM_TWI_H

#include "registers.h"
#include "state.h"

enum twi_step { TWI_START, TWI_REPEATED_START, TWI_WRITE, TWI_READ, TWI_STOP };

void twi_reset(avr_state* s);
void twi_due(avr_state* s);
// TWSR and TWCR.
uint8_t twi_peek(const avr_state* s, uint16_t address);
// TWSR, TWDR, TWCR.
void twi_write(avr_state* s, uint16_t address, uint8_t value);
// The slave's answer to the byte in progress; nothing happens if there is none.
void twi_answer(avr_state* s, int acknowledges, uint8_t data);
// Port C has changed: the bus may be free now.
void twi_note_pins(avr_state* s);
void twi_stop_clock(avr_state* s);
// clkIO runs again after `stopped_cycles`.
void twi_resume_clock(avr_state* s, uint64_t stopped_cycles);

#endif
