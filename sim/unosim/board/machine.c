#include "machine.h"
#include "adc.h"
#include "cpu.h"
#include "eeprom.h"
#include "interrupts.h"
#include "schedule.h"
#include "timer0.h"
#include "usart0.h"
#include <string.h>

#define WAKE_UP_CYCLES 4u // section 10: halted in addition to the interrupt's own response time

enum { SLEEP_IDLE, SLEEP_ADC_NOISE_REDUCTION };

static void reset(avr_state* s, uint8_t mcusr) {
    memset(&s->data[REG_PIN(0)], 0, AVR_SRAM_START - REG_PIN(0));
    s->data[REG_MCUSR] = mcusr;
    cpu_set_sp(s, AVR_RAMEND);
    s->pc = 0;
    s->irq_pending = 0;
    s->irq_delay = 0;
    s->stop = STOP_LIMIT;
    s->sleep = AWAKE;
    s->io_stopped_at = AVR_NEVER;
    timer0_reset(s);
    usart0_reset(s);
    adc_reset(s);
    eeprom_reset(s);
}

void machine_power_on(avr_state* s, uint8_t ram_fill) {
    eeprom_power_lost(s);
    memset(s->data, ram_fill, AVR_DATA_BYTES);
    reset(s, PORF);
}

void machine_reset(avr_state* s) {
    reset(s, s->data[REG_MCUSR] | EXTRF);
}

// Stop the clocks that the sleep mode stops (datasheet table 10-1).
static void fall_asleep(avr_state* s) {
    s->sleep = ASLEEP;
    if (s->sleep_mode <= SLEEP_ADC_NOISE_REDUCTION) {
        adc_cpu_halted(s);
    } else {
        adc_stop_clock(s);
    }
    if (s->sleep_mode != SLEEP_IDLE) {
        timer0_stop_clock(s);
        usart0_stop_clock(s);
        s->io_stopped_at = s->cycle;
    }
}

static void wake(avr_state* s) {
    s->sleep = AWAKE;
    if (s->io_stopped_at != AVR_NEVER) {
        const uint64_t stopped_cycles = s->cycle - s->io_stopped_at;
        s->io_stopped_at = AVR_NEVER;
        timer0_resume_clock(s, stopped_cycles);
        usart0_resume_clock(s, stopped_cycles);
    }
    s->cycle += WAKE_UP_CYCLES;
}

// Asleep for good: only a reset, or for I = 1 in idle mode a byte from outside, could change anything.
static int is_halted(const avr_state* s) {
    if (!(s->data[REG_SREG] & SREG_I)) {
        return s->next_at[SLOT_UART_TX] == AVR_NEVER && s->next_at[SLOT_EEPROM] == AVR_NEVER;
    }
    const uint8_t receives = RXEN0 | RXCIE0;
    const int byte_would_wake = s->sleep_mode == SLEEP_IDLE && (s->data[REG_UCSR0B] & receives) == receives;
    return s->next_due == AVR_NEVER && !byte_would_wake;
}

static enum avr_stop sleep_until(avr_state* s, uint64_t until) {
    if (irq_accepted(s)) {
        wake(s);
        return STOP_LIMIT;
    }
    if (is_halted(s)) {
        return STOP_HALTED;
    }
    s->cycle = s->next_due < until ? s->next_due : until;
    return STOP_LIMIT;
}

static enum avr_stop execute_until(avr_state* s, uint64_t until) {
    const unsigned vector = irq_accepted(s);
    if (vector && !s->irq_delay) {
        irq_enter(s, vector);
        return STOP_LIMIT;
    }
    s->run_limit = until < s->next_due ? until : s->next_due;
    if (vector) { // exactly one instruction before the interrupt
        s->run_limit = s->cycle + 1;
    }
    s->irq_delay = 0;
    cpu_execute(s);
    return (enum avr_stop)s->stop;
}

enum avr_stop machine_run(avr_state* s, uint64_t until) {
    const uint32_t outputs_before = s->outputs_total;
    if (s->output_count > AVR_OUTPUTS - AVR_OUTPUTS_PER_INSTRUCTION) {
        return STOP_EVENT;
    }
    enum avr_stop stop = STOP_LIMIT;
    s->stop = STOP_LIMIT;
    while (stop == STOP_LIMIT) {
        schedule_run_due(s);
        if (s->outputs_total != outputs_before) {
            return STOP_EVENT;
        }
        if (s->cycle >= until) {
            return STOP_LIMIT;
        }
        if (s->sleep == FALLS_ASLEEP) {
            fall_asleep(s);
        } else if (s->sleep == ASLEEP) {
            stop = sleep_until(s, until);
        } else {
            stop = execute_until(s, until);
        }
    }
    return stop;
}

static int next_due_is_planned(const avr_state* s) {
    int planned = s->next_due == AVR_NEVER;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        planned = planned || s->next_at[slot] == s->next_due;
    }
    return planned;
}

int machine_state_is_valid(const avr_state* s) {
    int valid = s->version == AVR_STATE_VERSION && s->size_bytes == sizeof *s;
    valid = valid && s->pc <= AVR_PC_MASK && s->sleep <= ASLEEP && s->sleep_mode < 8;
    valid = valid && s->output_head < AVR_OUTPUTS && s->output_count <= AVR_OUTPUTS;
    valid = valid && s->usart0.line_head < AVR_UART_FRAMES && s->usart0.line_count <= AVR_UART_FRAMES;
    valid = valid && s->usart0.rx_count <= (s->usart0.rx_start_confirmed ? 2 : 3);
    valid = valid && s->ee.address < AVR_EEPROM_BYTES && next_due_is_planned(s);
    for (uint32_t i = 0; i < AVR_UART_FRAMES && valid; i++) {
        valid = i >= s->usart0.line_count ||
                s->usart0.line[(s->usart0.line_head + i) % AVR_UART_FRAMES].bit_q8 > 0;
    }
    return valid;
}
