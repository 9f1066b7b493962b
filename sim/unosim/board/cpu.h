// The instruction interpreter.
#ifndef UNOSIM_CPU_H
#define UNOSIM_CPU_H

#include "observer.h"
#include "program.h"
#include "registers.h"
#include "state.h"

// Execute whole instructions until s->cycle >= s->run_limit or s->stop is set (STOP_BAD_OPCODE, with PC at
// the word; STOP_BREAKPOINT and STOP_WATCHPOINT for an observer). Without one, `observer` is null.
void cpu_execute(avr_state* s, avr_program* program, avr_observer* observer);

// I has risen: let one more instruction be executed before any interrupt (datasheet section 7.7).
void cpu_interrupts_enabled(avr_state* s, uint64_t next_instruction_at);

// Push a return address of `pc` words, as CALL and interrupts do: low byte at the higher address.
void cpu_push_pc(avr_state* s, uint16_t pc);

static inline uint16_t cpu_sp(const avr_state* s) {
    return (uint16_t)(s->data[REG_SPL] | s->data[REG_SPH] << 8);
}

static inline void cpu_set_sp(avr_state* s, uint16_t sp) {
    s->data[REG_SPL] = (uint8_t)sp;
    s->data[REG_SPH] = (uint8_t)(sp >> 8);
}

#endif
