// What happens when: the next instant of each peripheral, and the queue of events for the outside.
#ifndef UNOSIM_SCHEDULE_H
#define UNOSIM_SCHEDULE_H

#include "state.h"

// Peripheral `slot` next has something to do at cycle `at`; AVR_NEVER: nothing. Replaces what was planned
// before.
void schedule_at(avr_state* s, enum avr_timer_slot slot, uint64_t at);

// Let every peripheral that is due at s->cycle do its work, in the order of time. Ends early when an event
// for the outside was appended, so that the outside can act before anything later happens.
void schedule_run_due(avr_state* s);

// Append an event for the outside and end the run after the current instruction.
void output_append(avr_state* s, avr_output output);

#endif
