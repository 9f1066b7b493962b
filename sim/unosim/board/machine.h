// The machine as a whole: power, reset, running.
#ifndef UNOSIM_MACHINE_H
#define UNOSIM_MACHINE_H

#include "observer.h"
#include "program.h"
#include "state.h"

// A machine that has never had power, with erased flash and EEPROM.
void machine_init(avr_state* s, uint32_t clock_hz, avr_fuses fuses);

// Power-on: registers and SRAM hold what `ram` has at their addresses (AVR_DATA_BYTES), MCUSR says power-on
// reset. Flash, EEPROM, cycle counter, the receive line and what drives the pins are left alone; a write of
// EEPROM or flash in progress is torn.
void machine_power_on(avr_state* s, const uint8_t* ram);

// The supply changes to that many millivolts. Below 1,000 mV power is lost: a return from there is a power-on
// with `ram`. Below the level of BODLEVEL the machine is held in reset, and comes out of it 50 mV higher
// (electrical characteristics, typical values).
void machine_set_supply(avr_state* s, uint16_t millivolts, const uint8_t* ram);

// Reset by the RESET pin: RAM and registers keep their content.
void machine_reset(avr_state* s);

// Run until s->cycle >= until, or to the end of the instruction or instant that appended an event, whichever
// is first. Without an observer the pointer is null.
enum avr_stop machine_run(avr_state* s, avr_program* program, avr_observer* observer, uint64_t until);

// Whether a restored state can be run without reading outside its own arrays.
int machine_state_is_valid(const avr_state* s);

#endif
