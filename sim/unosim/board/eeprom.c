#include "eeprom.h"
#include "interrupts.h"
#include "schedule.h"

#define IDLE AVR_NEVER      // for ends_at
#define WINDOW_CYCLES 4u    // EEPE must follow EEMPE within
#define READ_HALT_CYCLES 4u // EECR, EERE
#define WRITE_HALT_CYCLES 2u
#define ERASE_AND_WRITE_US 3400u // table 8-1
#define ERASE_OR_WRITE_US 1800u

enum mode { ERASE_AND_WRITE, ERASE_ONLY, WRITE_ONLY, RESERVED_MODE };

static int busy(const avr_state* s) {
    return s->ee.ends_at != IDLE;
}

static int unlocked(const avr_state* s) {
    return s->ee.unlocked_at != AVR_NEVER && s->cycle - s->ee.unlocked_at <= WINDOW_CYCLES;
}

static uint16_t address_of(const avr_state* s) {
    return (uint16_t)(s->data[REG_EEARL] | s->data[REG_EEARH] << 8) % AVR_EEPROM_BYTES;
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_EE_READY, s->data[REG_EECR] & EERIE && !busy(s));
}

static void start_write(avr_state* s) {
    avr_eeprom* e = &s->ee;
    e->mode = (s->data[REG_EECR] & EEPM) >> 4;
    const uint64_t duration_us =
        e->mode == ERASE_AND_WRITE || e->mode == RESERVED_MODE ? ERASE_AND_WRITE_US : ERASE_OR_WRITE_US;
    e->address = address_of(s);
    e->value = s->data[REG_EEDR];
    e->started_at = s->cycle + 1;
    e->ends_at = e->started_at + duration_us * s->clock_hz / 1000000;
    e->unlocked_at = AVR_NEVER;
    schedule_at(s, SLOT_EEPROM, e->ends_at);
}

void eeprom_due(avr_state* s) {
    avr_eeprom* e = &s->ee;
    uint8_t* cell = &s->eeprom[e->address];
    switch ((enum mode)e->mode) {
    case ERASE_AND_WRITE:
        *cell = e->value;
        break;
    case ERASE_ONLY:
        *cell = 0xFF;
        break;
    case WRITE_ONLY:
        *cell &= e->value; // programming only clears bits
        break;
    case RESERVED_MODE:
        break;
    }
    e->ends_at = IDLE;
    update_irq(s);
}

uint8_t eeprom_peek_control(const avr_state* s) {
    return s->data[REG_EECR] | (busy(s) ? EEPE : 0) | (unlocked(s) ? EEMPE : 0);
}

unsigned eeprom_write_control(avr_state* s, uint8_t value) {
    const int may_write =
        unlocked(s) && !busy(s) && s->spm.ends_at == AVR_NEVER; // EECR, EEPE: not while SPM does
    const uint8_t mode = busy(s) ? s->data[REG_EECR] & EEPM : value & EEPM;
    unsigned halt_cycles = 0;
    s->data[REG_EECR] = (value & EERIE) | mode;
    if (value & EEPE && may_write) {
        start_write(s);
        halt_cycles = WRITE_HALT_CYCLES;
    } else if (value & EEMPE && !unlocked(s)) {
        s->ee.unlocked_at = s->cycle;
    }
    if (value & EERE && !busy(s)) {
        s->data[REG_EEDR] = s->eeprom[address_of(s)];
        halt_cycles = READ_HALT_CYCLES;
    }
    update_irq(s);
    return halt_cycles;
}

void eeprom_write_address(avr_state* s, uint16_t address, uint8_t value) {
    if (!busy(s)) {
        s->data[address] = address == REG_EEARH ? value & 3 : value;
    }
}

void eeprom_reset(avr_state* s) {
    s->ee.unlocked_at = AVR_NEVER;
    update_irq(s);
}

// Bits that the erasing or writing of one byte has reached after `done` of `whole` cycles, by a hash of where
// and when: a cell needs its own time.
static uint8_t bits_reached(uint64_t seed, uint64_t done, uint64_t whole) {
    uint8_t reached = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        seed = (seed ^ seed >> 29) * 0xBF58476D1CE4E5B9u + bit;
        const uint64_t needs = (seed >> 32) * whole >> 32;
        reached |= (uint8_t)((needs < done) << bit);
    }
    return reached;
}

static uint8_t torn(const avr_state* s) {
    const avr_eeprom* e = &s->ee;
    const uint8_t before = s->eeprom[e->address];
    const uint64_t whole = e->ends_at - e->started_at;
    const uint64_t done = s->cycle > e->started_at ? s->cycle - e->started_at : 0;
    const uint64_t seed = s->cycle * 1024 + e->address;
    switch ((enum mode)e->mode) {
    case ERASE_AND_WRITE:
        if (done < whole / 2) {
            return before | bits_reached(seed, done, whole / 2);
        }
        return e->value | (uint8_t)~bits_reached(seed, done - whole / 2, whole / 2);
    case ERASE_ONLY:
        return before | bits_reached(seed, done, whole);
    case WRITE_ONLY:
        return before & (e->value | (uint8_t)~bits_reached(seed, done, whole));
    case RESERVED_MODE:
        break;
    }
    return before;
}

void eeprom_power_lost(avr_state* s) {
    if (busy(s)) {
        s->eeprom[s->ee.address] = torn(s);
    }
    s->ee.ends_at = IDLE;
    schedule_at(s, SLOT_EEPROM, AVR_NEVER);
}
