// hal/watchdog.h and hal/stack.h on the ATmega328P: what must survive a reset, or must happen before main().
//
// Why this life began stands in MCUSR, unless a boot loader has cleared it: Optiboot 4, on every Uno, does so
// and tells nobody. Then the RAM knows: it has kept the mark of the life before, unless power was lost, and
// in that mark how that life ended. (Later boot loaders hand MCUSR over in r2, in which this one leaves
// whatever was there, so it cannot be believed.) A brownout behind a boot loader that clears MCUSR counts as
// Pin, or as Power if the RAM was lost with it.

#include "hal/watchdog.h"
#include "hal/stack.h"

#include <avr/interrupt.h> // ISR
#include <avr/io.h>        // MCUSR, RAMEND
#include <avr/wdt.h>

extern uint8_t _end; // of the data, by the linker

namespace {

constexpr uint16_t RUNNING = 0x5a17;
constexpr uint16_t ENDED_BY_WATCHDOG = 0x5a18;
constexpr uint16_t ENDED_BY_ITSELF = 0x5a19;
constexpr uint8_t PAINT = 0xC5;

__attribute__((section(".noinit"))) volatile uint16_t mark;
__attribute__((section(".noinit"))) volatile uint8_t flags;

} // namespace

// Before anything else, and without the stack that it paints: a watchdog that has bitten goes on, with its
// shortest time (datasheet, watchdog timer), and the paint shows later how far the stack came.
__attribute__((naked, used, section(".init3"))) void before_main() {
    flags = MCUSR;
    MCUSR = 0;
    wdt_disable();
    for (uint8_t* byte = &_end; byte <= reinterpret_cast<uint8_t*>(RAMEND); ++byte) {
        *byte = PAINT;
    }
}

// The first bite. The second one, after the shortest time, resets.
ISR(WDT_vect) {
    mark = mark == ENDED_BY_ITSELF ? ENDED_BY_ITSELF : ENDED_BY_WATCHDOG;
    wdt_enable(WDTO_15MS);
    for (;;) {
    }
}

namespace hal {

ResetCause reset_cause() {
    const uint16_t former = mark;
    const uint8_t causes = flags;
    mark = RUNNING;
    if ((causes & _BV(PORF)) != 0) {
        return ResetCause::Power;
    }
    if (former == ENDED_BY_ITSELF) {
        return ResetCause::Asked;
    }
    if ((causes & _BV(BORF)) != 0) {
        return ResetCause::Brownout;
    }
    if ((causes & _BV(WDRF)) != 0 || former == ENDED_BY_WATCHDOG) {
        return ResetCause::Watchdog;
    }
    return former == RUNNING || (causes & _BV(EXTRF)) != 0 ? ResetCause::Pin : ResetCause::Power;
}

void watchdog_start() {
    wdt_enable(WDTO_8S);
    WDTCSR |= _BV(WDIE);
}

void watchdog_kick() {
    wdt_reset();
}

void restart() {
    mark = ENDED_BY_ITSELF;
    wdt_enable(WDTO_15MS);
    for (;;) {
    }
}

uint16_t stack_free_bytes() {
    const uint8_t* byte = &_end;
    while (*byte == PAINT) {
        ++byte;
    }
    return static_cast<uint16_t>(byte - &_end);
}

} // namespace hal
