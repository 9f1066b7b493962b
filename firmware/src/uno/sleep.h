// Idle sleep that does not oversleep what has come a moment before.
#pragma once

#include <avr/interrupt.h> // cli, sei
#include <avr/sleep.h>     // sleep_cpu

namespace uno {

// Sleeps until an interrupt, unless `woken()` says that there is something to do. An interrupt can come
// between the question and SLEEP only after SEI, and the instruction behind SEI is always executed first
// (datasheet, reset and interrupt handling).
template <typename Question>
void sleep_unless(Question woken) {
    set_sleep_mode(SLEEP_MODE_IDLE);
    sleep_enable();
    cli();
    if (!woken()) {
        sei();
        sleep_cpu();
    }
    sei();
    sleep_disable();
}

} // namespace uno
