#include "timer_counter.h"
#include "registers.h"

static uint16_t top_of(const timer_counter* c) {
    switch ((enum timer_top)c->top) {
    case TOP_COMPARE_A:
        return c->t.compare[0];
    case TOP_CAPTURE:
        return c->t.capture;
    case TOP_FIXED:
        break;
    }
    return c->fixed_top;
}

static int counts_both_ways(const timer_counter* c) {
    return c->wave == WAVE_PHASE_CORRECT || c->wave == WAVE_PHASE_FREQUENCY_CORRECT;
}

int timer_counter_is_unbuffered(const timer_counter* c) {
    return c->wave == WAVE_NORMAL || c->wave == WAVE_CTC;
}

static void load_compare_buffers(timer_counter* c) {
    c->t.compare[0] = c->t.buffer[0];
    c->t.compare[1] = c->t.buffer[1];
}

static void act(timer_counter* c, unsigned channel, enum timer_output action) {
    uint8_t* const level = &c->t.output_level[channel];
    switch (action) {
    case OUTPUT_TOGGLES:
        *level ^= 1;
        break;
    case OUTPUT_CLEARS:
        *level = 0;
        break;
    case OUTPUT_SETS:
        *level = 1;
        break;
    case OUTPUT_DISCONNECTED:
        break;
    }
}

static enum timer_output opposite(enum timer_output action) {
    return action == OUTPUT_CLEARS ? OUTPUT_SETS : action == OUTPUT_SETS ? OUTPUT_CLEARS : action;
}

void timer_counter_force(timer_counter* c, unsigned channel) {
    act(c, channel, (enum timer_output)c->output[channel]);
}

// At a match in the two-way modes the direction behind it counts, so that OCRnx = TOP and OCRnx = BOTTOM give
// constant levels (section 15.7.4).
static void act_on_match(timer_counter* c, unsigned channel) {
    const enum timer_output action = (enum timer_output)c->output[channel];
    act(c, channel, c->t.counts_down ? opposite(action) : action);
}

// Fast PWM: the other edge of the pulse.
static void act_at_bottom(timer_counter* c) {
    for (unsigned channel = 0; channel < 2; channel++) {
        const enum timer_output action = (enum timer_output)c->output[channel];
        if (action != OUTPUT_TOGGLES) {
            act(c, channel, opposite(action));
        }
    }
}

// Timer clocks from now to the value whose leaving may do something: a compare value or an end of the range.
static unsigned clocks_to_landmark(const timer_counter* c) {
    const uint16_t now = c->t.tcnt;
    const int down = c->t.counts_down;
    unsigned nearest = down ? now : (unsigned)(c->max - now);
    const uint16_t landmarks[3] = {c->t.compare[0], c->t.compare[1], top_of(c)};
    for (unsigned i = 0; i < 3; i++) {
        const int distance = down ? now - landmarks[i] : landmarks[i] - now;
        if (distance >= 0 && (unsigned)distance < nearest) {
            nearest = (unsigned)distance;
        }
    }
    if (counts_both_ways(c) && !down && now >= top_of(c)) {
        return 0;
    }
    return nearest;
}

static void leave_two_way(timer_counter* c) {
    const uint16_t top = top_of(c);
    if (c->t.counts_down && c->t.tcnt == 0) {
        c->t.counts_down = 0;
        c->t.flags |= TOV;
        if (c->wave == WAVE_PHASE_FREQUENCY_CORRECT) {
            load_compare_buffers(c);
        }
    } else if (!c->t.counts_down && c->t.tcnt >= top) {
        c->t.counts_down = 1;
        c->t.flags |= c->top == TOP_CAPTURE ? ICF : 0;
        if (c->wave == WAVE_PHASE_CORRECT) {
            load_compare_buffers(c);
        }
    }
    if (c->t.counts_down) {
        c->t.tcnt -= c->t.tcnt > 0;
    } else {
        c->t.tcnt += top_of(c) > 0; // at BOTTOM it may have changed
    }
}

static void leave_one_way(timer_counter* c, int match_blocked) {
    const int at_top = c->t.tcnt == top_of(c) && !match_blocked;
    c->t.flags |= at_top && c->top == TOP_CAPTURE ? ICF : 0;
    if (c->wave == WAVE_FAST_PWM) {
        if (at_top || c->t.tcnt == c->max) {
            c->t.flags |= at_top ? TOV : 0;
            load_compare_buffers(c);
            c->t.tcnt = 0;
            act_at_bottom(c);
            return;
        }
    } else if (c->t.tcnt == c->max) {
        c->t.flags |= TOV;
        c->t.tcnt = 0;
        return;
    } else if (c->wave == WAVE_CTC && at_top) {
        c->t.tcnt = 0;
        return;
    }
    c->t.tcnt++;
}

// The timer clock that ends the current count. Flags and outputs change with it (figures 15-10 and 15-11).
static void leave_count(timer_counter* c) {
    const int match_blocked =
        c->t.match_blocked; // section 15.5.2: for one timer clock after a write to TCNTn
    const int match[2] = {!match_blocked && c->t.tcnt == c->t.compare[0],
                          !match_blocked && c->t.tcnt == c->t.compare[1]};
    c->t.match_blocked = 0;
    c->t.flags |= (match[0] ? OCFA : 0) | (match[1] ? OCFB : 0);
    if (counts_both_ways(c)) {
        leave_two_way(c);
    }
    for (unsigned channel = 0; channel < 2; channel++) {
        if (match[channel]) {
            act_on_match(c, channel);
        }
    }
    if (!counts_both_ways(c)) {
        leave_one_way(c, match_blocked);
    }
}

// Run up to `clocks` timer clocks, to behind the next landmark at most. Returns how many were run.
static uint64_t run_stretch(timer_counter* c, uint64_t clocks) {
    const unsigned free_clocks = clocks_to_landmark(c);
    if (c->t.match_blocked && free_clocks > 0) {
        c->t.match_blocked = 0;
    }
    if (clocks <= free_clocks) {
        c->t.tcnt = (uint16_t)(c->t.counts_down ? c->t.tcnt - clocks : c->t.tcnt + clocks);
        return clocks;
    }
    c->t.tcnt = (uint16_t)(c->t.counts_down ? c->t.tcnt - free_clocks : c->t.tcnt + free_clocks);
    leave_count(c);
    return free_clocks + 1;
}

static unsigned period_of(const timer_counter* c) {
    const unsigned top = top_of(c);
    return counts_both_ways(c) ? (top > 0 ? 2 * top : 1) : top + 1;
}

// Stretches after which the course repeats itself and every flag that it can set is set: a stretch ends at
// one of five landmarks at most, a period has each of them twice at most, and three periods bring every
// buffer and every direction into play. Counted in stretches, because a TOP of 0 makes them one clock long.
#define SETTLING_STRETCHES 40u

void timer_counter_run(timer_counter* c, uint64_t clocks) {
    uint64_t left = clocks;
    for (unsigned n = 0; n < SETTLING_STRETCHES && left > 0; n++) {
        left -= run_stretch(c, left);
    }
    left %= 2 * (uint64_t)period_of(c); // two, because an output that toggles takes two
    while (left > 0) {
        left -= run_stretch(c, left);
    }
}

uint64_t timer_counter_run_to_change(timer_counter* c, uint8_t wanted_flags) {
    const uint8_t before[2] = {c->t.output_level[0], c->t.output_level[1]};
    uint64_t clocks = 0;
    c->t.flags = 0;
    for (unsigned n = 0; n < SETTLING_STRETCHES; n++) {
        clocks += run_stretch(c, UINT64_MAX);
        const int changed = c->t.output_level[0] != before[0] || c->t.output_level[1] != before[1];
        if (c->t.flags & wanted_flags || changed) {
            return clocks;
        }
    }
    return 0;
}
