#include "schedule.h"
#include "adc.h"
#include "eeprom.h"
#include "gpio.h"
#include "pin_changes.h"
#include "pin_serial.h"
#include "self_program.h"
#include "spi.h"
#include "timer.h"
#include "twi.h"
#include "usart0.h"
#include "watchdog.h"

static void find_next_due(avr_state* s) {
    s->next_due = AVR_NEVER;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (s->next_at[slot] < s->next_due) {
            s->next_due = s->next_at[slot];
        }
    }
    if (s->run_limit > s->next_due) {
        s->run_limit = s->next_due;
    }
}

void schedule_at(avr_state* s, enum avr_timer_slot slot, uint64_t at) {
    const uint64_t before = s->next_at[slot];
    s->next_at[slot] = at;
    if (at < s->next_due) {
        s->next_due = at;
        s->run_limit = s->run_limit < at ? s->run_limit : at;
    } else if (before == s->next_due) {
        find_next_due(s);
    }
}

static void run_slot(avr_state* s, enum avr_timer_slot slot) {
    switch (slot) {
    case SLOT_TIMER0:
    case SLOT_TIMER1:
    case SLOT_TIMER2:
        timer_due(s, slot - SLOT_TIMER0);
        break;
    case SLOT_CAPTURE:
        timer_capture_due(s);
        break;
    case SLOT_T0_EDGE:
    case SLOT_T1_EDGE:
        timer_external_due(s, slot - SLOT_T0_EDGE);
        break;
    case SLOT_UART_TX:
        usart0_tx_due(s);
        break;
    case SLOT_UART_TXD:
        usart0_txd_due(s);
        break;
    case SLOT_UART_RX:
        usart0_rx_due(s);
        break;
    case SLOT_RXD:
        gpio_rxd_due(s);
        break;
    case SLOT_SPI:
        spi_due(s);
        break;
    case SLOT_TWI:
        twi_due(s);
        break;
    case SLOT_ADC:
        adc_due(s);
        break;
    case SLOT_EEPROM:
        eeprom_due(s);
        break;
    case SLOT_SPM:
        spm_due(s);
        break;
    case SLOT_WATCHDOG:
        watchdog_due(s);
        break;
    case SLOT_SERIAL_OUT:
        pin_serial_out_due(s);
        break;
    case SLOT_SERIAL_IN:
        pin_serial_in_due(s);
        break;
    case SLOT_PINS:
        pin_changes_due(s);
        break;
    case SLOT_COUNT:
        break;
    }
}

void schedule_run_due(avr_state* s) {
    const uint32_t outputs_before = s->outputs_total;
    const uint64_t now = s->cycle;
    while (s->next_due <= now && s->outputs_total == outputs_before) {
        unsigned slot = 0;
        while (s->next_at[slot] != s->next_due) {
            slot++;
        }
        s->cycle =
            s->next_due; // what is late, because an instruction takes several cycles, has its right time
        s->next_at[slot] = AVR_NEVER; // unless the peripheral plans its next instant
        run_slot(s, (enum avr_timer_slot)slot);
        find_next_due(s);
    }
    s->cycle = now;
}

void output_append(avr_state* s, avr_output output) {
    if (s->output_count < AVR_OUTPUTS) { // always: avr_run starts nothing while the queue is nearly full
        s->outputs[(s->output_head + s->output_count) % AVR_OUTPUTS] = output;
        s->output_count++;
    }
    s->outputs_total++;
    s->run_limit = 0;
}
