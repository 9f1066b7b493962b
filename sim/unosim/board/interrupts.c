#include "interrupts.h"
#include "adc.h"
#include "comparator.h"
#include "cpu.h"
#include "pin_changes.h"
#include "self_program.h"
#include "spi.h"
#include "timer.h"
#include "usart0.h"
#include "watchdog.h"

// Which vectors wake from which sleep mode (datasheet table 10-1), SM2:0 as the index. Reserved modes let
// nothing through.
#define WAKES_ALWAYS                                                                                         \
    (1u << VECTOR_INT0 | 2u << VECTOR_INT0 | 7u << VECTOR_PCINT0 | 1u << VECTOR_WDT) // INT0, INT1, PCINT0..2
#define WAKES_FROM_ADC_NOISE_REDUCTION                                                                       \
    (WAKES_ALWAYS | 1u << VECTOR_ADC | 1u << VECTOR_EE_READY | 1u << VECTOR_SPM_READY)
static const uint32_t wakes[8] = {
    UINT32_MAX, WAKES_FROM_ADC_NOISE_REDUCTION, WAKES_ALWAYS, WAKES_ALWAYS, 0, 0, WAKES_ALWAYS, WAKES_ALWAYS,
};

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

// Three vectors in a row each: compare A, compare B, overflow.
static void acknowledge_timer(avr_state* s, unsigned vector) {
    static const uint8_t first_vectors[AVR_TIMERS] = {VECTOR_TIMER0_COMPA, VECTOR_TIMER1_COMPA,
                                                      VECTOR_TIMER2_COMPA};
    static const uint8_t flags[3] = {OCFA, OCFB, TOV};
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        const unsigned offset = vector - first_vectors[n];
        if (offset < 3) {
            timer_clear_flags(s, n, flags[offset]);
        }
    }
}

// Flags that hardware clears when the handler is entered; the others are levels that the handler has to end.
static void acknowledge(avr_state* s, unsigned vector) {
    switch (vector) {
    case VECTOR_INT0:
    case VECTOR_INT0 + 1:
    case VECTOR_PCINT0:
    case VECTOR_PCINT0 + 1:
    case VECTOR_PCINT0 + 2:
        pin_changes_acknowledge(s, vector);
        break;
    case VECTOR_WDT:
        watchdog_acknowledge(s);
        break;
    case VECTOR_TIMER1_CAPT:
        timer_clear_flags(s, 1, ICF);
        break;
    case VECTOR_USART_TX:
        usart0_clear_txc(s);
        break;
    case VECTOR_ADC:
        adc_clear_flag(s);
        break;
    case VECTOR_SPI:
        spi_acknowledge(s);
        break;
    case VECTOR_ANALOG_COMPARATOR:
        comparator_acknowledge(s);
        break;
    default:
        acknowledge_timer(s, vector);
        break;
    }
}

void irq_enter(avr_state* s, unsigned vector) {
    const uint64_t entered_at = s->cycle;
    acknowledge(s, vector);
    cpu_push_pc(s, s->pc);
    s->data[REG_SREG] &= (uint8_t)~SREG_I;
    s->pc = interrupt_vector(s, vector);
    s->cycle = entered_at + 4;
}
