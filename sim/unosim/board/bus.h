// The data bus: registers, I/O registers and SRAM in one space, and the stack in it.
//
// For the interpreter, which has shortcuts of its own for SRAM; the functions are right everywhere. `at` is
// the cycle of the access.
#ifndef UNOSIM_BUS_H
#define UNOSIM_BUS_H

#include "cpu.h"

static inline uint16_t pair(const uint8_t* r, unsigned n) {
    return (uint16_t)(r[n] | r[n + 1] << 8);
}

static inline void set_pair(uint8_t* r, unsigned n, uint16_t value) {
    r[n] = (uint8_t)value;
    r[n + 1] = (uint8_t)(value >> 8);
}

static inline int is_sram(uint16_t address) {
    return (uint16_t)(address - AVR_SRAM_START) < AVR_DATA_BYTES - AVR_SRAM_START;
}

static inline uint8_t flash_byte(const avr_state* s, uint16_t address) {
    return (uint8_t)(s->flash[(address >> 1) & AVR_PC_MASK] >> (8 * (address & 1)));
}

// Addresses above RAMEND read as 0.
uint8_t load_anywhere(avr_state* s, uint16_t address, uint64_t at);

// Returns for how many cycles the store halts the CPU.
unsigned store_anywhere(avr_state* s, uint16_t address, uint8_t value, uint64_t at);

// The low byte goes out at cycle `at`, the high byte in the next. Returns as store_anywhere does.
unsigned push_pc(avr_state* s, uint16_t pc, uint64_t at);

// The high byte comes in at cycle `at`, the low byte in the next.
uint16_t pop_pc(avr_state* s, uint64_t at);

#endif
