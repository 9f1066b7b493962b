#include "twi.h"
#include "gpio.h"
#include "interrupts.h"
#include "schedule.h"

#define BUS_PINS 0x30u // PC4 SDA, PC5 SCL
#define READ_BIT 1u

// TWSR7:3 in master mode (section "Transmission Modes").
enum status {
    STATUS_STARTED = 0x08,
    STATUS_STARTED_AGAIN = 0x10,
    STATUS_WRITE_ADDRESS_ACK = 0x18,
    STATUS_WRITE_ADDRESS_NACK = 0x20,
    STATUS_SENT_ACK = 0x28,
    STATUS_SENT_NACK = 0x30,
    STATUS_READ_ADDRESS_ACK = 0x40,
    STATUS_READ_ADDRESS_NACK = 0x48,
    STATUS_RECEIVED_ACK = 0x50,
    STATUS_RECEIVED_NACK = 0x58,
    STATUS_NONE = 0xF8,
};

// Section "Bit Rate Generator Unit": SCL = CPU clock / (16 + 2 * TWBR * 4^TWPS).
static uint64_t period_cycles(const avr_state* s) {
    return 16 + ((2u * s->data[REG_TWBR]) << 2 * (s->data[REG_TWSR] & 3));
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_TWI, s->data[REG_TWCR] & TWIE && s->twi.interrupt);
}

static void enter(avr_state* s, enum avr_twi_phase phase, unsigned periods) {
    s->twi.phase = (uint8_t)phase;
    s->twi.ends_at = s->cycle + 1 + periods * period_cycles(s);
    schedule_at(s, SLOT_TWI, s->twi.ends_at);
}

static void stay(avr_state* s, enum avr_twi_phase phase) {
    s->twi.phase = (uint8_t)phase;
    s->twi.ends_at = AVR_NEVER;
    schedule_at(s, SLOT_TWI, AVR_NEVER);
}

static void tell(avr_state* s, enum twi_step step, uint16_t value) {
    const uint32_t period_q8 = (uint32_t)period_cycles(s) * 256;
    output_append(
        s,
        (avr_output){
            .kind = OUTPUT_TWI, .index = (uint8_t)step, .value = value, .at = s->cycle, .bit_q8 = period_q8});
}

static int bus_is_held(const avr_state* s) {
    return s->gpio.driven[PORT_C] & (uint8_t)~s->gpio.level[PORT_C] & BUS_PINS;
}

static void start_when_free(avr_state* s) {
    if (bus_is_held(s)) {
        stay(s, TWI_WAITS_FOR_BUS);
    } else {
        tell(s, s->twi.owns_bus ? TWI_REPEATED_START : TWI_START, 0);
        enter(s, TWI_STARTS, 1);
    }
}

static int expects_address(const avr_state* s) {
    return s->twi.status == STATUS_STARTED || s->twi.status == STATUS_STARTED_AGAIN;
}

static int receives(const avr_state* s) {
    return s->twi.status == STATUS_READ_ADDRESS_ACK || s->twi.status == STATUS_RECEIVED_ACK;
}

static void transfer_byte(avr_state* s) {
    s->twi.answer_ack = 0;
    s->twi.answer_data = 0xFF;
    if (receives(s)) {
        tell(s, TWI_READ, s->data[REG_TWCR] & TWEA ? 1 : 0);
        enter(s, TWI_RECEIVES, 9);
    } else {
        tell(s, TWI_WRITE, s->data[REG_TWDR]);
        enter(s, TWI_SENDS, 9);
    }
}

// TWINT has been cleared: what the other bits ask for.
static void begin(avr_state* s) {
    const uint8_t control = s->data[REG_TWCR];
    if (control & TWSTO) {
        if (s->twi.owns_bus) {
            tell(s, TWI_STOP, 0);
            enter(s, TWI_STOPS, 1);
            return;
        }
        s->data[REG_TWCR] &= (uint8_t)~TWSTO;
    }
    if (control & TWSTA) {
        start_when_free(s);
    } else if (s->twi.owns_bus) {
        transfer_byte(s);
    }
}

static void interrupt_with(avr_state* s, enum status status) {
    s->twi.status = (uint8_t)status;
    s->twi.interrupt = 1;
    stay(s, TWI_IDLE);
    update_irq(s);
}

static enum status status_of_sent(const avr_state* s) {
    const int acknowledged = s->twi.answer_ack;
    if (!expects_address(s)) {
        return acknowledged ? STATUS_SENT_ACK : STATUS_SENT_NACK;
    }
    if (s->data[REG_TWDR] & READ_BIT) {
        return acknowledged ? STATUS_READ_ADDRESS_ACK : STATUS_READ_ADDRESS_NACK;
    }
    return acknowledged ? STATUS_WRITE_ADDRESS_ACK : STATUS_WRITE_ADDRESS_NACK;
}

static void finish_start(avr_state* s) {
    const enum status status = s->twi.owns_bus ? STATUS_STARTED_AGAIN : STATUS_STARTED;
    s->twi.owns_bus = 1;
    interrupt_with(s, status);
}

static void finish_stop(avr_state* s) {
    s->twi.owns_bus = 0;
    s->twi.status = STATUS_NONE;
    s->data[REG_TWCR] &= (uint8_t)~TWSTO;
    stay(s, TWI_IDLE);
    if (s->data[REG_TWCR] & TWSTA) {
        start_when_free(s);
    }
}

void twi_due(avr_state* s) {
    switch ((enum avr_twi_phase)s->twi.phase) {
    case TWI_STARTS:
        finish_start(s);
        break;
    case TWI_SENDS:
        interrupt_with(s, status_of_sent(s));
        break;
    case TWI_RECEIVES:
        s->data[REG_TWDR] = s->twi.answer_data;
        interrupt_with(s, s->data[REG_TWCR] & TWEA ? STATUS_RECEIVED_ACK : STATUS_RECEIVED_NACK);
        break;
    case TWI_STOPS:
        finish_stop(s);
        break;
    case TWI_WAITS_FOR_BUS:
        start_when_free(s);
        break;
    case TWI_IDLE:
        break;
    }
}

uint8_t twi_peek(const avr_state* s, uint16_t address) {
    if (address == REG_TWSR) {
        return s->twi.status | (s->data[REG_TWSR] & 3);
    }
    return s->data[REG_TWCR] | (s->twi.interrupt ? TWINT : 0);
}

static void switch_off(avr_state* s) {
    s->twi.owns_bus = 0;
    s->twi.status = STATUS_NONE;
    s->twi.interrupt = 0;
    stay(s, TWI_IDLE);
}

static void write_control(avr_state* s, uint8_t value) {
    const uint8_t collided = value & TWINT ? 0 : s->data[REG_TWCR] & TWWC;
    s->data[REG_TWCR] = (value & (TWEA | TWSTA | TWSTO | TWEN | TWIE)) | collided;
    if (!(value & TWEN) || s->data[REG_PRR] & PRTWI) {
        switch_off(s);
    } else {
        s->twi.interrupt = value & TWINT ? 0 : s->twi.interrupt;
        if (!s->twi.interrupt && s->twi.phase == TWI_IDLE) {
            begin(s);
        }
    }
    update_irq(s);
}

void twi_write(avr_state* s, uint16_t address, uint8_t value) {
    switch (address) {
    case REG_TWCR:
        write_control(s, value);
        break;
    case REG_TWSR:
        s->data[address] = value & 3;
        break;
    default: // TWDR: only between bytes
        if (s->twi.interrupt || s->twi.phase == TWI_IDLE) {
            s->data[address] = value;
            s->data[REG_TWCR] &= (uint8_t)~TWWC;
        } else {
            s->data[REG_TWCR] |= TWWC;
        }
        break;
    }
}

void twi_answer(avr_state* s, int acknowledges, uint8_t data) {
    s->twi.answer_ack = acknowledges ? 1 : 0;
    s->twi.answer_data = data;
}

void twi_note_pins(avr_state* s) {
    if (s->twi.phase == TWI_WAITS_FOR_BUS) {
        schedule_at(s, SLOT_TWI, s->cycle); // in the next run, which tells of it
    }
}

void twi_reset(avr_state* s) {
    s->data[REG_TWAR] = 0xFE;
    s->data[REG_TWDR] = 0xFF;
    switch_off(s);
    update_irq(s);
}

void twi_stop_clock(avr_state* s) {
    schedule_at(s, SLOT_TWI, AVR_NEVER);
}

void twi_resume_clock(avr_state* s, uint64_t stopped_cycles) {
    if (s->twi.ends_at != AVR_NEVER) {
        s->twi.ends_at += stopped_cycles;
        schedule_at(s, SLOT_TWI, s->twi.ends_at);
    }
}
