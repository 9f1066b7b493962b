#include "machine.h"
#include "adc.h"
#include "comparator.h"
#include "cpu.h"
#include "eeprom.h"
#include "gpio.h"
#include "interrupts.h"
#include "pin_changes.h"
#include "schedule.h"
#include "self_program.h"
#include "spi.h"
#include "timer.h"
#include "twi.h"
#include "uart_line.h"
#include "usart0.h"
#include "watchdog.h"
#include <string.h>

#define WAKE_UP_CYCLES 4u // section 10: halted in addition to the interrupt's own response time
// Table 9-4: a crystal that has to start, with the fuses of an Uno (CKSEL 1111, SUT 11).
#define OSCILLATOR_START_CYCLES 16384u
#define STANDBY_START_CYCLES 6u // table 10-1: the crystal runs
#define TX_BITS_MAX 13u         // of a frame: start, nine data, parity, two stop bits
#define NOMINAL_MV 5000u
#define POWER_ON_MV 1000u // power-on reset threshold: between 0.6 and 1.6 V
#define HYSTERESIS_MV 50u

enum { SLEEP_IDLE, SLEEP_ADC_NOISE_REDUCTION, SLEEP_POWER_DOWN, SLEEP_POWER_SAVE };

static void reset(avr_state* s, uint8_t mcusr) {
    uint8_t levels_before[3];
    gpio_all_levels(s, levels_before);
    memset(&s->data[REG_PIN(0)], 0, AVR_SRAM_START - REG_PIN(0));
    s->data[REG_MCUSR] = mcusr;
    cpu_set_sp(s, AVR_RAMEND);
    s->pc = reset_vector(s);
    s->irq_pending = 0;
    s->irq_delay = 0;
    s->stop = STOP_LIMIT;
    s->sleep = AWAKE;
    s->io_stopped_at = AVR_NEVER;
    s->reset_request = 0;
    memset(s->gpio.overridden, 0, sizeof s->gpio.overridden);
    memset(s->gpio.forced_inputs, 0, sizeof s->gpio.forced_inputs);
    for (unsigned n = 0; n < AVR_TIMERS; n++) {
        timer_reset(s, n);
    }
    schedule_at(s, SLOT_CAPTURE, AVR_NEVER);
    usart0_reset(s);
    adc_reset(s);
    eeprom_reset(s);
    watchdog_reset(s);
    spi_reset(s);
    twi_reset(s);
    spm_reset(s);
    pin_changes_reset(s);
    comparator_update(s);
    gpio_tell_changes(s, levels_before);
}

// Registers and SRAM; what the I/O registers hold comes from the reset.
static void fill_ram(avr_state* s, const uint8_t* ram) {
    memcpy(s->data, ram, REG_PIN(0));
    memcpy(&s->data[AVR_SRAM_START], &ram[AVR_SRAM_START], AVR_DATA_BYTES - AVR_SRAM_START);
}

void machine_init(avr_state* s, uint32_t clock_hz, avr_fuses fuses) {
    memset(s, 0, sizeof *s);
    s->version = AVR_STATE_VERSION;
    s->size_bytes = sizeof *s;
    s->clock_hz = clock_hz;
    s->fuses = fuses;
    s->power.supply_mv = NOMINAL_MV;
    s->adc.input_mv[ANALOG_AREF] = NOMINAL_MV;
    s->ee.ends_at = s->spm.ends_at = AVR_NEVER;
    s->next_due = AVR_NEVER;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        s->next_at[slot] = AVR_NEVER;
    }
    memset(s->flash, 0xFF, sizeof s->flash);
    memset(s->eeprom, 0xFF, sizeof s->eeprom);
}

static void lose_power(avr_state* s) {
    eeprom_power_lost(s);
    spm_power_lost(s);
}

void machine_power_on(avr_state* s, const uint8_t* ram) {
    lose_power(s);
    fill_ram(s, ram);
    s->power = (avr_power){.supply_mv = NOMINAL_MV};
    reset(s, PORF);
}

// BODLEVEL2:0, in the extended fuse byte; 0: switched off.
static unsigned brown_out_mv(const avr_state* s) {
    static const uint16_t levels[8] = {[4] = 4300, [5] = 2700, [6] = 1800};
    return levels[s->fuses.extended & 7];
}

static void hold_in_reset(avr_state* s) {
    if (!s->power.held) {
        s->power.held = 1;
        reset(s, s->data[REG_MCUSR] | BORF);
        output_append(s, (avr_output){.kind = OUTPUT_RESET, .value = BORF, .at = s->cycle});
    }
}

static void leave_reset(avr_state* s, const uint8_t* ram) {
    uint8_t causes = s->data[REG_MCUSR];
    if (s->power.lost) {
        fill_ram(s, ram);
        causes = PORF | (brown_out_mv(s) > 0 ? BORF : 0); // on its way up the voltage passes the level, too
    }
    s->power.held = s->power.lost = 0;
    reset(s, causes);
}

void machine_set_supply(avr_state* s, uint16_t millivolts, const uint8_t* ram) {
    const unsigned level = brown_out_mv(s);
    s->power.supply_mv = millivolts;
    if (millivolts < POWER_ON_MV && !s->power.lost) {
        lose_power(s);
        s->power.lost = 1;
        hold_in_reset(s);
    } else if (millivolts < level) {
        hold_in_reset(s);
    } else if (s->power.held && millivolts >= POWER_ON_MV &&
               millivolts >= level + (level > 0 ? HYSTERESIS_MV : 0)) {
        leave_reset(s, ram);
    }
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
        spi_stop_clock(s);
        twi_stop_clock(s);
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
        spi_resume_clock(s, stopped_cycles);
        twi_resume_clock(s, stopped_cycles);
    }
    s->cycle += WAKE_UP_CYCLES;
}

// What happens inside the chip without an interrupt and is seen outside.
static int something_ends_by_itself(const avr_state* s) {
    return s->next_at[SLOT_UART_TX] != AVR_NEVER || s->next_at[SLOT_EEPROM] != AVR_NEVER ||
           s->next_at[SLOT_SERIAL_IN] != AVR_NEVER || s->next_at[SLOT_SPI] != AVR_NEVER ||
           s->next_at[SLOT_TWI] != AVR_NEVER || s->next_at[SLOT_SPM] != AVR_NEVER ||
           (s->next_at[SLOT_WATCHDOG] != AVR_NEVER && watchdog_peek(s) & WDE);
}

// In idle mode: by a byte, a voltage or a pin whose unit waits for it.
static int idle_may_end(const avr_state* s) {
    const uint8_t receives = RXEN0 | RXCIE0;
    const uint8_t converts = ADEN | ADIE | ADATE;
    const int may = (s->data[REG_UCSR0B] & receives) == receives || s->data[REG_ACSR] & ACIE ||
                    (s->data[REG_ADCSRA] & converts) == converts || timers_may_interrupt(s) ||
                    (s->twi.phase == TWI_WAITS_FOR_BUS && s->data[REG_TWCR] & TWIE);
    return s->sleep_mode == SLEEP_IDLE && may;
}

// Asleep for good: only a reset, or for I = 1 a byte or a pin from outside, could change anything.
static int is_halted(const avr_state* s) {
    if (!(s->data[REG_SREG] & SREG_I)) {
        return !something_ends_by_itself(s);
    }
    return s->next_due == AVR_NEVER && !idle_may_end(s) && !pin_changes_may_wake(s);
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

// The first section reads as nothing while a page of it is being programmed.
static int runs_into_busy_section(const avr_state* s) {
    return s->spm.rww_busy && s->pc < NRWW_START;
}

static enum avr_stop execute_until(avr_state* s, avr_program* program, avr_observer* observer,
                                   uint64_t until) {
    const unsigned vector = irq_accepted(s);
    if (vector && !s->irq_delay) {
        irq_enter(s, vector);
        if (observer) {
            observer_interrupt(observer, s);
        }
        return STOP_LIMIT;
    }
    if (runs_into_busy_section(s)) {
        return STOP_BAD_OPCODE;
    }
    s->run_limit = until < s->next_due ? until : s->next_due;
    if (vector || s->spm.rww_busy) { // exactly one instruction: an interrupt follows, or another look at PC
        s->run_limit = s->cycle + 1;
    }
    s->irq_delay = 0;
    cpu_execute(s, program, observer);
    return (enum avr_stop)s->stop;
}

static enum avr_stop go_on(avr_state* s, avr_program* program, avr_observer* observer, uint64_t until) {
    if (s->power.held) {
        s->cycle = s->next_due < until ? s->next_due : until;
        return STOP_LIMIT;
    }
    if (s->sleep == FALLS_ASLEEP) {
        fall_asleep(s);
        return STOP_LIMIT;
    }
    return s->sleep == ASLEEP ? sleep_until(s, until) : execute_until(s, program, observer, until);
}

static void follow_flash(avr_state* s, avr_program* program) {
    if (s->spm.flash_changed) {
        program_changed(program, s->flash, s->spm.page, SPM_PAGE_WORDS);
        s->spm.flash_changed = 0;
    }
}

static enum avr_stop run(avr_state* s, avr_program* program, avr_observer* observer, uint64_t until) {
    const uint32_t outputs_before = s->outputs_total;
    enum avr_stop stop = STOP_LIMIT;
    s->stop = STOP_LIMIT;
    while (stop == STOP_LIMIT) {
        schedule_run_due(s);
        if (s->reset_request) {
            reset_by_itself(s);
        }
        follow_flash(s, program);
        if (s->outputs_total != outputs_before) {
            return STOP_EVENT;
        }
        if (s->cycle >= until) {
            return STOP_LIMIT;
        }
        stop = go_on(s, program, observer, until);
    }
    return stop;
}

enum avr_stop machine_run(avr_state* s, avr_program* program, avr_observer* observer, uint64_t until) {
    if (s->output_count > AVR_OUTPUTS - AVR_OUTPUTS_PER_INSTRUCTION) {
        return STOP_EVENT;
    }
    if (observer) {
        observer_run_begins(observer, s);
    }
    const enum avr_stop stop = run(s, program, observer, until);
    if (observer) {
        observer_run_ends(observer, s, stop);
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
    valid =
        valid && s->cycle <= AVR_FARTHEST && s->pc <= AVR_PC_MASK && s->sleep <= ASLEEP && s->sleep_mode < 8;
    valid = valid && s->output_head < AVR_OUTPUTS && s->output_count <= AVR_OUTPUTS;
    valid = valid && uart_line_is_valid(&s->usart0.line) && uart_line_is_valid(&s->serial.line);
    valid = valid && s->serial.in_port < 3 && s->serial.out_port < 3 && s->serial.out_pin < 8;
    valid = valid && s->serial.in_bit <= 10 && s->usart0.tx_bit_count <= TX_BITS_MAX &&
            s->usart0.tx_next_bit <= TX_BITS_MAX && s->clock_hz > 0;
    valid = valid && (s->serial.line.count > 0 || s->next_at[SLOT_SERIAL_OUT] == AVR_NEVER);
    valid = valid && s->usart0.rx_count <= (s->usart0.rx_start_confirmed ? 2 : 3);
    valid = valid && s->ee.address < AVR_EEPROM_BYTES && next_due_is_planned(s);
    valid = valid && s->spi.edge <= SPI_EDGES && s->adc.timing <= ADC_TRIGGERED;
    valid = valid && s->spm.page <= AVR_FLASH_WORDS - SPM_PAGE_WORDS;
    return valid;
}
