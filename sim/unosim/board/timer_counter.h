// The course of a timer/counter: what each clock does to the count, the flags and the waveform outputs
// (datasheet sections 15, 16 and 18, which describe timers 0, 1 and 2 in the same words).
//
// A timer_counter is a copy of a timer with the settings that decide its course, so that it can run ahead of
// the machine. It knows neither registers nor pins nor cycles.
#ifndef UNOSIM_TIMER_COUNTER_H
#define UNOSIM_TIMER_COUNTER_H

#include "state.h"

enum timer_wave { WAVE_NORMAL, WAVE_CTC, WAVE_FAST_PWM, WAVE_PHASE_CORRECT, WAVE_PHASE_FREQUENCY_CORRECT };
enum timer_top { TOP_FIXED, TOP_COMPARE_A, TOP_CAPTURE };
// What the waveform generator does: COMnx1:0 where the mode gives them a meaning, OUTPUT_DISCONNECTED
// elsewhere.
enum timer_output { OUTPUT_DISCONNECTED, OUTPUT_TOGGLES, OUTPUT_CLEARS, OUTPUT_SETS };

typedef struct {
    avr_timer t;
    uint16_t max;       // 0xFF or 0xFFFF
    uint16_t fixed_top; // with TOP_FIXED
    uint8_t wave;       // enum timer_wave
    uint8_t top;        // enum timer_top
    uint8_t output[2];  // enum timer_output of OCnA and OCnB
} timer_counter;

// OCRnx and, as TOP, OCRnA take effect at once, not at the end of a period.
int timer_counter_is_unbuffered(const timer_counter* c);

// Compare match now, as FOCnx has it: the waveform output acts, no flag rises.
void timer_counter_force(timer_counter* c, unsigned channel);

// Run exactly that many timer clocks.
void timer_counter_run(timer_counter* c, uint64_t clocks);

// Run until one of the wanted flags has risen or a connected output has changed. Returns the number of
// clocks, 0 if that never happens.
uint64_t timer_counter_run_to_change(timer_counter* c, uint8_t wanted_flags);

#endif
