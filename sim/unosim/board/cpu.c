#include "cpu.h"
#include "bus.h"
#include "flags.h"
#include "io.h"
#include "steps.h"

#define LONGEST_RUN (UINT64_MAX / 4) // cycles; so that what is left of a run fits into 63 bits

void cpu_push_pc(avr_state* s, uint16_t pc) {
    push_pc(s, pc, s->cycle);
}

// Datasheet section 7.7: the instruction after the one that sets I is executed before any pending interrupt.
// Ending the run is needed only if there is, or by now could be, one.
void cpu_interrupts_enabled(avr_state* s, uint64_t next_instruction_at) {
    if (s->irq_pending || s->next_due <= next_instruction_at) {
        s->irq_delay = 1;
        s->run_limit = 0;
    }
}

static void go_to_sleep(avr_state* s) {
    if (s->data[REG_SMCR] & SE) {
        s->sleep = FALLS_ASLEEP;
        s->sleep_mode = (s->data[REG_SMCR] >> 1) & 7;
        s->run_limit = 0;
    }
}

#define STEP(name) do_##name:
#define DISPATCH()                                                                                           \
    do {                                                                                                     \
        if (left <= 0) {                                                                                     \
            goto out;                                                                                        \
        }                                                                                                    \
        goto* labels[pc->kind];                                                                              \
    } while (0)
#define NEXT(cycles_)                                                                                        \
    do {                                                                                                     \
        left -= (cycles_);                                                                                   \
        pc++;                                                                                                \
        DISPATCH();                                                                                          \
    } while (0)
#define JUMP(words_, cycles_)                                                                                \
    do {                                                                                                     \
        left -= (cycles_);                                                                                   \
        pc += (words_);                                                                                      \
        DISPATCH();                                                                                          \
    } while (0)
#define SKIP_IF(condition_, words_)                                                                          \
    do {                                                                                                     \
        if (condition_) {                                                                                    \
            const int skipped = (words_);                                                                    \
            JUMP(1 + skipped, 1 + skipped);                                                                  \
        }                                                                                                    \
        NEXT(1);                                                                                             \
    } while (0)
#define BRANCH_IF(condition_)                                                                                \
    do {                                                                                                     \
        if (condition_) {                                                                                    \
            JUMP(pc->k, 2);                                                                                  \
        }                                                                                                    \
        NEXT(1);                                                                                             \
    } while (0)
// Instructions that also occur in pairs, and the conditions of their branches.
#define DO_CP SUBTRACT(r[pc->d], r[pc->r])
#define DO_CPI SUBTRACT(r[pc->d], (unsigned)pc->k)
#define DO_CPC SUBTRACT_WITH_CARRY(r[pc->d], r[pc->r])
#define DO_SUBI                                                                                              \
    SUBTRACT(r[pc->d], (unsigned)pc->k);                                                                     \
    r[pc->d] = (uint8_t)result
#define DO_SBCI                                                                                              \
    SUBTRACT_WITH_CARRY(r[pc->d], (unsigned)pc->k);                                                          \
    r[pc->d] = (uint8_t)result
#define DO_DEC                                                                                               \
    LOGIC(r[pc->d] - 1);                                                                                     \
    crossed |= (result == 0x7F) << 7;                                                                        \
    r[pc->d] = result
#define IF_BREQ (nonzero == 0)
#define IF_BRNE (nonzero != 0)
#define IF_BRCS (carry)
#define IF_BRCC (!carry)
#define PAIR(first, branch)                                                                                  \
    STEP(first##_##branch) {                                                                                 \
        DO_##first;                                                                                          \
        left--;                                                                                              \
        pc++;                                                                                                \
        if (left <= 0) {                                                                                     \
            goto out;                                                                                        \
        }                                                                                                    \
        BRANCH_IF(IF_##branch);                                                                              \
    }

#define NOW (limit - (uint64_t)left) // cycle in which the instruction began
#define LIMIT_CHANGED(now_)                                                                                  \
    do {                                                                                                     \
        const uint64_t then = (now_);                                                                        \
        limit = s->run_limit < then + LONGEST_RUN ? s->run_limit : then + LONGEST_RUN;                       \
        left = (int64_t)(limit - then);                                                                      \
    } while (0)

#define LOAD(address_)                                                                                       \
    do {                                                                                                     \
        address = (uint16_t)(address_);                                                                      \
        if (!is_sram(address)) {                                                                             \
            goto load_elsewhere;                                                                             \
        }                                                                                                    \
        r[pc->d] = r[address];                                                                               \
        NEXT(2);                                                                                             \
    } while (0)
#define LOAD_INC(pointer_)                                                                                   \
    do {                                                                                                     \
        address = pair(r, pointer_);                                                                         \
        if (!is_sram(address)) {                                                                             \
            pointer = (pointer_);                                                                            \
            goto load_elsewhere_inc;                                                                         \
        }                                                                                                    \
        set_pair(r, pointer_, address + 1);                                                                  \
        r[pc->d] = r[address];                                                                               \
        NEXT(2);                                                                                             \
    } while (0)
#define LOAD_DEC(pointer_)                                                                                   \
    do {                                                                                                     \
        address = pair(r, pointer_) - 1;                                                                     \
        set_pair(r, pointer_, address);                                                                      \
        LOAD(address);                                                                                       \
    } while (0)
#define STORE(address_, value_)                                                                              \
    do {                                                                                                     \
        value = (value_);                                                                                    \
        address = (uint16_t)(address_);                                                                      \
        if (!is_sram(address)) {                                                                             \
            goto store_elsewhere;                                                                            \
        }                                                                                                    \
        r[address] = value;                                                                                  \
        NEXT(2);                                                                                             \
    } while (0)
#define STORE_INC(pointer_)                                                                                  \
    do {                                                                                                     \
        value = r[pc->d];                                                                                    \
        address = pair(r, pointer_);                                                                         \
        set_pair(r, pointer_, address + 1);                                                                  \
        STORE(address, value);                                                                               \
    } while (0)
#define STORE_DEC(pointer_)                                                                                  \
    do {                                                                                                     \
        value = r[pc->d];                                                                                    \
        address = pair(r, pointer_) - 1;                                                                     \
        set_pair(r, pointer_, address);                                                                      \
        STORE(address, value);                                                                               \
    } while (0)
#define PC_AFTER(words_) ((uint16_t)(pc - program->steps + (words_)) & AVR_PC_MASK)
#define PUSH_PC(words_)                                                                                      \
    do {                                                                                                     \
        const uint16_t sp = cpu_sp(s), after = PC_AFTER(words_);                                             \
        if ((uint16_t)(sp - AVR_SRAM_START - 1) < AVR_DATA_BYTES - AVR_SRAM_START - 1) {                     \
            r[sp] = (uint8_t)after;                                                                          \
            r[sp - 1] = (uint8_t)(after >> 8);                                                               \
            cpu_set_sp(s, sp - 2);                                                                           \
        } else {                                                                                             \
            const uint64_t now = NOW;                                                                        \
            PACK();                                                                                          \
            const unsigned halted = push_pc(s, after, now + 1);                                              \
            UNPACK();                                                                                        \
            LIMIT_CHANGED(now);                                                                              \
            left -= halted;                                                                                  \
        }                                                                                                    \
    } while (0)

void cpu_execute(avr_state* s, avr_program* program) {
    // clang-format off
#define OPCODE_LABEL(name, value, mask, layout) &&do_##name,
#define CASE_LABEL(name) &&do_##name,
#define PAIR_LABEL(first, branch) &&do_##first##_##branch,
    static const void* const labels[STEP_KIND_COUNT] = {
        &&do_RESERVED, AVR_OPCODES(OPCODE_LABEL) AVR_STEP_CASES(CASE_LABEL) AVR_STEP_PAIRS(PAIR_LABEL)
    };
    // clang-format on
    uint8_t* const r = s->data;
    const avr_step* pc = &program->steps[s->pc];
    uint64_t limit;
    int64_t left; // cycles to the limit of the run
    unsigned carry, nonzero, negative, crossed;
    uint16_t address;
    unsigned pointer;
    uint8_t value;
    LIMIT_CHANGED(s->cycle);
    UNPACK();
    DISPATCH();

    // clang-format off
    STEP(NOP) STEP(BREAK) STEP(SPM) NEXT(1); // without a debugger, a boot loader
    STEP(MOVW) r[pc->d] = r[pc->r]; r[pc->d + 1] = r[pc->r + 1]; NEXT(1);
    STEP(MULS) { MULTIPLY((int8_t)r[pc->d] * (int8_t)r[pc->r], 0); NEXT(2); }
    STEP(MULSU) { MULTIPLY((int8_t)r[pc->d] * r[pc->r], 0); NEXT(2); }
    STEP(FMUL) { MULTIPLY(r[pc->d] * r[pc->r], 1); NEXT(2); }
    STEP(FMULS) { MULTIPLY((int8_t)r[pc->d] * (int8_t)r[pc->r], 1); NEXT(2); }
    STEP(FMULSU) { MULTIPLY((int8_t)r[pc->d] * r[pc->r], 1); NEXT(2); }
    STEP(MUL) { MULTIPLY(r[pc->d] * r[pc->r], 0); NEXT(2); }
    STEP(CPC) { DO_CPC; NEXT(1); }
    STEP(SBC) { SUBTRACT_WITH_CARRY(r[pc->d], r[pc->r]); r[pc->d] = (uint8_t)result; NEXT(1); }
    STEP(SBCI) { DO_SBCI; NEXT(1); }
    STEP(CP) { DO_CP; NEXT(1); }
    STEP(CPI) { DO_CPI; NEXT(1); }
    STEP(SUB) { SUBTRACT(r[pc->d], r[pc->r]); r[pc->d] = (uint8_t)result; NEXT(1); }
    STEP(SUBI) { DO_SUBI; NEXT(1); }
    STEP(NEG) { SUBTRACT(0u, r[pc->d]); r[pc->d] = (uint8_t)result; NEXT(1); }
    STEP(ADD) {
        const unsigned a = r[pc->d], b = r[pc->r], result = a + b;
        ARITHMETIC(result, a, b);
        r[pc->d] = (uint8_t)(nonzero = (uint8_t)result);
        NEXT(1);
    }
    STEP(ADC) {
        const unsigned a = r[pc->d], b = r[pc->r], result = a + b + carry;
        ARITHMETIC(result, a, b);
        r[pc->d] = (uint8_t)(nonzero = (uint8_t)result);
        NEXT(1);
    }
    STEP(AND) { LOGIC(r[pc->d] & r[pc->r]); r[pc->d] = result; NEXT(1); }
    STEP(ANDI) { LOGIC(r[pc->d] & pc->k); r[pc->d] = result; NEXT(1); }
    STEP(OR) { LOGIC(r[pc->d] | r[pc->r]); r[pc->d] = result; NEXT(1); }
    STEP(ORI) { LOGIC(r[pc->d] | pc->k); r[pc->d] = result; NEXT(1); }
    STEP(EOR) { LOGIC(r[pc->d] ^ r[pc->r]); r[pc->d] = result; NEXT(1); }
    STEP(EOR_SELF) { LOGIC(0); r[pc->d] = result; NEXT(1); }
    STEP(COM) { LOGIC(~r[pc->d]); r[pc->d] = result; carry = 1; NEXT(1); }
    STEP(MOV) r[pc->d] = r[pc->r]; NEXT(1);
    STEP(LDI) r[pc->d] = (uint8_t)pc->k; NEXT(1);
    STEP(SWAP) r[pc->d] = (uint8_t)(r[pc->d] << 4 | r[pc->d] >> 4); NEXT(1);
    STEP(INC) { LOGIC(r[pc->d] + 1); crossed |= (result == 0x80) << 7; r[pc->d] = result; NEXT(1); }
    STEP(DEC) { DO_DEC; NEXT(1); }
    STEP(ASR) { SHIFT_RIGHT(a & 0x80); NEXT(1); }
    STEP(LSR) { SHIFT_RIGHT(0); NEXT(1); }
    STEP(ROR) { SHIFT_RIGHT(carry << 7); NEXT(1); }
    STEP(ADIW) {
        const unsigned a = pair(r, pc->d), result = (uint16_t)(a + (unsigned)pc->k);
        crossed = (crossed & 0x10) | (~a & result) >> 15 << 7;
        carry = (a & ~result) >> 15 & 1;
        nonzero = result;
        negative = result >> 8;
        set_pair(r, pc->d, (uint16_t)result);
        NEXT(2);
    }
    STEP(SBIW) {
        const unsigned a = pair(r, pc->d), result = (uint16_t)(a - (unsigned)pc->k);
        crossed = (crossed & 0x10) | (a & ~result) >> 15 << 7;
        carry = (~a & result) >> 15 & 1;
        nonzero = result;
        negative = result >> 8;
        set_pair(r, pc->d, (uint16_t)result);
        NEXT(2);
    }
    STEP(BSET) {
        const uint8_t before = PACK();
        r[REG_SREG] = before | pc->r;
        UNPACK();
        if (pc->r & ~before & SREG_I) {
            const uint64_t now = NOW;
            cpu_interrupts_enabled(s, now + 1);
            LIMIT_CHANGED(now);
        }
        NEXT(1);
    }
    STEP(BCLR) PACK(); r[REG_SREG] &= (uint8_t)~pc->r; UNPACK(); NEXT(1);
    STEP(BST) r[REG_SREG] = (uint8_t)((r[REG_SREG] & ~SREG_T) | (r[pc->d] & pc->r ? SREG_T : 0)); NEXT(1);
    STEP(BLD) r[pc->d] = (uint8_t)(r[REG_SREG] & SREG_T ? r[pc->d] | pc->r : r[pc->d] & ~pc->r); NEXT(1);

    AVR_STEP_PAIRS(PAIR)

    STEP(LDS_PLAIN) r[pc->d] = r[(uint16_t)pc->k]; JUMP(2, 2);
    STEP(STS_PLAIN) r[(uint16_t)pc->k] = r[pc->d]; JUMP(2, 2);
    STEP(IN_PLAIN) r[pc->d] = r[(uint16_t)pc->k]; NEXT(1);
    STEP(OUT_PLAIN) r[(uint16_t)pc->k] = r[pc->d]; NEXT(1);
    STEP(LDD_Z) LOAD(pair(r, 30) + pc->k);
    STEP(LDD_Y) LOAD(pair(r, 28) + pc->k);
    STEP(LD_X) LOAD(pair(r, 26));
    STEP(LD_Z_INC) LOAD_INC(30);
    STEP(LD_Y_INC) LOAD_INC(28);
    STEP(LD_X_INC) LOAD_INC(26);
    STEP(LD_Z_DEC) LOAD_DEC(30);
    STEP(LD_Y_DEC) LOAD_DEC(28);
    STEP(LD_X_DEC) LOAD_DEC(26);
    STEP(POP) {
        const uint16_t sp = cpu_sp(s) + 1;
        cpu_set_sp(s, sp);
        LOAD(sp);
    }
    STEP(STD_Z) STORE(pair(r, 30) + pc->k, r[pc->d]);
    STEP(STD_Y) STORE(pair(r, 28) + pc->k, r[pc->d]);
    STEP(ST_X) STORE(pair(r, 26), r[pc->d]);
    STEP(ST_Z_INC) STORE_INC(30);
    STEP(ST_Y_INC) STORE_INC(28);
    STEP(ST_X_INC) STORE_INC(26);
    STEP(ST_Z_DEC) STORE_DEC(30);
    STEP(ST_Y_DEC) STORE_DEC(28);
    STEP(ST_X_DEC) STORE_DEC(26);
    STEP(PUSH) {
        const uint16_t sp = cpu_sp(s);
        cpu_set_sp(s, sp - 1);
        STORE(sp, r[pc->d]);
    }
    STEP(LPM_R0) r[0] = flash_byte(s, pair(r, 30)); NEXT(3);
    STEP(LPM_Z) r[pc->d] = flash_byte(s, pair(r, 30)); NEXT(3);
    STEP(LPM_Z_INC) {
        const uint16_t z = pair(r, 30);
        set_pair(r, 30, z + 1);
        r[pc->d] = flash_byte(s, z);
        NEXT(3);
    }

    STEP(IJMP) pc = &program->steps[pair(r, 30) & AVR_PC_MASK]; JUMP(0, 2);
    STEP(ICALL) {
        PUSH_PC(1);
        pc = &program->steps[pair(r, 30) & AVR_PC_MASK];
        JUMP(0, 3);
    }
    STEP(JMP) JUMP(pc->k, 3);
    STEP(CALL) PUSH_PC(2); JUMP(pc->k, 4);
    STEP(RJMP) JUMP(pc->k, 2);
    STEP(RCALL) PUSH_PC(1); JUMP(pc->k, 3);
    STEP(RET) {
        const uint16_t sp = cpu_sp(s);
        if ((uint16_t)(sp + 1 - AVR_SRAM_START) >= AVR_DATA_BYTES - AVR_SRAM_START - 1) {
            goto return_elsewhere;
        }
        pc = &program->steps[(r[sp + 1] << 8 | r[sp + 2]) & AVR_PC_MASK];
        cpu_set_sp(s, sp + 2);
        JUMP(0, 4);
    }
    STEP(RETI) {
        const uint64_t now = NOW;
        PACK();
        pc = &program->steps[pop_pc(s, now + 1)];
        r[REG_SREG] |= SREG_I;
        cpu_interrupts_enabled(s, now + 4);
        UNPACK();
        LIMIT_CHANGED(now);
        JUMP(0, 4);
    }
    STEP(BREQ) BRANCH_IF(IF_BREQ);
    STEP(BRNE) BRANCH_IF(IF_BRNE);
    STEP(BRCS) BRANCH_IF(IF_BRCS);
    STEP(BRCC) BRANCH_IF(IF_BRCC);
    STEP(BRMI) BRANCH_IF(negative & 0x80);
    STEP(BRPL) BRANCH_IF(!(negative & 0x80));
    STEP(BRLT) BRANCH_IF(SIGN() & 0x80);
    STEP(BRGE) BRANCH_IF(!(SIGN() & 0x80));
    STEP(BRBS) BRANCH_IF(PACK() & pc->r);
    STEP(BRBC) BRANCH_IF(!(PACK() & pc->r));
    STEP(CPSE) SKIP_IF(r[pc->d] == r[pc->r], pc->k);
    STEP(SBRC) SKIP_IF(!(r[pc->d] & pc->r), pc->k);
    STEP(SBRS) SKIP_IF(r[pc->d] & pc->r, pc->k);

    STEP(IN) {
        const uint64_t now = NOW;
        PACK();
        r[pc->d] = load_anywhere(s, (uint16_t)pc->k, now);
        LIMIT_CHANGED(now);
        NEXT(1);
    }
    STEP(OUT) {
        const uint64_t now = NOW;
        PACK();
        const unsigned halted = store_anywhere(s, (uint16_t)pc->k, r[pc->d], now);
        UNPACK();
        LIMIT_CHANGED(now);
        NEXT(1 + halted);
    }
    STEP(SBIC) STEP(SBIS) {
        const uint64_t now = NOW;
        value = load_anywhere(s, (uint16_t)pc->k, now) & pc->r;
        LIMIT_CHANGED(now);
        SKIP_IF(!value == (pc->kind == OP_SBIC), pc->d);
    }
    STEP(SBI) STEP(CBI) {
        const uint64_t now = NOW;
        s->cycle = now + 1;
        const unsigned halted = io_write_bit(s, (uint16_t)pc->k, pc->r, pc->kind == OP_SBI);
        LIMIT_CHANGED(now);
        NEXT(2 + halted);
    }
    STEP(LDS) address = (uint16_t)pc->k; goto load_elsewhere;
    STEP(STS) address = (uint16_t)pc->k; value = r[pc->d]; goto store_elsewhere;
    STEP(SLEEP) {
        const uint64_t now = NOW;
        go_to_sleep(s);
        LIMIT_CHANGED(now);
        NEXT(1);
    }
    STEP(WDR) {
        const uint64_t now = NOW;
        s->cycle = now + 1;
        io_watchdog_restart(s);
        LIMIT_CHANGED(now);
        NEXT(1);
    }
    STEP(WRAP) pc -= AVR_FLASH_WORDS; DISPATCH();
    STEP(RESERVED) s->stop = STOP_BAD_OPCODE; goto out;
    // clang-format on

load_elsewhere_inc:
    {
        const uint64_t now = NOW;
        PACK();
        value = load_anywhere(s, address, now + 1);
        set_pair(r, pointer, address + 1);
        goto loaded;
    load_elsewhere:
        PACK();
        value = load_anywhere(s, address, NOW + 1);
    loaded:
        r[pc->d] = value;
        LIMIT_CHANGED(NOW);
        JUMP(pc->kind == OP_LDS ? 2 : 1, 2);
    }
store_elsewhere:
    {
        const uint64_t now = NOW;
        PACK();
        const unsigned halted = store_anywhere(s, address, value, now + 1);
        UNPACK();
        LIMIT_CHANGED(now);
        JUMP(pc->kind == OP_STS ? 2 : 1, 2 + halted);
    }
return_elsewhere:
    {
        const uint64_t now = NOW;
        PACK();
        pc = &program->steps[pop_pc(s, now + 1)];
        LIMIT_CHANGED(now);
        JUMP(0, 4);
    }
out:
    PACK();
    s->cycle = NOW;
    s->pc = PC_AFTER(0);
}
