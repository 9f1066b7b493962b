// The watchdog timer: reset mode, interrupt mode, both (datasheet section 11.8).
//
// Its 128 kHz oscillator is exact; on silicon it is within 10 % or so. It runs in every sleep mode. With the
// fuse WDTON programmed it always resets. A change of the time-out without WDR moves the next
// time-out to the next multiple of the new period.
#ifndef UNOSIM_WATCHDOG_H
#define UNOSIM_WATCHDOG_H

#include "registers.h"
#include "state.h"

// After MCUSR has its flags: with WDRF the watchdog goes on with its shortest time-out.
void watchdog_reset(avr_state* s);
// The instruction WDR.
void watchdog_restart(avr_state* s);
void watchdog_due(avr_state* s);
uint8_t watchdog_peek(const avr_state* s);
void watchdog_write(avr_state* s, uint8_t value);
// MCUSR has been written: WDRF holds WDE.
void watchdog_mcusr_changed(avr_state* s);
// Entry into the handler: in interrupt and reset mode the next time-out resets.
void watchdog_acknowledge(avr_state* s);

#endif
