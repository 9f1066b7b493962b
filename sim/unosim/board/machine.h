// The machine as a whole: power, reset, running.
#ifndef UNOSIM_MACHINE_H
#define UNOSIM_MACHINE_H

#include "program.h"
#include "state.h"

// Power-on: RAM and registers hold `ram_fill`, MCUSR says power-on reset. Flash, EEPROM, cycle counter, the
// receive line and what drives the pins are left alone; an EEPROM write in progress is torn.
void machine_power_on(avr_state* s, uint8_t ram_fill);

// Reset by the RESET pin: RAM and registers keep their content.
void machine_reset(avr_state* s);

// Run until s->cycle >= until, or to the end of the instruction or instant that appended an event, whichever
// is first.
enum avr_stop machine_run(avr_state* s, avr_program* program, uint64_t until);

// Whether a restored state can be run without reading outside its own arrays.
int machine_state_is_valid(const avr_state* s);

#endif
