// What a debugger or a profiler wants of a running machine: breakpoints, watched bytes, cycles by address,
// bytes written, the lowest stack pointer.
//
// It looks and never touches: a run is the same with it and without, but for the stops it asks for. It is no
// part of the state, so snapshots do not carry it.
#ifndef UNOSIM_OBSERVER_H
#define UNOSIM_OBSERVER_H

#include "program.h"
#include "state.h"

typedef struct {
    uint64_t
        cycles[AVR_FLASH_WORDS]; // spent by the instruction at each word; entry of an interrupt: its vector
    uint64_t stopped_cycle;      // of the last stop at a breakpoint, which the next run passes
    uint16_t stopped_pc;
    uint16_t stack_low; // the lowest SP after a push, a call, an interrupt or a write to SPL
    uint16_t watch_hit; // data address of the last stop
    uint8_t passes;     // the breakpoint at which this run begins does not stop it
    uint8_t breakpoint[AVR_FLASH_WORDS + PROGRAM_WRAP_STEPS];
    uint8_t watched[AVR_DATA_BYTES];
    uint8_t written[AVR_DATA_BYTES];
} avr_observer;

// Forget what was counted, and start from here. Breakpoints and watched bytes stay.
void observer_restart(avr_observer* o, const avr_state* s);

// A run begins; and, with the reason, it ends.
void observer_run_begins(avr_observer* o, const avr_state* s);
void observer_run_ends(avr_observer* o, const avr_state* s, enum avr_stop stop);

// An interrupt has been entered at s->pc, four cycles ago.
void observer_interrupt(avr_observer* o, const avr_state* s);

static inline int observer_breaks(avr_observer* o, long word) {
    if (!o->breakpoint[word]) {
        return 0;
    }
    const int passes = o->passes;
    o->passes = 0;
    return !passes;
}

// Returns whether the run shall stop after this instruction.
static inline int observer_store(avr_observer* o, uint16_t address) {
    if (address > AVR_RAMEND) {
        return 0;
    }
    o->written[address] = 1;
    if (o->watched[address]) {
        o->watch_hit = address;
    }
    return o->watched[address];
}

static inline void observer_stack(avr_observer* o, uint16_t sp) {
    o->stack_low = sp < o->stack_low ? sp : o->stack_low;
}

#endif
