#include "comparator.h"
#include "adc.h"
#include "interrupts.h"
#include "timer.h"

#define BANDGAP_CHANNEL 14u

enum edge { EDGE_BOTH, EDGE_RESERVED, EDGE_FALLING, EDGE_RISING };

static unsigned positive_mv(const avr_state* s) {
    return s->adc.input_mv[s->data[REG_ACSR] & ACBG ? BANDGAP_CHANNEL : ANALOG_AIN0];
}

// Section "Analog Comparator Multiplexed Input": the multiplexer serves the comparator while the ADC is off.
static unsigned negative_mv(const avr_state* s) {
    const int multiplexed = s->data[REG_ADCSRB] & ACME && !(s->data[REG_ADCSRA] & ADEN);
    return s->adc.input_mv[multiplexed ? s->data[REG_ADMUX] & 7u : ANALOG_AIN1];
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_ANALOG_COMPARATOR, s->data[REG_ACSR] & ACIE && s->data[REG_ACSR] & ACI);
}

static int interrupts_at(const avr_state* s, int rises) {
    switch ((enum edge)(s->data[REG_ACSR] & ACIS)) {
    case EDGE_BOTH:
        return 1;
    case EDGE_FALLING:
        return !rises;
    case EDGE_RISING:
        return rises;
    case EDGE_RESERVED:
        break;
    }
    return 0;
}

void comparator_update(avr_state* s) {
    const uint8_t control = s->data[REG_ACSR];
    const int level = !(control & ACD) && positive_mv(s) > negative_mv(s);
    if (level == !!(control & ACO)) {
        return;
    }
    s->data[REG_ACSR] = (uint8_t)((control & ~ACO) | (level ? ACO : 0));
    if (interrupts_at(s, level) && !(control & ACI)) {
        s->data[REG_ACSR] |= ACI;
        adc_trigger(s, TRIGGER_COMPARATOR);
        update_irq(s);
    }
    if (control & ACIC) {
        timer_capture_input(s, level);
    }
}

void comparator_write_control(avr_state* s, uint8_t value) {
    const uint8_t before = s->data[REG_ACSR];
    const uint8_t flag = before & (uint8_t)~value & ACI; // writing one clears it
    s->data[REG_ACSR] = (value & (uint8_t)~(ACO | ACI)) | (before & ACO) | flag;
    comparator_update(s);
    update_irq(s);
}

void comparator_acknowledge(avr_state* s) {
    s->data[REG_ACSR] &= (uint8_t)~ACI;
    update_irq(s);
}
