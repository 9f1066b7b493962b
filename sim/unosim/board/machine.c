#include "machine.h"
#include "adc.h"
#include "cpu.h"
#include "eeprom.h"
#include "interrupts.h"
#include "pin_changes.h"
#include "schedule.h"
#include "timer.h"
#include "uart_line.h"
#include "usart0.h"
#include "watchdog.h"
#include <string.h>

#define WAKE_UP_CYCLES 4u // section 10: halted in addition to the interrupt's own response time
// Table 9-4: a crystal that has to start, with the fuses of an Uno (CKSEL 1111, SUT 11).
#define OSCILLATOR_START_CYCLES 16384u
#define STANDBY_START_CYCLES 6u // table 10-1: the crystal runs

enum { SLEEP_IDLE, SLEEP_ADC_NOISE_REDUCTION, SLEEP_POWER_DOWN, SLEEP_POWER_SAVE };

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
    s->reset_request = 0;
    memset(s->gpio.overridden, 0, sizeof s->gpio.overridden);
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        timer_reset(s, n);
    }
    schedule_at(s, SLOT_CAPTURE, AVR_NEVER);
    usart0_reset(s);
    adc_reset(s);
    eeprom_reset(s);
    watchdog_reset(s);
    pin_changes_reset(s);
}

void machine_power_on(avr_state* s, uint8_t ram_fill) {
    eeprom_power_lost(s);
    memset(s->data, ram_fill, AVR_DATA_BYTES);
    reset(s, PORF);
}

void machine_reset(avr_state* s) {
    reset(s, s->data[REG_MCUSR] | EXTRF);
}

// A reset that the chip brings about; told to the outside.
static void reset_by_itself(avr_state* s) {
    const uint8_t cause = s->reset_request;
    reset(s, s->data[REG_MCUSR] | cause);
    output_append(s, (avr_output){.kind = OUTPUT_RESET, .value = cause, .at = s->cycle});
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
        timers_stop_clock(s);
        usart0_stop_clock(s);
        s->io_stopped_at = s->cycle;
    }
}

static unsigned start_cycles(uint8_t sleep_mode) {
    if (sleep_mode <= SLEEP_ADC_NOISE_REDUCTION) {
        return 0;
    }
    return sleep_mode <= SLEEP_POWER_SAVE ? OSCILLATOR_START_CYCLES : STANDBY_START_CYCLES;
}

static void wake(avr_state* s) {
    s->sleep = AWAKE;
    s->cycle += start_cycles(s->sleep_mode);
    if (s->io_stopped_at != AVR_NEVER) {
        const uint64_t stopped_cycles = s->cycle - s->io_stopped_at;
        s->io_stopped_at = AVR_NEVER;
        timers_resume_clock(s, stopped_cycles);
        usart0_resume_clock(s, stopped_cycles);
    }
    s->cycle += WAKE_UP_CYCLES;
}

// What happens inside the chip without an interrupt and is seen outside.
static int something_ends_by_itself(const avr_state* s) {
    return s->next_at[SLOT_UART_TX] != AVR_NEVER || s->next_at[SLOT_EEPROM] != AVR_NEVER ||
           s->next_at[SLOT_SERIAL_IN] != AVR_NEVER ||
           (s->next_at[SLOT_WATCHDOG] != AVR_NEVER && watchdog_peek(s) & WDE);
}

// Asleep for good: only a reset, or for I = 1 a byte or a pin from outside, could change anything.
static int is_halted(const avr_state* s) {
    if (!(s->data[REG_SREG] & SREG_I)) {
        return !something_ends_by_itself(s);
    }
    const uint8_t receives = RXEN0 | RXCIE0;
    const int byte_would_wake = s->sleep_mode == SLEEP_IDLE && (s->data[REG_UCSR0B] & receives) == receives;
    return s->next_due == AVR_NEVER && !byte_would_wake && !pin_changes_may_wake(s);
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

static enum avr_stop execute_until(avr_state* s, avr_program* program, uint64_t until) {
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
    cpu_execute(s, program);
    return (enum avr_stop)s->stop;
}

enum avr_stop machine_run(avr_state* s, avr_program* program, uint64_t until) {
    const uint32_t outputs_before = s->outputs_total;
    if (s->output_count > AVR_OUTPUTS - AVR_OUTPUTS_PER_INSTRUCTION) {
        return STOP_EVENT;
    }
    enum avr_stop stop = STOP_LIMIT;
    s->stop = STOP_LIMIT;
    while (stop == STOP_LIMIT) {
        schedule_run_due(s);
        if (s->reset_request) {
            reset_by_itself(s);
        }
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
            stop = execute_until(s, program, until);
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
    valid = valid && uart_line_is_valid(&s->usart0.line) && uart_line_is_valid(&s->serial.line);
    valid = valid && s->serial.in_port < 3 && s->serial.out_port < 3 && s->serial.out_pin < 8;
    valid = valid && s->serial.in_bit <= 10 && s->usart0.tx_next_bit < 32 && s->clock_hz > 0;
    valid = valid && (s->serial.line.count > 0 || s->next_at[SLOT_SERIAL_OUT] == AVR_NEVER);
    valid = valid && s->usart0.rx_count <= (s->usart0.rx_start_confirmed ? 2 : 3);
    valid = valid && s->ee.address < AVR_EEPROM_BYTES && next_due_is_planned(s);
    return valid;
}
