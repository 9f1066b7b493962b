#include "cpu.h"
#include "bus.h"
#include "flags.h"
#include "io.h"
#include "observer.h"
#include "self_program.h"
#include "steps.h"

#define LONGEST_RUN (UINT64_MAX / 4) // cycles; so that what is left of a run fits into 63 bits

void cpu_push_pc(avr_state* s, uint16_t pc) {
    push_pc(s, pc, s->cycle);
}

// Datasheet section 7.7: the instruction after the one that sets I is executed before any pending interrupt.
// Ending the run is needed only if there is, or by now could be, one.
void cpu_interrupts_enabled(avr_state* s, uint64_t next_instruction_at) {
    if (s->irq_pending || s->next_due <= next_instruction_at) {
        s->irq_delay = 1;
        s->run_limit = 0;
    }
}

static void go_to_sleep(avr_state* s) {
    if (s->data[REG_SMCR] & SE) {
        s->sleep = FALLS_ASLEEP;
        s->sleep_mode = (s->data[REG_SMCR] >> 1) & 7;
        s->run_limit = 0;
    }
}

// The interpreter proper, twice from one text: as fast as it can be, and with what an observer wants to know.
#define EXECUTE execute
#define OBSERVED 0
#include "interpreter.h"
#undef EXECUTE
#undef OBSERVED
#define EXECUTE execute_observed
#define OBSERVED 1
#include "interpreter.h"

void cpu_execute(avr_state* s, avr_program* program, avr_observer* observer) {
    if (observer == 0) {
        execute(s, program, observer);
    } else {
        execute_observed(s, program, observer);
    }
}
