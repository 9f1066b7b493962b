// The oracle's side of the differential tests: libsimavr and our interpreter, one instruction or one program
// at a time.
//
// Instructions: our cpu.c and decode.c are compiled into this library with an I/O space that is plain memory
// (below, in place of io.c), and libsimavr's I/O callbacks are removed, so that both execute the instruction
// and nothing else. Programs: libsimavr as it is. What differs is counted by opcode and field; the test
// decides what is allowed to.
#include "cpu.h"
#include "decode.h"
#include "io.h"
#include <sim_avr.h>
#include <sim_core.h>
#include <string.h>

enum field {
    RESERVED,
    REGISTERS,
    FLAGS,
    STACK,
    COUNTER,
    COUNTER_WRAP,
    CYCLES,
    MEMORY,
    SLEEP,
    POINTER,
    FIELD_COUNT
};

// How often a field differed for an opcode, and the first case in which it did.
typedef struct {
    uint32_t count;
    uint32_t trial;
    uint16_t word;
    uint16_t second_word;
    uint32_t where; // register number or data address, where that says something
    uint32_t before;
    uint32_t ours;
    uint32_t theirs;
} difference;

static avr_state ours;
static avr_program our_program;
static avr_t* theirs;
static int complained;

uint8_t io_read(avr_state* s, uint16_t address) {
    return s->data[address];
}

unsigned io_write(avr_state* s, uint16_t address, uint8_t value) {
    s->data[address] = value;
    return 0;
}

unsigned io_write_bit(avr_state* s, uint16_t address, uint8_t mask, int set) {
    const uint8_t value = s->data[address];
    s->data[address] = set ? value | mask : value & (uint8_t)~mask;
    return 0;
}

void io_watchdog_restart(avr_state* s) {
    (void)s;
}

unsigned spm_execute(avr_state* s, uint16_t pc) {
    (void)s;
    (void)pc;
    return 0;
}

uint8_t spm_lpm(avr_state* s, uint16_t address) {
    return (uint8_t)(s->flash[address / 2] >> (8 * (address & 1)));
}

static void note_complaint(avr_t* avr, const int level, const char* format, va_list arguments) {
    (void)avr;
    (void)format;
    (void)arguments;
    complained |= level == LOG_ERROR;
}

static avr_t* new_avr(void) {
    avr_global_logger_set(note_complaint);
    avr_t* avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr->frequency = 16000000;
    avr->log = LOG_ERROR;
    return avr;
}

// splitmix64: the same numbers on every machine.
static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(((z ^ (z >> 31)) >> 32) * bound >> 32);
}

// Registers, I/O and SRAM in turn, with room for a displacement of 63 and a step of 1.
static uint16_t random_data_address(void) {
    switch (random_below(4)) {
    case 0:
        return (uint16_t)(1 + random_below(0x1F));
    case 1:
        return (uint16_t)(0x20 + random_below(0xE0));
    default:
        return (uint16_t)(0x100 + random_below(0x7C0));
    }
}

static uint16_t random_second_word(uint8_t op) {
    static const uint16_t two_word_opcodes[4] = {0x9000, 0x9200, 0x940C, 0x940E}; // LDS, STS, JMP, CALL
    if (op == OP_LDS || op == OP_STS) {
        return random_data_address();
    }
    if (op == OP_JMP || op == OP_CALL || random_below(2)) {
        return (uint16_t)random_below(0x4000);
    }
    return two_word_opcodes[random_below(4)];
}

static void set_pointer(unsigned n, uint16_t value) {
    ours.data[n] = (uint8_t)value;
    ours.data[n + 1] = (uint8_t)(value >> 8);
}

// ELPM is reserved here, but libsimavr executes it with r0 in place of the RAMPZ register that this device
// lacks.
static int points_into_flash(uint8_t op) {
    return op == OP_IJMP || op == OP_ICALL || op == OP_LPM_R0 || op == OP_LPM_Z || op == OP_LPM_Z_INC ||
           op == OP_RESERVED;
}

static void randomise(uint16_t word) {
    const uint8_t op = avr_decode_table[word].op;
    for (unsigned i = 0; i < AVR_DATA_BYTES; i++) {
        ours.data[i] = (uint8_t)random_below(256);
    }
    if (random_below(4) == 0) { // equal operands, for CPSE and the zero flag
        memset(ours.data, ours.data[0], 26);
    }
    for (unsigned pointer = 26; pointer < 32; pointer += 2) {
        if (points_into_flash(op)) {
            set_pointer(pointer, (uint16_t)random_below(0x4000));
        } else if (random_below(2) || (word & 0xD000) == 0x8000 || (word & 0xFC00) == 0x9000) {
            set_pointer(pointer, random_data_address());
        }
    }
    if (op == OP_RESERVED) {
        ours.data[0] = 0;
    }
    ours.data[REG_SPMCSR] = 0;
    cpu_set_sp(&ours, (uint16_t)(0x110 + random_below(0x7E0)));
    ours.pc = (uint16_t)random_below(0x3FFC);
    ours.cycle = 1000;
    ours.run_limit = 1001;
    ours.next_due = AVR_NEVER;
    ours.stop = STOP_LIMIT;
    ours.sleep = AWAKE;
    ours.flash[ours.pc] = word;
    ours.flash[ours.pc + 1] = random_second_word(op);
    program_changed(&our_program, ours.flash, ours.pc, 2);
}

static void copy_to_theirs(void) {
    memcpy(theirs->data, ours.data, AVR_DATA_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        const uint16_t word = ours.flash[ours.pc + i];
        theirs->flash[2 * (ours.pc + i)] = (uint8_t)word;
        theirs->flash[2 * (ours.pc + i) + 1] = (uint8_t)(word >> 8);
    }
    for (unsigned i = 0; i < 8; i++) {
        theirs->sreg[i] = ours.data[REG_SREG] >> i & 1;
    }
    theirs->interrupt_state = 0;
    theirs->pc = 2u * ours.pc;
    theirs->cycle = ours.cycle;
    theirs->run_cycle_count = 1;
    theirs->run_cycle_limit = 1;
    theirs->state = cpu_Running;
    complained = 0;
}

static uint8_t their_sreg(void) {
    unsigned sreg = 0;
    for (unsigned i = 0; i < 8; i++) {
        sreg |= (unsigned)theirs->sreg[i] << i;
    }
    return (uint8_t)sreg;
}

typedef struct {
    difference* row; // of this opcode
    difference now;  // what is known of this case
} case_report;

static void compare(case_report* report, enum field field, uint32_t where, uint32_t before, uint32_t a,
                    uint32_t b) {
    if (a == b) {
        return;
    }
    difference* d = &report->row[field];
    if (d->count++ == 0) {
        const uint32_t count = d->count;
        *d = report->now;
        d->count = count;
        d->where = where;
        d->before = before;
        d->ours = a;
        d->theirs = b;
    }
}

// Loads and stores whose address is one of the two registers that hold it, and loads into those registers.
static int involves_own_pointer(const uint8_t* before, avr_decoded i) {
    unsigned pointer = 30;
    int step = 0;
    switch ((enum opcode)i.op) {
    case OP_LD_X_DEC:
    case OP_ST_X_DEC:
        step = -1; // fall through
    case OP_LD_X:
    case OP_LD_X_INC:
    case OP_ST_X:
    case OP_ST_X_INC:
        pointer = 26;
        break;
    case OP_LD_Y_DEC:
    case OP_ST_Y_DEC:
        step = -1; // fall through
    case OP_LD_Y_INC:
    case OP_ST_Y_INC:
        pointer = 28;
        break;
    case OP_LD_Z_DEC:
    case OP_ST_Z_DEC:
        step = -1; // fall through
    case OP_LD_Z_INC:
    case OP_ST_Z_INC:
    case OP_LPM_Z_INC:
        break;
    default:
        return 0;
    }
    const int address = (before[pointer] | before[pointer + 1] << 8) + step;
    const int in_memory = i.op != OP_LPM_Z_INC && (address == (int)pointer || address == (int)pointer + 1);
    return in_memory || i.d == pointer || i.d == pointer + 1;
}

static void compare_memory(case_report* report, const uint8_t* before) {
    if (memcmp(ours.data, theirs->data, AVR_DATA_BYTES) == 0) {
        return;
    }
    const enum field in_registers =
        involves_own_pointer(before, avr_decode_table[report->now.word]) ? POINTER : REGISTERS;
    for (uint32_t i = 0; i < AVR_DATA_BYTES; i++) {
        if (i < REG_SPL || i > REG_SREG) {
            compare(report, i < 32 ? in_registers : MEMORY, i, before[i], ours.data[i], theirs->data[i]);
        }
    }
}

static void try_instruction(uint16_t word, uint32_t trial, uint32_t* trials,
                            difference (*differences)[FIELD_COUNT]) {
    static uint8_t before[AVR_DATA_BYTES];
    const uint8_t op = avr_decode_table[word].op;
    randomise(word);
    copy_to_theirs();
    memcpy(before, ours.data, sizeof before);
    case_report report = {.row = differences[op],
                          .now = {.trial = trial, .word = word, .second_word = ours.flash[ours.pc + 1]}};
    const uint16_t pc_before = ours.pc;
    cpu_execute(&ours, &our_program, 0);
    theirs->pc = avr_run_one(theirs);
    trials[op]++;
    compare(&report, RESERVED, 0, 0, ours.stop == STOP_BAD_OPCODE, (uint32_t)complained);
    if (ours.stop == STOP_BAD_OPCODE) {
        return;
    }
    const uint16_t their_sp = (uint16_t)(theirs->data[REG_SPL] | theirs->data[REG_SPH] << 8);
    compare(&report, FLAGS, REG_SREG, before[REG_SREG], ours.data[REG_SREG], their_sreg());
    compare(&report, STACK, REG_SPL, (uint32_t)(before[REG_SPL] | before[REG_SPH] << 8), cpu_sp(&ours),
            their_sp);
    compare(&report, COUNTER, 0, pc_before, ours.pc, theirs->pc / 2 & AVR_PC_MASK);
    compare(&report, COUNTER_WRAP, 0, pc_before, ours.pc, theirs->pc / 2);
    compare(&report, CYCLES, 0, 0, (uint32_t)(ours.cycle - 1000), (uint32_t)(theirs->cycle - 1000));
    compare(&report, SLEEP, REG_SMCR, before[REG_SMCR], ours.sleep != AWAKE, theirs->state == cpu_Sleeping);
    compare_memory(&report, before);
}

// Execute every opcode word `count` times from random states. The results are indexed by enum opcode, and 0
// before.
void oracle_instructions(uint64_t seed, uint32_t count, uint32_t* trials,
                         difference (*differences)[FIELD_COUNT]) {
    avr_decode_init();
    theirs = new_avr();
    memset(theirs->io, 0, sizeof theirs->io);
    random_state = seed;
    for (unsigned i = 0; i < AVR_FLASH_WORDS; i++) {
        ours.flash[i] = (uint16_t)random_below(65536);
        theirs->flash[2 * i] = (uint8_t)ours.flash[i];
        theirs->flash[2 * i + 1] = (uint8_t)(ours.flash[i] >> 8);
    }
    program_load(&our_program, ours.flash);
    for (uint32_t word = 0; word < 65536; word++) {
        for (uint32_t trial = 0; trial < count; trial++) {
            try_instruction((uint16_t)word, trial, trials, differences);
        }
    }
    avr_terminate(theirs);
}

unsigned oracle_opcode_count(void) {
    return OP_COUNT;
}

unsigned oracle_opcode_of(uint16_t word) {
    return avr_decode_table[word].op;
}

// Run a program on libsimavr until it sleeps with interrupts off or `cycles_max` have passed. Returns the
// cycles run.
uint64_t oracle_program(const uint8_t* flash, uint32_t flash_bytes, uint8_t ram_fill, uint64_t cycles_max,
                        uint8_t* data_out) {
    avr_t* avr = new_avr();
    uint8_t copy[2 * AVR_FLASH_WORDS];
    memcpy(copy, flash, flash_bytes);
    avr_loadcode(avr, copy, flash_bytes, 0);
    memset(avr->data, ram_fill, 32);
    memset(avr->data + AVR_SRAM_START, ram_fill, AVR_DATA_BYTES - AVR_SRAM_START);
    avr->run_cycle_limit = 1 << 20;
    int state = cpu_Running;
    while (state != cpu_Done && state != cpu_Crashed && avr->cycle < cycles_max) {
        state = avr_run(avr);
    }
    const uint64_t cycles = avr->cycle;
    memcpy(data_out, avr->data, AVR_DATA_BYTES);
    avr_terminate(avr);
    return cycles;
}
