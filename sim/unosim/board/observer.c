#include "observer.h"
#include "cpu.h"
#include <string.h>

void observer_restart(avr_observer* o, const avr_state* s) {
    memset(o->cycles, 0, sizeof o->cycles);
    memset(o->written, 0, sizeof o->written);
    o->stack_low = cpu_sp(s);
}

void observer_run_begins(avr_observer* o, const avr_state* s) {
    o->passes = o->breakpoint[s->pc] && o->stopped_pc == s->pc && o->stopped_cycle == s->cycle;
}

void observer_run_ends(avr_observer* o, const avr_state* s, enum avr_stop stop) {
    if (stop == STOP_BREAKPOINT) {
        o->stopped_pc = s->pc;
        o->stopped_cycle = s->cycle;
    }
}

void observer_interrupt(avr_observer* o, const avr_state* s) {
    const uint16_t sp = cpu_sp(s);
    o->passes = 0;
    o->cycles[s->pc] += 4;
    observer_store(o, sp + 1);
    observer_store(o, sp + 2);
    observer_stack(o, sp);
}
