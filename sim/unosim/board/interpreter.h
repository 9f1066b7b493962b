// The instruction interpreter, a text that cpu.c includes twice: EXECUTE is the name of the function,
// OBSERVED whether it tells an observer.
#include "interpreter_macros.h"

static void EXECUTE(avr_state* s, avr_program* program, avr_observer* observer) {
    (void)observer;
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
    STEP(NOP) STEP(BREAK) NEXT(1); // without a debugger
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
    STEP(STS_PLAIN) r[(uint16_t)pc->k] = r[pc->d]; NOTE_STORE((uint16_t)pc->k); JUMP(2, 2);
    STEP(IN_PLAIN) r[pc->d] = r[(uint16_t)pc->k]; NEXT(1);
    STEP(OUT_PLAIN)
        r[(uint16_t)pc->k] = r[pc->d];
        if (pc->k == REG_SPL) { // avr-gcc writes SPH first
            NOTE_STACK();
        }
        NEXT(1);
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
        NOTE_STACK();
        STORE(sp, r[pc->d]);
    }
    STEP(LPM_R0) r[0] = FLASH_BYTE(pair(r, 30)); NEXT(3);
    STEP(LPM_Z) r[pc->d] = FLASH_BYTE(pair(r, 30)); NEXT(3);
    STEP(LPM_Z_INC) {
        const uint16_t z = pair(r, 30);
        set_pair(r, 30, z + 1);
        r[pc->d] = FLASH_BYTE(z);
        NEXT(3);
    }

    STEP(IJMP) GO_TO(pair(r, 30), 2);
    STEP(ICALL) {
        PUSH_PC(1);
        GO_TO(pair(r, 30), 3);
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
        cpu_set_sp(s, sp + 2);
        GO_TO(r[sp + 1] << 8 | r[sp + 2], 4);
    }
    STEP(RETI) {
        const uint64_t now = NOW;
        PACK();
        const uint16_t target = pop_pc(s, now + 1);
        r[REG_SREG] |= SREG_I;
        cpu_interrupts_enabled(s, now + 4);
        UNPACK();
        LIMIT_CHANGED(now);
        GO_TO(target, 4);
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
        NOTE_STORE((uint16_t)pc->k);
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
        NOTE_STORE((uint16_t)pc->k);
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
    STEP(SPM) {
        const uint64_t now = NOW;
        s->cycle = now;
        const unsigned halted = spm_execute(s, PC_AFTER(0));
        LIMIT_CHANGED(now);
        NEXT(1 + halted);
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
        NOTE_STORE(address);
        JUMP(pc->kind == OP_STS ? 2 : 1, 2 + halted);
    }
return_elsewhere:
    {
        const uint64_t now = NOW;
        PACK();
        const uint16_t target = pop_pc(s, now + 1);
        LIMIT_CHANGED(now);
        GO_TO(target, 4);
    }
out:
    PACK();
    s->cycle = NOW;
    s->pc = PC_AFTER(0);
}
