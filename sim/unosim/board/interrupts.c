#include "interrupts.h"
#include "adc.h"
#include "cpu.h"
#include "timer0.h"
#include "usart0.h"

// Which vectors wake from which sleep mode (datasheet table 10-1), SM2:0 as the index. Of the sources
// modelled so far idle lets all through, ADC noise reduction the ADC and the EEPROM, the deeper modes none.
#define WAKES_FROM_ADC_NOISE_REDUCTION (1u << VECTOR_ADC | 1u << VECTOR_EE_READY)
static const uint32_t wakes[8] = {UINT32_MAX, WAKES_FROM_ADC_NOISE_REDUCTION};

void irq_set(avr_state* s, unsigned vector, int level) {
    const uint32_t bit = 1u << vector;
    if (!level) {
        s->irq_pending &= ~bit;
    } else if (!(s->irq_pending & bit)) {
        s->irq_pending |= bit;
        s->run_limit = 0;
    }
}

unsigned irq_accepted(const avr_state* s) {
    uint32_t pending = s->irq_pending;
    if (s->sleep != AWAKE) {
        pending &= wakes[s->sleep_mode];
    }
    if (!(s->data[REG_SREG] & SREG_I) || pending == 0) {
        return 0;
    }
    unsigned vector = 1;
    while (!(pending >> vector & 1)) {
        vector++;
    }
    return vector;
}

// Flags that hardware clears when the handler is entered; the others are levels that the handler has to end.
static void acknowledge(avr_state* s, unsigned vector) {
    switch (vector) {
    case VECTOR_TIMER0_COMPA:
        timer0_clear_flags(s, OCF0A);
        break;
    case VECTOR_TIMER0_COMPB:
        timer0_clear_flags(s, OCF0B);
        break;
    case VECTOR_TIMER0_OVF:
        timer0_clear_flags(s, TOV0);
        break;
    case VECTOR_USART_TX:
        usart0_clear_txc(s);
        break;
    case VECTOR_ADC:
        adc_clear_flag(s);
        break;
    default:
        break;
    }
}

void irq_enter(avr_state* s, unsigned vector) {
    const uint64_t entered_at = s->cycle;
    acknowledge(s, vector);
    cpu_push_pc(s, s->pc);
    s->data[REG_SREG] &= (uint8_t)~SREG_I;
    s->pc = (uint16_t)(vector * 2);
    s->cycle = entered_at + 4;
}
