#include "program.h"
#include "decode.h"
#include "registers.h"
#include "steps.h"

static avr_decoded decoded_at(const uint16_t* flash, unsigned index) {
    return avr_decode_table[flash[index & AVR_PC_MASK]];
}

// The branches that compilers use; the others test a bit of a whole SREG.
static uint8_t branch_kind(uint8_t op, uint8_t mask) {
    const int if_set = op == OP_BRBS;
    switch (mask) {
    case SREG_C:
        return if_set ? STEP_BRCS : STEP_BRCC;
    case SREG_Z:
        return if_set ? STEP_BREQ : STEP_BRNE;
    case SREG_N:
        return if_set ? STEP_BRMI : STEP_BRPL;
    case SREG_S:
        return if_set ? STEP_BRLT : STEP_BRGE;
    default:
        return op;
    }
}

static int is_plain(unsigned address) {
    return address < 0x20 || address == REG_SPL || address == REG_SPH ||
           (address >= AVR_SRAM_START && address <= AVR_RAMEND);
}

static int16_t distance(unsigned from, unsigned to) {
    return (int16_t)((int)(to & AVR_PC_MASK) - (int)from);
}

static avr_step step_at(const uint16_t* flash, unsigned index) {
    const avr_decoded i = decoded_at(flash, index);
    const uint16_t second_word = flash[(index + 1) & AVR_PC_MASK];
    const uint8_t next_words = 1 + decoded_at(flash, index + 1).two_words;
    avr_step step = {.kind = i.op, .d = i.d, .r = i.r, .k = i.k};
    switch ((enum opcode)i.op) {
    case OP_CPSE:
    case OP_SBRC:
    case OP_SBRS:
        step.k = next_words;
        break;
    case OP_SBIC:
    case OP_SBIS:
        step.d = next_words;
        break;
    case OP_LDS:
        step.k = (int16_t)second_word;
        step.kind = is_plain(second_word) ? STEP_LDS_PLAIN : step.kind;
        break;
    case OP_STS:
        step.k = (int16_t)second_word;
        step.kind = is_plain(second_word) ? STEP_STS_PLAIN : step.kind;
        break;
    case OP_IN:
        step.kind = is_plain((unsigned)i.k) ? STEP_IN_PLAIN : step.kind;
        break;
    case OP_OUT:
        step.kind = is_plain((unsigned)i.k) ? STEP_OUT_PLAIN : step.kind;
        break;
    case OP_JMP:
    case OP_CALL:
        step.k = distance(index, second_word);
        break;
    case OP_RJMP:
    case OP_RCALL:
        step.k = distance(index, index + 1u + (unsigned)(int)i.k);
        break;
    case OP_BRBS:
    case OP_BRBC:
        step.k = distance(index, index + 1u + (unsigned)(int)i.k);
        step.kind = branch_kind(i.op, i.r);
        break;
    case OP_EOR:
        step.kind = i.d == i.r ? STEP_EOR_SELF : step.kind;
        break;
    default:
        break;
    }
    return step;
}

// The kind of a step that does the work of its follower, too, if there is such a kind.
static uint8_t kind_of_pair(uint8_t first, uint8_t second) {
    switch (first << 8 | second) {
#define KIND_OF_PAIR(first, branch)                                                                          \
    case OP_##first << 8 | STEP_##branch:                                                                    \
        return STEP_##first##_##branch;
        AVR_STEP_PAIRS(KIND_OF_PAIR)
#undef KIND_OF_PAIR
    default:
        return first;
    }
}

void program_changed(avr_program* program, const uint16_t* flash, unsigned first, unsigned count) {
    // The step before looks at its follower.
    for (unsigned i = 0; i < count + 1; i++) {
        const unsigned index = (first + i - 1) & AVR_PC_MASK;
        avr_step step = step_at(flash, index);
        if (index < AVR_PC_MASK) { // the follower of the last word is a wrap
            step.kind = kind_of_pair(step.kind, step_at(flash, index + 1).kind);
        }
        program->steps[index] = step;
    }
}

void program_load(avr_program* program, const uint16_t* flash) {
    for (unsigned i = 0; i < PROGRAM_WRAP_STEPS; i++) {
        program->steps[AVR_FLASH_WORDS + i] = (avr_step){.kind = STEP_WRAP};
    }
    program_changed(program, flash, 0, AVR_FLASH_WORDS);
}
