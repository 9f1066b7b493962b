// The program as the interpreter wants it: one decoded step for each word of flash.
//
// Derived from flash alone and therefore no part of avr_state: whoever changes flash calls program_load or
// program_changed.
#ifndef UNOSIM_PROGRAM_H
#define UNOSIM_PROGRAM_H

#include "state.h"

// The longest instruction at the end of flash, with a skipped one of two words behind it.
#define PROGRAM_WRAP_STEPS 4u

typedef struct {
    uint8_t kind; // enum opcode or enum step_kind
    uint8_t d;
    uint8_t r;
    uint8_t reserved;
    int16_t k;
    uint16_t reserved2; // eight bytes, so that indexing is a shift
} avr_step;

typedef struct {
    avr_step steps[AVR_FLASH_WORDS + PROGRAM_WRAP_STEPS];
} avr_program;

void program_load(avr_program* program, const uint16_t* flash);

// Words first..first + count - 1 of flash have changed.
void program_changed(avr_program* program, const uint16_t* flash, unsigned first, unsigned count);

#endif
