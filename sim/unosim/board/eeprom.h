// The EEPROM and its programming sequence (datasheet section 8.4 and 8.6).
//
// A write takes 3.4 ms, erase only and write only 1.8 ms each, from the internal oscillator and therefore
// independent of sleep modes; it survives an external reset. The byte changes when the write ends; until then
// the write is in the state.
//
// A power cut tears the byte (modelled: the datasheet only says that it is corrupted). While erasing, which
// is the first half of an erase and write, some bits are still as they were and some are ones already; while
// writing, some zeros are written and some not yet. Which ones follows from the cycle and the address; the
// later, the more.
#ifndef UNOSIM_EEPROM_H
#define UNOSIM_EEPROM_H

#include "registers.h"
#include "state.h"

void eeprom_reset(avr_state* s);
void eeprom_power_lost(avr_state* s);
void eeprom_due(avr_state* s);
uint8_t eeprom_peek_control(const avr_state* s);
// Returns the cycles for which the CPU is halted.
unsigned eeprom_write_control(avr_state* s, uint8_t value);
// EEARL, EEARH; ignored while a write is in progress.
void eeprom_write_address(avr_state* s, uint16_t address, uint8_t value);

#endif
