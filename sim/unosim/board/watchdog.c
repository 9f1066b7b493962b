#include "watchdog.h"
#include "interrupts.h"
#include "schedule.h"

#define OSCILLATOR_HZ 128000u
#define SHORTEST_TICKS 2048u // 16 ms
#define LONGEST_PRESCALER 9u // 8 s; beyond are reserved
#define WDTON 0x10u          // fuse high byte; programmed is 0
#define WINDOW_CYCLES 4u     // in which WDE and the time-out may be changed, after WDCE

static int reset_enabled(const avr_state* s) {
    const int always_on = !(s->fuses.high & WDTON);
    return always_on || s->data[REG_WDTCSR] & WDE || s->data[REG_MCUSR] & WDRF;
}

static int interrupt_enabled(const avr_state* s) {
    return s->data[REG_WDTCSR] & WDIE && s->fuses.high & WDTON;
}

static uint64_t period_cycles(const avr_state* s) {
    const uint8_t control = s->data[REG_WDTCSR];
    const unsigned chosen = (control & 7) | (control & WDP3 ? 8 : 0);
    const unsigned prescaler = chosen > LONGEST_PRESCALER ? LONGEST_PRESCALER : chosen;
    const uint64_t cycles = ((uint64_t)SHORTEST_TICKS << prescaler) * s->clock_hz / OSCILLATOR_HZ;
    return cycles > 0 ? cycles : 1; // at a few hertz
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_WDT, interrupt_enabled(s) && s->data[REG_WDTCSR] & WDIF);
}

static void plan(avr_state* s) {
    uint64_t at = AVR_NEVER;
    if (reset_enabled(s) || interrupt_enabled(s)) {
        const uint64_t period = period_cycles(s);
        const uint64_t base = s->watchdog.counted_from;
        at = s->cycle < base ? base + period : base + ((s->cycle - base) / period + 1) * period;
    }
    schedule_at(s, SLOT_WATCHDOG, at);
}

void watchdog_reset(avr_state* s) {
    s->watchdog = (avr_watchdog){.counted_from = s->cycle, .unlocked_at = AVR_NEVER};
    update_irq(s);
    plan(s);
}

void watchdog_restart(avr_state* s) {
    s->watchdog.counted_from = s->cycle;
    plan(s);
}

void watchdog_due(avr_state* s) {
    const int second_time_out = s->data[REG_WDTCSR] & WDIF;
    if (reset_enabled(s) && (!interrupt_enabled(s) || second_time_out)) {
        s->reset_request = WDRF;
        s->run_limit = 0;
        return;
    }
    s->data[REG_WDTCSR] |= WDIF;
    update_irq(s);
    plan(s);
}

static int unlocked(const avr_state* s) {
    return s->watchdog.unlocked_at != AVR_NEVER && s->cycle - s->watchdog.unlocked_at <= WINDOW_CYCLES;
}

uint8_t watchdog_peek(const avr_state* s) {
    return s->data[REG_WDTCSR] | (reset_enabled(s) ? WDE : 0) | (unlocked(s) ? WDCE : 0);
}

void watchdog_write(avr_state* s, uint8_t value) {
    const uint8_t before = s->data[REG_WDTCSR];
    const int was_stopped = !reset_enabled(s) && !interrupt_enabled(s);
    const uint8_t flag = before & (uint8_t)~value & WDIF; // writing one clears it
    uint8_t guarded = (before | value) & WDE; // outside the window WDE can be set, but not cleared
    guarded |= before & WDP_BITS;
    if (unlocked(s) && !(value & WDCE)) {
        guarded = value & (WDE | WDP_BITS);
        s->watchdog.unlocked_at = AVR_NEVER;
    } else if ((value & (WDCE | WDE)) == (WDCE | WDE)) {
        s->watchdog.unlocked_at = s->cycle;
    }
    s->data[REG_WDTCSR] = guarded | flag | (value & WDIE);
    if (was_stopped) {
        s->watchdog.counted_from = s->cycle + 1;
    }
    update_irq(s);
    plan(s);
}

void watchdog_mcusr_changed(avr_state* s) {
    plan(s);
}

void watchdog_acknowledge(avr_state* s) {
    s->data[REG_WDTCSR] &= (uint8_t)~(WDIF | (s->data[REG_WDTCSR] & WDE ? WDIE : 0));
    update_irq(s);
    plan(s);
}
