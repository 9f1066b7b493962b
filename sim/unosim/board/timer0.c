#include "timer0.h"
#include "interrupts.h"
#include "schedule.h"

#define MAX 0xFF

enum wave { WAVE_NORMAL, WAVE_CTC, WAVE_FAST_PWM, WAVE_PHASE_CORRECT };

// A counter with the settings that decide its course; a copy of it can run ahead of the machine.
typedef struct {
    avr_timer0 t;
    enum wave wave;
    int top_is_ocra;
} counter;

static counter counter_of(const avr_state* s) {
    // Table 15-8: WGM02:0 to wave form and TOP. Modes 4 and 6 are reserved and count as normal.
    static const uint8_t wave_of_mode[8] = {WAVE_NORMAL, WAVE_PHASE_CORRECT, WAVE_CTC,    WAVE_FAST_PWM,
                                            WAVE_NORMAL, WAVE_PHASE_CORRECT, WAVE_NORMAL, WAVE_FAST_PWM};
    const unsigned mode = (s->data[REG_TCCR0A] & 3) | ((s->data[REG_TCCR0B] & WGM02) >> 1);
    return (counter){
        .t = s->timer0,
        .wave = (enum wave)wave_of_mode[mode],
        .top_is_ocra = mode == 2 || mode == 5 || mode == 7,
    };
}

static uint8_t top_of(const counter* c) {
    return c->top_is_ocra ? c->t.compare[0] : MAX;
}

static void load_compare_buffers(counter* c) {
    c->t.compare[0] = c->t.buffer[0];
    c->t.compare[1] = c->t.buffer[1];
}

// Timer clocks from now to the value whose leaving may do something: a compare value or an end of the range.
static unsigned clocks_to_landmark(const counter* c) {
    const uint8_t now = c->t.tcnt;
    const int down = c->t.counts_down;
    unsigned nearest = down ? now : MAX - now;
    const uint8_t landmarks[3] = {c->t.compare[0], c->t.compare[1], top_of(c)};
    for (unsigned i = 0; i < 3; i++) {
        const int distance = down ? now - landmarks[i] : landmarks[i] - now;
        if (distance >= 0 && (unsigned)distance < nearest) {
            nearest = (unsigned)distance;
        }
    }
    if (c->wave == WAVE_PHASE_CORRECT && !down && now >= top_of(c)) {
        return 0;
    }
    return nearest;
}

static void leave_phase_correct(counter* c) {
    const uint8_t top = top_of(c);
    if (c->t.counts_down && c->t.tcnt == 0) {
        c->t.counts_down = 0;
        c->t.flags |= TOV0;
    } else if (!c->t.counts_down && c->t.tcnt >= top) {
        c->t.counts_down = 1;
        load_compare_buffers(c);
    }
    if (c->t.counts_down) {
        c->t.tcnt -= c->t.tcnt > 0;
    } else {
        c->t.tcnt += top > 0;
    }
}

static void leave_single_slope(counter* c, int match_blocked) {
    const int at_top = c->t.tcnt == top_of(c) && !match_blocked;
    if (c->wave == WAVE_FAST_PWM) {
        if (at_top || c->t.tcnt == MAX) {
            c->t.flags |= at_top ? TOV0 : 0;
            load_compare_buffers(c);
            c->t.tcnt = 0;
            return;
        }
    } else if (c->t.tcnt == MAX) {
        c->t.flags |= TOV0;
    } else if (c->wave == WAVE_CTC && at_top) {
        c->t.tcnt = 0;
        return;
    }
    c->t.tcnt++;
}

// The timer clock that ends the current count. Compare flags rise with it (figures 15-10 and 15-11).
static void leave_count(counter* c) {
    const int match_blocked =
        c->t.match_blocked; // section 15.5.2: for one timer clock after a write to TCNT0
    c->t.match_blocked = 0;
    if (!match_blocked) {
        c->t.flags |= c->t.tcnt == c->t.compare[0] ? OCF0A : 0;
        c->t.flags |= c->t.tcnt == c->t.compare[1] ? OCF0B : 0;
    }
    if (c->wave == WAVE_PHASE_CORRECT) {
        leave_phase_correct(c);
    } else {
        leave_single_slope(c, match_blocked);
    }
}

// Run up to `clocks` timer clocks, to behind the next landmark at most. Returns how many were run.
static uint64_t run_stretch(counter* c, uint64_t clocks) {
    unsigned free_clocks = clocks_to_landmark(c);
    if (c->t.match_blocked && free_clocks > 0) {
        c->t.match_blocked = 0;
    }
    if (clocks <= free_clocks) {
        c->t.tcnt = (uint8_t)(c->t.counts_down ? c->t.tcnt - clocks : c->t.tcnt + clocks);
        return clocks;
    }
    c->t.tcnt = (uint8_t)(c->t.counts_down ? c->t.tcnt - free_clocks : c->t.tcnt + free_clocks);
    leave_count(c);
    return free_clocks + 1;
}

static unsigned period_of(const counter* c) {
    const unsigned top = top_of(c);
    return c->wave == WAVE_PHASE_CORRECT ? (top > 0 ? 2 * top : 1) : top + 1;
}

static void run_counter(counter* c, uint64_t clocks) {
    // After three of the longest periods the course repeats itself and every flag it can set is set.
    const uint64_t settling = 3 * 2 * (MAX + 1);
    uint64_t left = clocks > settling ? settling : clocks;
    while (left > 0) {
        left -= run_stretch(c, left);
    }
    if (clocks > settling) {
        left = (clocks - settling) % period_of(c);
        while (left > 0) {
            left -= run_stretch(c, left);
        }
    }
}

// CPU cycles per timer clock, 0 while the timer stands still.
static unsigned cycles_per_clock(const avr_state* s) {
    static const uint16_t divisors[8] = {0, 1, 8, 64, 256, 1024, 0, 0};
    const unsigned divisor = divisors[s->data[REG_TCCR0B] & 7];
    const int prescaler_held = (s->data[REG_GTCCR] & (TSM | PSRSYNC)) == (TSM | PSRSYNC);
    if (s->data[REG_PRR] & PRTIM0 || s->io_stopped_at != AVR_NEVER || (prescaler_held && divisor > 1)) {
        return 0;
    }
    return divisor;
}

static uint64_t clocks_until(const avr_state* s, uint64_t cycle) {
    const unsigned divisor = cycles_per_clock(s);
    const avr_timer0* t = &s->timer0;
    if (divisor == 0 || cycle <= t->synced_at) {
        return 0;
    }
    return (cycle - t->prescaler_base) / divisor - (t->synced_at - t->prescaler_base) / divisor;
}

static void update_irq(avr_state* s) {
    const uint8_t active = s->timer0.flags & s->data[REG_TIMSK0];
    irq_set(s, VECTOR_TIMER0_OVF, active & TOV0);
    irq_set(s, VECTOR_TIMER0_COMPA, active & OCF0A);
    irq_set(s, VECTOR_TIMER0_COMPB, active & OCF0B);
}

static void sync_to(avr_state* s, uint64_t cycle) {
    const uint64_t clocks = clocks_until(s, cycle);
    if (clocks > 0) {
        counter c = counter_of(s);
        run_counter(&c, clocks);
        s->timer0 = c.t;
        update_irq(s);
    }
    if (cycle > s->timer0.synced_at) {
        s->timer0.synced_at = cycle;
    }
}

// Plan the cycle at which the next flag rises whose interrupt is enabled.
static void plan(avr_state* s) {
    const unsigned divisor = cycles_per_clock(s);
    const uint8_t wanted = s->data[REG_TIMSK0] & ~s->timer0.flags;
    uint64_t at = AVR_NEVER;
    if (divisor > 0 && wanted != 0) {
        counter c = counter_of(s);
        c.t.flags = 0;
        uint64_t clocks = 0;
        while (!(c.t.flags & wanted) && clocks < 3 * 2 * (MAX + 1)) {
            clocks += run_stretch(&c, UINT64_MAX);
        }
        if (c.t.flags & wanted) {
            const uint64_t base = s->timer0.prescaler_base;
            at = base + ((s->timer0.synced_at - base) / divisor + clocks) * divisor;
        }
    }
    schedule_at(s, SLOT_TIMER0, at);
}

void timer0_reset(avr_state* s) {
    s->timer0 = (avr_timer0){.synced_at = s->cycle, .prescaler_base = s->cycle};
    plan(s);
}

void timer0_due(avr_state* s) {
    sync_to(s, s->cycle);
    plan(s);
}

uint8_t timer0_peek(const avr_state* s, uint16_t address) {
    if (address == REG_OCR0A || address == REG_OCR0B) {
        return s->timer0.buffer[address - REG_OCR0A];
    }
    counter c = counter_of(s);
    run_counter(&c, clocks_until(s, s->cycle));
    return address == REG_TCNT0 ? c.t.tcnt : c.t.flags;
}

static void write_compare(avr_state* s, unsigned i, uint8_t value) {
    const enum wave wave = counter_of(s).wave;
    s->timer0.buffer[i] = value;
    if (wave == WAVE_NORMAL || wave == WAVE_CTC) {
        s->timer0.compare[i] = value;
    }
}

static void write_prescaler_reset(avr_state* s, uint8_t value) {
    const int was_held = (s->data[REG_GTCCR] & (TSM | PSRSYNC)) == (TSM | PSRSYNC);
    s->data[REG_GTCCR] =
        value & TSM ? value & (TSM | PSRSYNC | PSRASY) : 0; // without TSM the bits clear themselves
    if (value & PSRSYNC || (was_held && !(value & TSM))) {
        s->timer0.prescaler_base = s->timer0.synced_at;
    }
}

static void write_mode(avr_state* s, uint16_t address, uint8_t value) {
    s->data[address] = value;
    const enum wave wave = counter_of(s).wave;
    if (wave == WAVE_NORMAL || wave == WAVE_CTC) { // no double buffering here
        s->timer0.compare[0] = s->timer0.buffer[0];
        s->timer0.compare[1] = s->timer0.buffer[1];
    }
    if (wave != WAVE_PHASE_CORRECT) {
        s->timer0.counts_down = 0;
    }
}

void timer0_write(avr_state* s, uint16_t address, uint8_t value) {
    sync_to(s, s->cycle + 1); // a write takes effect at the end of its cycle
    switch (address) {
    case REG_TCCR0A:
        write_mode(s, address, value & 0xF3);
        break;
    case REG_TCCR0B:
        write_mode(s, address, value & 0x0F);
        break;
    case REG_TCNT0:
        s->timer0.tcnt = value;
        s->timer0.match_blocked = 1;
        break;
    case REG_OCR0A:
    case REG_OCR0B:
        write_compare(s, address - REG_OCR0A, value);
        break;
    case REG_GTCCR:
        write_prescaler_reset(s, value);
        break;
    case REG_TIMSK0:
        s->data[address] = value & (TOV0 | OCF0A | OCF0B);
        update_irq(s);
        break;
    default: // PRR
        s->data[address] = value;
        break;
    }
    plan(s);
}

void timer0_clear_flags(avr_state* s, uint8_t flags) {
    sync_to(s, s->cycle);
    s->timer0.flags &= (uint8_t)~flags;
    update_irq(s);
    plan(s);
}

void timer0_stop_clock(avr_state* s) {
    sync_to(s, s->cycle);
    schedule_at(s, SLOT_TIMER0, AVR_NEVER);
}

void timer0_resume_clock(avr_state* s, uint64_t stopped_cycles) {
    s->timer0.prescaler_base += stopped_cycles;
    s->timer0.synced_at = s->cycle;
    plan(s);
}
