#include "timer.h"
#include "adc.h"
#include "gpio.h"
#include "interrupts.h"
#include "schedule.h"
#include "timer_counter.h"

#define NOISE_CANCELER_CYCLES 4u // section 16.6.2
#define EXTERNAL_CYCLES 3u

enum { EXTERNAL_FALLING = 6, EXTERNAL_RISING = 7 }; // CSn2:0 of timers 0 and 1

typedef struct {
    uint16_t tccra, tccrb, tcnt, ocra, ocrb, tifr, timsk;
    uint8_t wide;    // 16 bits: timer 1
    uint8_t prr;     // its bit in PRR
    uint8_t gtccr;   // its prescaler's reset bit in GTCCR
    uint8_t slot;    // enum avr_timer_slot
    uint8_t vectors; // of OCFA; those of OCFB and TOV follow
    uint8_t output_port[2];
    uint8_t output_bit[2];
    uint16_t divisors[8]; // by CSn2:0; 0: stopped, or an external clock
} unit;

static const unit units[AVR_TIMERS] = {
    {.tccra = REG_TCCR0A,
     .tccrb = REG_TCCR0B,
     .tcnt = REG_TCNT0,
     .ocra = REG_OCR0A,
     .ocrb = REG_OCR0B,
     .tifr = REG_TIFR0,
     .timsk = REG_TIMSK0,
     .prr = PRTIM0,
     .gtccr = PSRSYNC,
     .slot = SLOT_TIMER0,
     .vectors = VECTOR_TIMER0_COMPA,
     .output_port = {PORT_D, PORT_D},
     .output_bit = {6, 5},
     .divisors = {0, 1, 8, 64, 256, 1024, 0, 0}},
    {.tccra = REG_TCCR1A,
     .tccrb = REG_TCCR1B,
     .tcnt = REG_TCNT1L,
     .ocra = REG_OCR1AL,
     .ocrb = REG_OCR1BL,
     .tifr = REG_TIFR1,
     .timsk = REG_TIMSK1,
     .wide = 1,
     .prr = PRTIM1,
     .gtccr = PSRSYNC,
     .slot = SLOT_TIMER1,
     .vectors = VECTOR_TIMER1_COMPA,
     .output_port = {PORT_B, PORT_B},
     .output_bit = {1, 2},
     .divisors = {0, 1, 8, 64, 256, 1024, 0, 0}},
    {.tccra = REG_TCCR2A,
     .tccrb = REG_TCCR2B,
     .tcnt = REG_TCNT2,
     .ocra = REG_OCR2A,
     .ocrb = REG_OCR2B,
     .tifr = REG_TIFR2,
     .timsk = REG_TIMSK2,
     .prr = PRTIM2,
     .gtccr = PSRASY,
     .slot = SLOT_TIMER2,
     .vectors = VECTOR_TIMER2_COMPA,
     .output_port = {PORT_B, PORT_D},
     .output_bit = {3, 3},
     .divisors = {0, 1, 8, 32, 64, 128, 256, 1024}},
};

// --- modes ---

typedef struct {
    uint8_t wave;
    uint8_t top;
    uint16_t fixed_top;
    uint8_t a_may_toggle; // OCnA with COMnA1:0 = 1 in a PWM mode
} mode;

// Table 15-8: WGM2:0. Modes 4 and 6 are reserved and count as normal.
static const mode modes_8_bit[8] = {
    {WAVE_NORMAL, TOP_FIXED, 0xFF, 0}, {WAVE_PHASE_CORRECT, TOP_FIXED, 0xFF, 0},
    {WAVE_CTC, TOP_COMPARE_A, 0, 0},   {WAVE_FAST_PWM, TOP_FIXED, 0xFF, 0},
    {WAVE_NORMAL, TOP_FIXED, 0xFF, 0}, {WAVE_PHASE_CORRECT, TOP_COMPARE_A, 0, 1},
    {WAVE_NORMAL, TOP_FIXED, 0xFF, 0}, {WAVE_FAST_PWM, TOP_COMPARE_A, 0, 1},
};

// Table 16-4: WGM3:0. Mode 13 is reserved and counts as normal.
static const mode modes_16_bit[16] = {
    {WAVE_NORMAL, TOP_FIXED, 0xFFFF, 0},
    {WAVE_PHASE_CORRECT, TOP_FIXED, 0x00FF, 0},
    {WAVE_PHASE_CORRECT, TOP_FIXED, 0x01FF, 0},
    {WAVE_PHASE_CORRECT, TOP_FIXED, 0x03FF, 0},
    {WAVE_CTC, TOP_COMPARE_A, 0, 0},
    {WAVE_FAST_PWM, TOP_FIXED, 0x00FF, 0},
    {WAVE_FAST_PWM, TOP_FIXED, 0x01FF, 0},
    {WAVE_FAST_PWM, TOP_FIXED, 0x03FF, 0},
    {WAVE_PHASE_FREQUENCY_CORRECT, TOP_CAPTURE, 0, 0},
    {WAVE_PHASE_FREQUENCY_CORRECT, TOP_COMPARE_A, 0, 1},
    {WAVE_PHASE_CORRECT, TOP_CAPTURE, 0, 0},
    {WAVE_PHASE_CORRECT, TOP_COMPARE_A, 0, 1},
    {WAVE_CTC, TOP_CAPTURE, 0, 0},
    {WAVE_NORMAL, TOP_FIXED, 0xFFFF, 0},
    {WAVE_FAST_PWM, TOP_CAPTURE, 0, 1},
    {WAVE_FAST_PWM, TOP_COMPARE_A, 0, 1},
};

static const mode* mode_of(const avr_state* s, const unit* u) {
    const unsigned low = s->data[u->tccra] & 3;
    const unsigned high = s->data[u->tccrb];
    return u->wide ? &modes_16_bit[low | (high & 0x18) >> 1] : &modes_8_bit[low | (high & WGM02) >> 1];
}

static uint8_t output_of(const avr_state* s, const unit* u, const mode* m, unsigned channel) {
    const uint8_t com = s->data[u->tccra] >> (channel == 0 ? 6 : 4) & 3;
    const int is_pwm = m->wave != WAVE_NORMAL && m->wave != WAVE_CTC;
    const int may_toggle = !is_pwm || (channel == 0 && m->a_may_toggle);
    return com == OUTPUT_TOGGLES && !may_toggle ? OUTPUT_DISCONNECTED : com;
}

static timer_counter counter_of(const avr_state* s, unsigned n) {
    const unit* u = &units[n];
    const mode* m = mode_of(s, u);
    return (timer_counter){
        .t = s->timers[n],
        .max = u->wide ? 0xFFFF : 0xFF,
        .fixed_top = m->fixed_top,
        .wave = m->wave,
        .top = m->top,
        .output = {output_of(s, u, m, 0), output_of(s, u, m, 1)},
    };
}

// --- time ---

// CPU cycles per timer clock, 0 while the timer stands still.
static unsigned cycles_per_clock(const avr_state* s, unsigned n) {
    const unit* u = &units[n];
    const unsigned divisor = u->divisors[s->data[u->tccrb] & 7];
    const uint8_t hold = TSM | u->gtccr;
    const int prescaler_held = (s->data[REG_GTCCR] & hold) == hold;
    if (s->data[REG_PRR] & u->prr || s->io_stopped_at != AVR_NEVER || (prescaler_held && divisor > 1)) {
        return 0;
    }
    return divisor;
}

static uint64_t clocks_until(const avr_state* s, unsigned n, uint64_t cycle) {
    const unsigned divisor = cycles_per_clock(s, n);
    const avr_timer* t = &s->timers[n];
    if (divisor == 0 || cycle <= t->synced_at) {
        return 0;
    }
    return (cycle - t->prescaler_base) / divisor - (t->synced_at - t->prescaler_base) / divisor;
}

static void update_irq(avr_state* s, unsigned n) {
    const unit* u = &units[n];
    const uint8_t active = s->timers[n].flags & s->data[u->timsk];
    irq_set(s, u->vectors, active & OCFA);
    irq_set(s, u->vectors + 1u, active & OCFB);
    irq_set(s, u->vectors + 2u, active & TOV);
    if (u->wide) {
        irq_set(s, VECTOR_TIMER1_CAPT, active & ICF);
    }
}

static void update_pins(avr_state* s, unsigned n) {
    const unit* u = &units[n];
    const timer_counter c = counter_of(s, n);
    for (unsigned channel = 0; channel < 2; channel++) {
        const int level = c.output[channel] == OUTPUT_DISCONNECTED ? -1 : c.t.output_level[channel];
        gpio_override(s, LAYER_TIMER, u->output_port[channel], u->output_bit[channel], level);
    }
}

static void run_clocks(avr_state* s, unsigned n, uint64_t clocks) {
    const uint8_t before = s->timers[n].flags;
    timer_counter c = counter_of(s, n);
    timer_counter_run(&c, clocks);
    s->timers[n] = c.t;
    adc_note_timer_flags(s, n, c.t.flags & (uint8_t)~before);
    update_irq(s, n);
    update_pins(s, n);
}

static void sync_to(avr_state* s, unsigned n, uint64_t cycle) {
    const uint64_t clocks = clocks_until(s, n, cycle);
    if (clocks > 0) {
        run_clocks(s, n, clocks);
    }
    if (cycle > s->timers[n].synced_at) {
        s->timers[n].synced_at = cycle;
    }
}

// Plan the cycle of the next flag whose interrupt is enabled and of the next edge at a pin.
static void plan(avr_state* s, unsigned n) {
    const unit* u = &units[n];
    const unsigned divisor = cycles_per_clock(s, n);
    const uint8_t wanted = (s->data[u->timsk] | adc_wanted_flags(s, n)) & ~s->timers[n].flags;
    uint64_t at = AVR_NEVER;
    timer_counter c = counter_of(s, n);
    if (divisor > 0 && (wanted || c.output[0] || c.output[1])) {
        const uint64_t clocks = timer_counter_run_to_change(&c, wanted);
        if (clocks > 0) {
            const uint64_t base = s->timers[n].prescaler_base;
            at = base + ((s->timers[n].synced_at - base) / divisor + clocks) * divisor;
        }
    }
    schedule_at(s, (enum avr_timer_slot)u->slot, at);
}

void timer_reset(avr_state* s, unsigned n) {
    s->timers[n] = (avr_timer){.synced_at = s->cycle, .prescaler_base = s->cycle};
    plan(s, n);
}

void timer_due(avr_state* s, unsigned n) {
    sync_to(s, n, s->cycle);
    plan(s, n);
}

// --- registers ---

int timer_at(uint16_t address) {
    if (address >= REG_TIFR0 && address <= REG_TIFR2) {
        return address - REG_TIFR0;
    }
    if (address >= REG_TIMSK0 && address <= REG_TIMSK2) {
        return address - REG_TIMSK0;
    }
    if (address >= REG_TCCR0A && address <= REG_OCR0B) {
        return 0;
    }
    if (address >= REG_TCCR1A && address <= REG_OCR1BH && address != REG_TCCR1C + 1) {
        return 1;
    }
    return address >= REG_TCCR2A && address <= REG_OCR2B ? 2 : -1;
}

// The 16 bits of which `address` is a byte; of timers 0 and 2 only eight are used.
static uint16_t value_at(const avr_state* s, unsigned n, uint16_t address) {
    const unit* u = &units[n];
    const uint16_t low = u->wide ? address & ~1u : address;
    if (low == u->ocra) {
        return s->timers[n].buffer[0];
    }
    if (low == u->ocrb) {
        return s->timers[n].buffer[1];
    }
    timer_counter c = counter_of(s, n);
    timer_counter_run(&c, clocks_until(s, n, s->cycle));
    if (address == u->tifr) {
        return c.t.flags;
    }
    return low == u->tcnt ? c.t.tcnt : c.t.capture;
}

static int is_high_byte(unsigned n, uint16_t address) {
    return units[n].wide && address > units[n].tcnt && (address & 1);
}

static int goes_through_temp(uint16_t address) {
    return address == REG_TCNT1H || address == REG_ICR1H;
}

uint8_t timer_peek(const avr_state* s, unsigned n, uint16_t address) {
    const unit* u = &units[n];
    if (address == u->tccra || address == u->tccrb || address == u->timsk || address == REG_TCCR1C) {
        return s->data[address];
    }
    if (goes_through_temp(address)) {
        return s->timer_temp;
    }
    const uint16_t value = value_at(s, n, address);
    return (uint8_t)(is_high_byte(n, address) ? value >> 8 : value);
}

uint8_t timer_read(avr_state* s, unsigned n, uint16_t address) {
    if (address == REG_TCNT1L || address == REG_ICR1L) { // section 16.3
        s->timer_temp = (uint8_t)(value_at(s, n, address) >> 8);
    }
    return timer_peek(s, n, address);
}

static void write_mode(avr_state* s, unsigned n, uint16_t address, uint8_t value) {
    s->data[address] = value;
    const timer_counter c = counter_of(s, n);
    avr_timer* t = &s->timers[n];
    if (timer_counter_is_unbuffered(&c)) {
        t->compare[0] = t->buffer[0];
        t->compare[1] = t->buffer[1];
    }
    if (c.wave != WAVE_PHASE_CORRECT && c.wave != WAVE_PHASE_FREQUENCY_CORRECT) {
        t->counts_down = 0;
    }
}

static void write_compare(avr_state* s, unsigned n, unsigned channel, uint16_t value) {
    const timer_counter c = counter_of(s, n);
    s->timers[n].buffer[channel] = value;
    if (timer_counter_is_unbuffered(&c)) {
        s->timers[n].compare[channel] = value;
    }
}

static void force_compare(avr_state* s, unsigned n, uint8_t value) {
    timer_counter c = counter_of(s, n);
    if (timer_counter_is_unbuffered(&c)) { // in PWM modes the strobes do nothing
        for (unsigned channel = 0; channel < 2; channel++) {
            if (value & (FOCA >> channel)) {
                timer_counter_force(&c, channel);
            }
        }
        s->timers[n] = c.t;
    }
}

// Count, compare and capture values, all 16 bits at once.
static void write_value(avr_state* s, unsigned n, uint16_t low, uint16_t value) {
    const unit* u = &units[n];
    if (low == u->tcnt) {
        s->timers[n].tcnt = value;
        s->timers[n].match_blocked = 1;
    } else if (low == u->ocra || low == u->ocrb) {
        write_compare(s, n, low == u->ocrb, value);
    } else if (mode_of(s, u)->top == TOP_CAPTURE) { // section 16.11.7: elsewhere ICR1 cannot be written
        s->timers[n].capture = value;
    }
}

static void write_register(avr_state* s, unsigned n, uint16_t address, uint8_t value) {
    const unit* u = &units[n];
    if (address == u->tccra) {
        write_mode(s, n, address, value & 0xF3);
    } else if (address == u->tccrb) {
        write_mode(s, n, address, value & (u->wide ? 0xDF : 0x0F));
        if (!u->wide) {
            force_compare(s, n, value);
        }
    } else if (address == u->timsk) {
        s->data[address] = value & (TOV | OCFA | OCFB | (u->wide ? ICF : 0));
    } else if (address == REG_TCCR1C) {
        force_compare(s, n, value); // reads as zero
    } else if (is_high_byte(n, address)) {
        s->timer_temp = value;
    } else {
        write_value(s, n, address, (uint16_t)(u->wide ? s->timer_temp << 8 | value : value));
    }
}

void timer_write(avr_state* s, unsigned n, uint16_t address, uint8_t value) {
    if (address == units[n].tifr) {
        timer_clear_flags(s, n, value);
        return;
    }
    sync_to(s, n, s->cycle + 1); // a write takes effect at the end of its cycle
    write_register(s, n, address, value);
    update_irq(s, n);
    update_pins(s, n);
    plan(s, n);
}

static void write_prescalers(avr_state* s, uint8_t value) {
    const uint8_t before = s->data[REG_GTCCR];
    // Without TSM the bits clear themselves.
    s->data[REG_GTCCR] = value & TSM ? value & (TSM | PSRSYNC | PSRASY) : 0;
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        const uint8_t hold = TSM | units[n].gtccr;
        if (value & units[n].gtccr || ((before & hold) == hold && !(value & TSM))) {
            s->timers[n].prescaler_base = s->timers[n].synced_at;
        }
    }
}

void timers_write_shared(avr_state* s, uint16_t address, uint8_t value) {
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        sync_to(s, n, s->cycle + 1);
    }
    if (address == REG_GTCCR) {
        write_prescalers(s, value);
    } else {
        s->data[address] = value;
    }
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        plan(s, n);
    }
}

void timer_clear_flags(avr_state* s, unsigned n, uint8_t flags) {
    sync_to(s, n, s->cycle);
    s->timers[n].flags &= (uint8_t)~flags;
    update_irq(s, n);
    plan(s, n);
}

// --- input capture, timer 1 ---

static void capture(avr_state* s) {
    sync_to(s, 1, s->cycle);
    s->timers[1].capture = s->timers[1].tcnt;
    adc_note_timer_flags(s, 1, ICF & (uint8_t)~s->timers[1].flags);
    s->timers[1].flags |= ICF;
    update_irq(s, 1);
    plan(s, 1);
}

void timer_capture_input(avr_state* s, int level) {
    const uint8_t control = s->data[REG_TCCR1B];
    const int wanted_edge = !!(control & ICES1) == level;
    const int cancels_noise = control & ICNC1;
    if (s->io_stopped_at != AVR_NEVER || mode_of(s, &units[1])->top == TOP_CAPTURE) {
        return;
    }
    if (cancels_noise) { // four equal samples are needed; a shorter pulse plans anew
        schedule_at(s, SLOT_CAPTURE, wanted_edge ? s->cycle + NOISE_CANCELER_CYCLES : AVR_NEVER);
    } else if (wanted_edge) {
        capture(s);
    }
}

void timer_capture_due(avr_state* s) {
    capture(s);
}

// --- external clocks ---

static int is_clocked_by(const avr_state* s, unsigned n, unsigned source) {
    const int runs = !(s->data[REG_PRR] & units[n].prr) && s->io_stopped_at == AVR_NEVER;
    return runs && (s->data[units[n].tccrb] & 7u) == source;
}

void timers_external_edges(avr_state* s, uint8_t before, uint8_t now) {
    for (unsigned n = 0; n < 2; n++) {
        const uint8_t mask = (uint8_t)(0x10u << n);
        const enum avr_timer_slot slot = n == 0 ? SLOT_T0_EDGE : SLOT_T1_EDGE;
        const unsigned source = now & mask ? EXTERNAL_RISING : EXTERNAL_FALLING;
        if ((before ^ now) & mask && is_clocked_by(s, n, source) && s->next_at[slot] == AVR_NEVER) {
            schedule_at(s, slot, s->cycle + EXTERNAL_CYCLES);
        }
    }
}

void timer_external_due(avr_state* s, unsigned n) {
    run_clocks(s, n, 1);
    s->timers[n].synced_at = s->cycle;
}

int timers_may_interrupt(const avr_state* s) {
    int may = s->data[REG_TIMSK1] & ICF;
    for (unsigned n = 0; n < 2; n++) {
        may = may || (s->data[units[n].timsk] && (s->data[units[n].tccrb] & 7) >= EXTERNAL_FALLING);
    }
    return may;
}

void timers_plan_triggers(avr_state* s) {
    for (unsigned n = 0; n < 2; n++) {
        sync_to(s, n, s->cycle);
        plan(s, n);
    }
}

// --- sleep ---

void timers_stop_clock(avr_state* s) {
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        sync_to(s, n, s->cycle);
        schedule_at(s, (enum avr_timer_slot)units[n].slot, AVR_NEVER);
    }
    schedule_at(s, SLOT_CAPTURE, AVR_NEVER);
    schedule_at(s, SLOT_T0_EDGE, AVR_NEVER);
    schedule_at(s, SLOT_T1_EDGE, AVR_NEVER);
}

void timers_resume_clock(avr_state* s, uint64_t stopped_cycles) {
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        s->timers[n].prescaler_base += stopped_cycles;
        s->timers[n].synced_at = s->cycle;
        plan(s, n);
    }
}
