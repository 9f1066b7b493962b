// Access to the I/O registers 0x20-0xFF: which peripheral answers at which address.
//
// s->cycle is the cycle in which the access takes place, not the start of the instruction.
#ifndef UNOSIM_IO_H
#define UNOSIM_IO_H

#include "state.h"

// Read with the side effects that reading has (UDR0 pops, ADCL locks). Address 0x20..0xFF.
uint8_t io_read(avr_state* s, uint16_t address);

// The value a read would give, without side effects.
uint8_t io_peek(const avr_state* s, uint16_t address);

// Returns for how many cycles the write halts the CPU (EEPROM), usually 0.
unsigned io_write(avr_state* s, uint16_t address, uint8_t value);

// SBI and CBI, address 0x20..0x3F: `mask` has one bit. In flag and PIN registers only that bit is written.
// Returns as io_write does.
unsigned io_write_bit(avr_state* s, uint16_t address, uint8_t mask, int set);

// The instruction WDR; s->cycle is the cycle after it.
void io_watchdog_restart(avr_state* s);

#endif
