#include "adc.h"
#include "comparator.h"
#include "interrupts.h"
#include "schedule.h"
#include "timer.h"

#define INTERNAL_REFERENCE_MV 1100u
#define TRIGGER_CYCLES 3u // section "Starting a Conversion": synchronisation

// Half ADC clocks from the start, by enum avr_adc_timing (table "ADC Conversion Time").
static const uint8_t sample_half_clocks[3] = {3, 27, 4};
static const uint8_t conversion_half_clocks[3] = {26, 50, 27};

static const struct {
    uint8_t timer;
    uint8_t flag;
} timer_triggers[8] = {[3] = {0, OCFA}, [4] = {0, TOV}, [5] = {1, OCFB}, [6] = {1, TOV}, [7] = {1, ICF}};

static unsigned cycles_per_clock(const avr_state* s) {
    const unsigned adps = s->data[REG_ADCSRA] & 7;
    return adps == 0 ? 2 : 1u << adps;
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_ADC, s->data[REG_ADCSRA] & ADIF && s->data[REG_ADCSRA] & ADIE);
}

static void plan_start(avr_state* s, uint64_t start, enum avr_adc_timing timing) {
    s->adc.phase = ADC_WAITS;
    s->adc.timing = (uint8_t)timing;
    s->adc.start = start;
    s->data[REG_ADCSRA] |= ADSC;
    schedule_at(s, SLOT_ADC, start);
}

// The rising edge of the ADC clock that follows `cycle`.
static uint64_t clock_edge_after(const avr_state* s, uint64_t cycle) {
    const unsigned divisor = cycles_per_clock(s);
    return s->adc.clock_base + ((cycle - s->adc.clock_base) / divisor + 1) * divisor;
}

static uint64_t after_start(const avr_state* s, const uint8_t* half_clocks) {
    return s->adc.start + half_clocks[s->adc.timing] * cycles_per_clock(s) / 2;
}

static void begin_conversion(avr_state* s) {
    avr_adc* a = &s->adc;
    a->timing = a->first ? ADC_FIRST : a->timing;
    a->mux = s->data[REG_ADMUX];
    a->phase = ADC_SAMPLES;
    schedule_at(s, SLOT_ADC, after_start(s, sample_half_clocks));
    output_append(s, (avr_output){.kind = OUTPUT_ADC_STARTED, .index = a->mux & 15, .at = a->start});
}

static void sample(avr_state* s) {
    avr_adc* a = &s->adc;
    a->held_mv = a->input_mv[a->mux & 15];
    a->phase = ADC_CONVERTS;
    schedule_at(s, SLOT_ADC, after_start(s, conversion_half_clocks));
}

// ADMUX, table "Voltage Reference Selections".
static unsigned reference_mv(const avr_state* s, uint8_t mux) {
    switch (mux >> 6) {
    case 0:
        return s->adc.input_mv[ANALOG_AREF];
    case 3:
        return INTERNAL_REFERENCE_MV;
    default:
        return s->power.supply_mv;
    }
}

// Section "ADC Conversion Result": VIN * 1024 / VREF, at most 0x3FF.
static uint16_t code_of(uint16_t input_mv, unsigned reference) {
    const unsigned code = reference > 0 ? input_mv * 1024u / reference : 1023;
    return (uint16_t)(code > 1023 ? 1023 : code);
}

static void finish_conversion(avr_state* s) {
    avr_adc* a = &s->adc;
    const uint64_t end = after_start(s, conversion_half_clocks);
    const int free_running =
        s->data[REG_ADCSRA] & ADATE && (s->data[REG_ADCSRB] & ADTS) == TRIGGER_FREE_RUNNING;
    if (!a->locked) {
        a->result = code_of(a->held_mv, reference_mv(s, a->mux));
    }
    a->first = 0;
    a->phase = ADC_IDLE;
    s->data[REG_ADCSRA] = (s->data[REG_ADCSRA] & (uint8_t)~ADSC) | ADIF;
    if (free_running) {
        plan_start(s, end, ADC_NORMAL);
    }
    update_irq(s);
}

void adc_due(avr_state* s) {
    switch ((enum avr_adc_phase)s->adc.phase) {
    case ADC_WAITS:
        begin_conversion(s);
        break;
    case ADC_SAMPLES:
        sample(s);
        break;
    case ADC_CONVERTS:
        finish_conversion(s);
        break;
    case ADC_IDLE:
        break;
    }
}

uint8_t adc_peek(const avr_state* s, uint16_t address) {
    const unsigned result = s->data[REG_ADMUX] & ADLAR ? s->adc.result << 6 : s->adc.result;
    return (uint8_t)(address == REG_ADCL ? result : result >> 8);
}

uint8_t adc_read_result(avr_state* s, uint16_t address) {
    s->adc.locked = address == REG_ADCL; // section 24.9.3: until ADCH is read
    return adc_peek(s, address);
}

// --- triggers ---

static int is_triggered(const avr_state* s) {
    const uint8_t needed = ADEN | ADATE;
    return (s->data[REG_ADCSRA] & needed) == needed;
}

static unsigned trigger_source(const avr_state* s) {
    return s->data[REG_ADCSRB] & ADTS;
}

// The prescaler is reset by the trigger, so that its delay is always the same (section "Starting a
// Conversion").
static void trigger(avr_state* s) {
    if (is_triggered(s) && s->adc.phase == ADC_IDLE) {
        s->adc.clock_base = s->cycle + TRIGGER_CYCLES;
        plan_start(s, s->adc.clock_base, ADC_TRIGGERED);
    }
}

void adc_trigger(avr_state* s, enum adc_trigger_source source) {
    if (trigger_source(s) == source) {
        trigger(s);
    }
}

uint8_t adc_wanted_flags(const avr_state* s, unsigned n) {
    const unsigned source = trigger_source(s);
    return is_triggered(s) && timer_triggers[source].timer == n ? timer_triggers[source].flag : 0;
}

void adc_note_timer_flags(avr_state* s, unsigned n, uint8_t flags) {
    if (flags & adc_wanted_flags(s, n)) {
        trigger(s);
    }
}

static int trigger_flag(const avr_state* s) {
    const unsigned source = trigger_source(s);
    switch (source) {
    case TRIGGER_FREE_RUNNING:
        return 0;
    case TRIGGER_COMPARATOR:
        return s->data[REG_ACSR] & ACI;
    case TRIGGER_INT0:
        return s->data[REG_EIFR] & 1;
    default:
        return timer_peek(s, timer_triggers[source].timer,
                          (uint16_t)(REG_TIFR0 + timer_triggers[source].timer)) &
               timer_triggers[source].flag;
    }
}

// ADCSRB, ADTS2:0: a change of source from a flag that is clear to one that is set is a trigger, too.
void adc_write_control_b(avr_state* s, uint8_t value) {
    timers_plan_triggers(s); // a flag that rose before now is no trigger of the new source
    const int before = trigger_flag(s);
    s->data[REG_ADCSRB] = value & (ACME | ADTS);
    timers_plan_triggers(s);
    if (!before && trigger_flag(s)) {
        trigger(s);
    }
    comparator_update(s);
}

static void switch_off(avr_state* s) {
    s->adc.phase = ADC_IDLE;
    s->adc.first = 1;
    s->data[REG_ADCSRA] &= (uint8_t)~ADSC;
    schedule_at(s, SLOT_ADC, AVR_NEVER);
}

void adc_write_control(avr_state* s, uint8_t value) {
    timers_plan_triggers(s); // a flag that rose before ADATE is no trigger
    const uint8_t before = s->data[REG_ADCSRA];
    const uint8_t kept = before & ADSC;                   // writing zero to ADSC has no effect
    const uint8_t flag = before & (uint8_t)~value & ADIF; // writing one to ADIF clears it
    s->data[REG_ADCSRA] = (value & (uint8_t)~(ADSC | ADIF)) | kept | flag;
    if (!(value & ADEN)) {
        switch_off(s);
    } else {
        if (!(before & ADEN)) {
            s->adc.clock_base = s->cycle + 1;
        }
        if (value & ADSC && s->adc.phase == ADC_IDLE) {
            plan_start(s, clock_edge_after(s, s->cycle + 1), ADC_NORMAL);
        }
    }
    update_irq(s);
    timers_plan_triggers(s);
    comparator_update(s);
}

void adc_clear_flag(avr_state* s) {
    s->data[REG_ADCSRA] &= (uint8_t)~ADIF;
    update_irq(s);
}

void adc_cpu_halted(avr_state* s) {
    if (s->data[REG_ADCSRA] & ADEN && s->adc.phase == ADC_IDLE) {
        plan_start(s, clock_edge_after(s, s->cycle), ADC_NORMAL);
    }
}

void adc_reset(avr_state* s) {
    s->adc.locked = 0;
    s->adc.result = 0;
    switch_off(s);
}

void adc_stop_clock(avr_state* s) {
    schedule_at(s, SLOT_ADC, AVR_NEVER);
}
