#include "adc.h"
#include "interrupts.h"
#include "schedule.h"

#define AVCC_MV 5000u
#define INTERNAL_REFERENCE_MV 1100u
#define SAMPLE_HALF_CLOCKS 3u
#define SAMPLE_HALF_CLOCKS_FIRST 27u
#define CONVERSION_CLOCKS 13u
#define CONVERSION_CLOCKS_FIRST 25u

static unsigned cycles_per_clock(const avr_state* s) {
    const unsigned adps = s->data[REG_ADCSRA] & 7;
    return adps == 0 ? 2 : 1u << adps;
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_ADC, s->data[REG_ADCSRA] & ADIF && s->data[REG_ADCSRA] & ADIE);
}

static void plan_start(avr_state* s, uint64_t start) {
    s->adc.phase = ADC_WAITS;
    s->adc.start = start;
    s->data[REG_ADCSRA] |= ADSC;
    schedule_at(s, SLOT_ADC, start);
}

// The rising edge of the ADC clock that follows `cycle`.
static uint64_t clock_edge_after(const avr_state* s, uint64_t cycle) {
    const unsigned divisor = cycles_per_clock(s);
    return s->adc.clock_base + ((cycle - s->adc.clock_base) / divisor + 1) * divisor;
}

static void begin_conversion(avr_state* s) {
    avr_adc* a = &s->adc;
    const unsigned half_clocks = a->first ? SAMPLE_HALF_CLOCKS_FIRST : SAMPLE_HALF_CLOCKS;
    a->mux = s->data[REG_ADMUX];
    a->phase = ADC_SAMPLES;
    schedule_at(s, SLOT_ADC, a->start + half_clocks * cycles_per_clock(s) / 2);
    output_append(s, (avr_output){.kind = OUTPUT_ADC_STARTED, .index = a->mux & 15, .at = a->start});
}

static void sample(avr_state* s) {
    avr_adc* a = &s->adc;
    const unsigned clocks = a->first ? CONVERSION_CLOCKS_FIRST : CONVERSION_CLOCKS;
    a->held_mv = a->input_mv[a->mux & 15];
    a->phase = ADC_CONVERTS;
    schedule_at(s, SLOT_ADC, a->start + clocks * cycles_per_clock(s));
}

// Section 24.7: VIN * 1024 / VREF, at most 0x3FF.
static uint16_t code_of(uint16_t input_mv, uint8_t mux) {
    const unsigned reference_mv = mux >> 6 == 3 ? INTERNAL_REFERENCE_MV : AVCC_MV;
    const unsigned code = input_mv * 1024u / reference_mv;
    return (uint16_t)(code > 1023 ? 1023 : code);
}

static void finish_conversion(avr_state* s) {
    avr_adc* a = &s->adc;
    const unsigned clocks = a->first ? CONVERSION_CLOCKS_FIRST : CONVERSION_CLOCKS;
    const uint64_t end = a->start + clocks * cycles_per_clock(s);
    const int free_running = s->data[REG_ADCSRA] & ADATE && (s->data[REG_ADCSRB] & 7) == 0;
    if (!a->locked) {
        a->result = code_of(a->held_mv, a->mux);
    }
    a->first = 0;
    a->phase = ADC_IDLE;
    s->data[REG_ADCSRA] = (s->data[REG_ADCSRA] & (uint8_t)~ADSC) | ADIF;
    if (free_running) {
        plan_start(s, end);
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

static void switch_off(avr_state* s) {
    s->adc.phase = ADC_IDLE;
    s->adc.first = 1;
    s->data[REG_ADCSRA] &= (uint8_t)~ADSC;
    schedule_at(s, SLOT_ADC, AVR_NEVER);
}

void adc_write_control(avr_state* s, uint8_t value) {
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
            plan_start(s, clock_edge_after(s, s->cycle + 1));
        }
    }
    update_irq(s);
}

void adc_clear_flag(avr_state* s) {
    s->data[REG_ADCSRA] &= (uint8_t)~ADIF;
    update_irq(s);
}

void adc_cpu_halted(avr_state* s) {
    if (s->data[REG_ADCSRA] & ADEN && s->adc.phase == ADC_IDLE) {
        plan_start(s, clock_edge_after(s, s->cycle));
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
