#include "self_program.h"
#include "bus.h"
#include "interrupts.h"
#include "schedule.h"
#include <string.h>

#define IDLE AVR_NEVER       // for ends_at
#define WINDOW_CYCLES 4u     // SPM, or a write of IVSEL, must follow within
#define LPM_WINDOW_CYCLES 3u // LPM after BLBSET or SIGRD
#define OPERATION_US 4500u   // SPM programming time: 3.7 to 4.5 ms
#define COMMANDS (SIGRD | RWWSRE | BLBSET | PGWRT | PGERS | SELFPRGEN)
#define PAGE_MASK (SPM_PAGE_WORDS - 1)
#define CALIBRATION 0x66u // of the RC oscillator, any value: it is not modelled
#define ERASED 0xFFFFu

// Fuse high byte; programmed is 0.
enum { BOOTRST = 1, BOOTSZ_SHIFT = 1 };

uint16_t boot_section_start(const avr_state* s) {
    const unsigned size_code = s->fuses.high >> BOOTSZ_SHIFT & 3;
    return (uint16_t)(AVR_FLASH_WORDS - (2048u >> size_code));
}

uint16_t reset_vector(const avr_state* s) {
    return s->fuses.high & BOOTRST ? 0 : boot_section_start(s);
}

uint16_t interrupt_vector(const avr_state* s, unsigned vector) {
    return (uint16_t)((s->data[REG_MCUCR] & IVSEL ? boot_section_start(s) : 0) + 2 * vector);
}

static int busy(const avr_state* s) {
    return s->spm.ends_at != IDLE;
}

static int within(const avr_state* s, unsigned cycles) {
    return s->spm.unlocked_at != AVR_NEVER && s->cycle - s->spm.unlocked_at <= cycles;
}

static void update_irq(avr_state* s) {
    irq_set(s, VECTOR_SPM_READY, s->spm.control & SPMIE && !busy(s));
}

static void update_intercept(avr_state* s) {
    s->spm.intercepts_lpm = s->spm.rww_busy || s->spm.control & (SIGRD | BLBSET);
}

static void forget_buffer(avr_state* s) {
    memset(s->spm.buffer, 0xFF, sizeof s->spm.buffer);
    s->spm.filled = 0;
}

// The command is carried out, or it is too late for it.
static void lock(avr_state* s) {
    s->spm.unlocked_at = AVR_NEVER;
    s->spm.control &= (uint8_t)~COMMANDS;
    update_intercept(s);
}

// --- operations ---

static void change_page(avr_state* s, unsigned words_written) {
    uint16_t* const page = &s->flash[s->spm.page & (AVR_FLASH_WORDS - SPM_PAGE_WORDS)];
    for (unsigned i = 0; i < SPM_PAGE_WORDS; i++) {
        if (s->spm.control & PGERS) {
            page[i] = ERASED;
        } else if (i < words_written) {
            page[i] &= s->spm.buffer[i]; // programming only clears bits
        }
    }
    s->spm.flash_changed = 1;
    s->run_limit = 0; // the interpreter goes by a decoded copy
}

static void finish(avr_state* s) {
    change_page(s, SPM_PAGE_WORDS);
    if (s->spm.control & PGWRT) {
        forget_buffer(s);
    }
    s->spm.ends_at = IDLE;
    lock(s);
    update_irq(s);
}

void spm_due(avr_state* s) {
    finish(s);
}

static int may_change(const avr_state* s, uint16_t word) {
    const unsigned lock_bit = word < boot_section_start(s) ? 2 : 4; // BLB01, BLB11
    return s->fuses.lock >> lock_bit & 1;
}

static unsigned start_operation(avr_state* s, uint16_t word) {
    const uint64_t duration = (uint64_t)OPERATION_US * s->clock_hz / 1000000;
    if (!may_change(s, word)) {
        lock(s);
        return 0;
    }
    s->spm.page = word & (uint16_t)~PAGE_MASK;
    s->spm.started_at = s->cycle + 1;
    s->spm.unlocked_at = AVR_NEVER;
    s->spm.ends_at = s->spm.started_at + duration;
    if (word >= NRWW_START) {
        finish(s);
        return (unsigned)duration;
    }
    s->spm.rww_busy = 1;
    s->run_limit = 0;
    schedule_at(s, SLOT_SPM, s->spm.ends_at);
    update_intercept(s);
    update_irq(s);
    return 0;
}

static void fill(avr_state* s, uint16_t word) {
    const uint64_t place = (uint64_t)1 << (word & PAGE_MASK);
    if (!(s->spm.filled & place)) { // section "Filling the Temporary Buffer": each word once
        s->spm.buffer[word & PAGE_MASK] = pair(s->data, 0);
        s->spm.filled |= place;
    }
}

unsigned spm_execute(avr_state* s, uint16_t pc) {
    const uint16_t word = pair(s->data, 30) >> 1 & AVR_PC_MASK;
    if (pc < boot_section_start(s) || busy(s) || !within(s, WINDOW_CYCLES)) {
        return 0;
    }
    switch (s->spm.control & COMMANDS) {
    case SELFPRGEN | PGERS:
    case SELFPRGEN | PGWRT:
        return start_operation(s, word);
    case SELFPRGEN:
        fill(s, word);
        break;
    case SELFPRGEN | RWWSRE:
        s->spm.rww_busy = 0;
        s->run_limit = 0;
        forget_buffer(s);
        break;
    case SELFPRGEN | BLBSET:
        s->fuses.lock &= s->data[0] | (uint8_t)~0x3F; // bits 7 and 6 do not exist
        break;
    default: // SPMCSR: no other combination has an effect
        break;
    }
    lock(s);
    return 0;
}

// --- registers ---

uint8_t spm_peek_control(const avr_state* s) {
    const int pending = busy(s) || within(s, WINDOW_CYCLES);
    return (s->spm.control & SPMIE) | (pending ? s->spm.control & COMMANDS : 0) |
           (s->spm.rww_busy ? RWWSB : 0);
}

void spm_write_control(avr_state* s, uint8_t value) {
    if (busy(s) || s->ee.ends_at != AVR_NEVER) { // a write of EEPROM blocks
        s->spm.control = (s->spm.control & (uint8_t)~SPMIE) | (value & SPMIE);
    } else {
        s->spm.control = value & (SPMIE | COMMANDS);
        s->spm.unlocked_at = value & SELFPRGEN ? s->cycle : AVR_NEVER;
    }
    update_intercept(s);
    update_irq(s);
}

void spm_write_mcucr(avr_state* s, uint8_t value) {
    const uint8_t before = s->data[REG_MCUCR];
    const uint64_t since = s->cycle - s->spm.ivce_at;
    const int unlocked = before & IVCE && since <= WINDOW_CYCLES;
    const uint8_t select = unlocked && !(value & IVCE) ? value & IVSEL : before & IVSEL;
    s->data[REG_MCUCR] = (value & (uint8_t)~IVSEL) | select;
    if (value & IVCE) {
        s->spm.ivce_at = s->cycle;
    }
}

// Sections on reading the fuse and lock bits and the signature row from software; places that hold nothing
// read as 0xFF.
static uint8_t signature_row(uint16_t address) {
    static const uint8_t row[5] = {0x1E, CALIBRATION, 0x95, 0xFF, 0x0F};
    return address < sizeof row ? row[address] : 0xFF;
}

uint8_t spm_lpm(avr_state* s, uint16_t address) {
    const uint8_t command = s->spm.control & COMMANDS;
    if (!busy(s) && within(s, LPM_WINDOW_CYCLES)) {
        const uint8_t fuses[4] = {s->fuses.low, s->fuses.lock, s->fuses.extended, s->fuses.high};
        if (command == (SELFPRGEN | SIGRD)) {
            return signature_row(address);
        }
        if (command == (SELFPRGEN | BLBSET) && address < sizeof fuses) {
            return fuses[address];
        }
    }
    return s->spm.rww_busy && address / 2 < NRWW_START ? 0xFF : flash_byte(s, address);
}

void spm_reset(avr_state* s) {
    if (busy(s)) {
        finish(s);
    }
    s->spm.rww_busy = 0;
    s->spm.control = 0;
    s->spm.unlocked_at = AVR_NEVER;
    s->spm.ends_at = IDLE;
    forget_buffer(s);
    schedule_at(s, SLOT_SPM, AVR_NEVER);
    update_intercept(s);
    update_irq(s);
}

void spm_power_lost(avr_state* s) {
    if (busy(s)) {
        const uint64_t whole = s->spm.ends_at - s->spm.started_at;
        const uint64_t done = s->cycle > s->spm.started_at ? s->cycle - s->spm.started_at : 0;
        change_page(s, (unsigned)(done * SPM_PAGE_WORDS / (whole > 0 ? whole : 1)));
        s->spm.ends_at = IDLE;
    }
}
