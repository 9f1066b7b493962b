// The serial peripheral interface as a master (datasheet section 19): every mode and clock, WCOL, the SS
// rule.
//
// SCK and MOSI are on their pins, edge by edge. MISO is sampled at its pin, or, if the outside has answered
// the start of the byte, taken from the answer; an answer is no level at the pin. A transfer begins in the
// cycle after the write to SPDR and takes eight periods of SCK (the phase of the silicon's prescaler is not
// modelled).
//
// Not modelled: slave mode; SPDR then only keeps what was written.
#ifndef UNOSIM_SPI_H
#define UNOSIM_SPI_H

#include "registers.h"
#include "state.h"

void spi_reset(avr_state* s);
void spi_due(avr_state* s);
// SPSR and SPDR.
uint8_t spi_peek(const avr_state* s, uint16_t address);
// As peek, with the first half of clearing flags.
uint8_t spi_read(avr_state* s, uint16_t address);
// SPCR, SPSR, SPDR.
void spi_write(avr_state* s, uint16_t address, uint8_t value);
// Entry into the handler.
void spi_acknowledge(avr_state* s);
// The slave's answer to the byte in progress; nothing happens if there is none.
void spi_reply(avr_state* s, uint8_t data);
// Port B has changed: SS may have fallen.
void spi_note_pins(avr_state* s);
void spi_stop_clock(avr_state* s);
// clkIO runs again after `stopped_cycles`.
void spi_resume_clock(avr_state* s, uint64_t stopped_cycles);

#endif
