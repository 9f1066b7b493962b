#include "cpu.h"
#include "alu.h"
#include "decode.h"
#include "io.h"

// What an instruction changes most; kept out of avr_state while instructions run, because every store of a
// byte into the data space could, as far as the compiler knows, change it.
typedef struct {
    uint64_t cycle; // already past the instruction's first cycle while its body runs
    uint16_t pc;
    uint8_t sreg;
} cpu_registers;

static inline uint16_t pair(const uint8_t* r, unsigned n) {
    return (uint16_t)(r[n] | r[n + 1] << 8);
}

static inline void set_pair(uint8_t* r, unsigned n, uint16_t value) {
    r[n] = (uint8_t)value;
    r[n + 1] = (uint8_t)(value >> 8);
}

static inline int is_plain_memory(uint16_t address) {
    return (uint16_t)(address - AVR_SRAM_START) < AVR_DATA_BYTES - AVR_SRAM_START || address < 0x20;
}

// I/O registers, and addresses above RAMEND where nothing answers.
__attribute__((noinline)) static uint8_t load_io(avr_state* s, uint16_t address, const cpu_registers* c,
                                                 uint64_t at) {
    if (address > AVR_RAMEND) {
        return 0;
    }
    s->data[REG_SREG] = c->sreg;
    s->cycle = at;
    return io_read(s, address);
}

__attribute__((noinline)) static void store_io(avr_state* s, uint16_t address, uint8_t value,
                                               cpu_registers* c, uint64_t at) {
    if (address > AVR_RAMEND) {
        return;
    }
    s->data[REG_SREG] = c->sreg;
    s->cycle = at;
    c->cycle += io_write(s, address, value);
    c->sreg = s->data[REG_SREG];
}

// Loads and stores through the data bus take two cycles; the access is in the second.
static inline uint8_t load(avr_state* s, uint16_t address, cpu_registers* c) {
    const uint64_t at = c->cycle++;
    return is_plain_memory(address) ? s->data[address] : load_io(s, address, c, at);
}

static inline void store(avr_state* s, uint16_t address, uint8_t value, cpu_registers* c) {
    const uint64_t at = c->cycle++;
    if (is_plain_memory(address)) {
        s->data[address] = value;
    } else {
        store_io(s, address, value, c, at);
    }
}

static inline uint8_t load_inc(avr_state* s, unsigned pointer, cpu_registers* c) {
    const uint16_t address = pair(s->data, pointer);
    const uint8_t value = load(s, address, c);
    set_pair(s->data, pointer, address + 1);
    return value;
}

static inline uint8_t load_dec(avr_state* s, unsigned pointer, cpu_registers* c) {
    const uint16_t address = pair(s->data, pointer) - 1;
    set_pair(s->data, pointer, address);
    return load(s, address, c);
}

static inline void store_inc(avr_state* s, unsigned pointer, uint8_t value, cpu_registers* c) {
    const uint16_t address = pair(s->data, pointer);
    set_pair(s->data, pointer, address + 1);
    store(s, address, value, c);
}

static inline void store_dec(avr_state* s, unsigned pointer, uint8_t value, cpu_registers* c) {
    const uint16_t address = pair(s->data, pointer) - 1;
    set_pair(s->data, pointer, address);
    store(s, address, value, c);
}

static inline void push(avr_state* s, uint8_t value, cpu_registers* c) {
    const uint16_t sp = cpu_sp(s);
    cpu_set_sp(s, sp - 1);
    store(s, sp, value, c);
}

static inline uint8_t pop(avr_state* s, cpu_registers* c) {
    const uint16_t sp = cpu_sp(s) + 1;
    cpu_set_sp(s, sp);
    return load(s, sp, c);
}

static void push_pc(avr_state* s, uint16_t pc, cpu_registers* c) {
    push(s, (uint8_t)pc, c);
    push(s, (uint8_t)(pc >> 8), c);
}

static void pop_pc(avr_state* s, cpu_registers* c) {
    const uint8_t high = pop(s, c);
    c->pc = ((uint16_t)(high << 8) | pop(s, c)) & AVR_PC_MASK;
    c->cycle++;
}

static inline uint16_t fetch_second_word(const avr_state* s, cpu_registers* c) {
    const uint16_t word = s->flash[c->pc];
    c->pc = (c->pc + 1) & AVR_PC_MASK;
    return word;
}

static inline void jump(cpu_registers* c, int words) {
    c->pc = (uint16_t)(c->pc + words) & AVR_PC_MASK;
}

static inline void skip_if(const avr_state* s, cpu_registers* c, int condition) {
    if (condition) {
        const unsigned words = 1u + avr_decode_table[s->flash[c->pc]].two_words;
        jump(c, (int)words);
        c->cycle += words;
    }
}

static inline uint8_t flash_byte(const avr_state* s, uint16_t address) {
    return (uint8_t)(s->flash[(address >> 1) & AVR_PC_MASK] >> (8 * (address & 1)));
}

// Datasheet section 7.7: the instruction after the one that sets I is executed before any pending interrupt.
// Ending the loop is needed only if there is, or by now could be, one.
static inline void interrupts_enabled(avr_state* s, const cpu_registers* c) {
    if (s->irq_pending || s->next_due <= c->cycle) {
        s->irq_delay = 1;
        s->run_limit = 0;
    }
}

static inline void set_flag(avr_state* s, cpu_registers* c, uint8_t mask) {
    const uint8_t rising = mask & ~c->sreg;
    c->sreg |= mask;
    if (rising & SREG_I) {
        interrupts_enabled(s, c);
    }
}

static void go_to_sleep(avr_state* s) {
    if (s->data[REG_SMCR] & SE) {
        s->sleep = FALLS_ASLEEP;
        s->sleep_mode = (s->data[REG_SMCR] >> 1) & 7;
        s->run_limit = 0;
    }
}

static void bad_opcode(avr_state* s, cpu_registers* c) {
    c->pc = (c->pc - 1) & AVR_PC_MASK;
    c->cycle--;
    s->stop = STOP_BAD_OPCODE;
    s->run_limit = 0;
}

static void store_product(uint8_t* r, uint8_t* sreg, int product, unsigned shift) {
    set_pair(r, 0, alu_multiply_flags(sreg, (uint16_t)product, shift));
}

// One case per instruction, in the order of opcodes.h; a case adds the cycles beyond the first.
static inline void execute(avr_state* s, cpu_registers* c, avr_decoded i) {
    uint8_t* const r = s->data;
    uint8_t* const sreg = &c->sreg;
    switch ((enum opcode)i.op) {
        // clang-format off
    case OP_NOP: case OP_BREAK: case OP_WDR: case OP_SPM: break; // without a debugger, a watchdog, a boot loader
    case OP_MOVW: r[i.d] = r[i.r]; r[i.d + 1] = r[i.r + 1]; break;
    case OP_MULS: store_product(r, sreg, (int8_t)r[i.d] * (int8_t)r[i.r], 0); c->cycle++; break;
    case OP_MULSU: store_product(r, sreg, (int8_t)r[i.d] * r[i.r], 0); c->cycle++; break;
    case OP_FMUL: store_product(r, sreg, r[i.d] * r[i.r], 1); c->cycle++; break;
    case OP_FMULS: store_product(r, sreg, (int8_t)r[i.d] * (int8_t)r[i.r], 1); c->cycle++; break;
    case OP_FMULSU: store_product(r, sreg, (int8_t)r[i.d] * r[i.r], 1); c->cycle++; break;
    case OP_MUL: store_product(r, sreg, r[i.d] * r[i.r], 0); c->cycle++; break;
    case OP_CPC: alu_subtract_with_carry(sreg, r[i.d], r[i.r]); break;
    case OP_SBC: r[i.d] = alu_subtract_with_carry(sreg, r[i.d], r[i.r]); break;
    case OP_ADD: r[i.d] = alu_add(sreg, r[i.d], r[i.r], 0); break;
    case OP_CPSE: skip_if(s, c, r[i.d] == r[i.r]); break;
    case OP_CP: alu_subtract(sreg, r[i.d], r[i.r], 0); break;
    case OP_SUB: r[i.d] = alu_subtract(sreg, r[i.d], r[i.r], 0); break;
    case OP_ADC: r[i.d] = alu_add(sreg, r[i.d], r[i.r], *sreg & SREG_C); break;
    case OP_AND: r[i.d] = alu_logic(sreg, r[i.d] & r[i.r]); break;
    case OP_EOR: r[i.d] = alu_logic(sreg, r[i.d] ^ r[i.r]); break;
    case OP_OR: r[i.d] = alu_logic(sreg, r[i.d] | r[i.r]); break;
    case OP_MOV: r[i.d] = r[i.r]; break;
    case OP_CPI: alu_subtract(sreg, r[i.d], (uint8_t)i.k, 0); break;
    case OP_SBCI: r[i.d] = alu_subtract_with_carry(sreg, r[i.d], (uint8_t)i.k); break;
    case OP_SUBI: r[i.d] = alu_subtract(sreg, r[i.d], (uint8_t)i.k, 0); break;
    case OP_ORI: r[i.d] = alu_logic(sreg, r[i.d] | (uint8_t)i.k); break;
    case OP_ANDI: r[i.d] = alu_logic(sreg, r[i.d] & (uint8_t)i.k); break;
    case OP_LDI: r[i.d] = (uint8_t)i.k; break;
    case OP_LDD_Z: r[i.d] = load(s, pair(r, 30) + i.k, c); break;
    case OP_LDD_Y: r[i.d] = load(s, pair(r, 28) + i.k, c); break;
    case OP_STD_Z: store(s, pair(r, 30) + i.k, r[i.d], c); break;
    case OP_STD_Y: store(s, pair(r, 28) + i.k, r[i.d], c); break;
    case OP_LDS: r[i.d] = load(s, fetch_second_word(s, c), c); break;
    case OP_STS: store(s, fetch_second_word(s, c), r[i.d], c); break;
    case OP_LD_Z_INC: r[i.d] = load_inc(s, 30, c); break;
    case OP_LD_Z_DEC: r[i.d] = load_dec(s, 30, c); break;
    case OP_LD_Y_INC: r[i.d] = load_inc(s, 28, c); break;
    case OP_LD_Y_DEC: r[i.d] = load_dec(s, 28, c); break;
    case OP_LD_X: r[i.d] = load(s, pair(r, 26), c); break;
    case OP_LD_X_INC: r[i.d] = load_inc(s, 26, c); break;
    case OP_LD_X_DEC: r[i.d] = load_dec(s, 26, c); break;
    case OP_ST_Z_INC: store_inc(s, 30, r[i.d], c); break;
    case OP_ST_Z_DEC: store_dec(s, 30, r[i.d], c); break;
    case OP_ST_Y_INC: store_inc(s, 28, r[i.d], c); break;
    case OP_ST_Y_DEC: store_dec(s, 28, r[i.d], c); break;
    case OP_ST_X: store(s, pair(r, 26), r[i.d], c); break;
    case OP_ST_X_INC: store_inc(s, 26, r[i.d], c); break;
    case OP_ST_X_DEC: store_dec(s, 26, r[i.d], c); break;
    case OP_PUSH: push(s, r[i.d], c); break;
    case OP_POP: r[i.d] = pop(s, c); break;
    case OP_LPM_R0: r[0] = flash_byte(s, pair(r, 30)); c->cycle += 2; break;
    case OP_LPM_Z: r[i.d] = flash_byte(s, pair(r, 30)); c->cycle += 2; break;
    case OP_LPM_Z_INC: {
        const uint16_t z = pair(r, 30);
        set_pair(r, 30, z + 1);
        r[i.d] = flash_byte(s, z);
        c->cycle += 2;
        break;
    }
    case OP_COM: r[i.d] = alu_logic(sreg, (uint8_t)~r[i.d]); *sreg |= SREG_C; break;
    case OP_NEG: r[i.d] = alu_subtract(sreg, 0, r[i.d], 0); break;
    case OP_SWAP: r[i.d] = (uint8_t)(r[i.d] << 4 | r[i.d] >> 4); break;
    case OP_INC: r[i.d] = alu_step(sreg, (uint8_t)(r[i.d] + 1), 0x80); break;
    case OP_DEC: r[i.d] = alu_step(sreg, (uint8_t)(r[i.d] - 1), 0x7F); break;
    case OP_ASR: r[i.d] = alu_shift_right(sreg, r[i.d], r[i.d] & 0x80); break;
    case OP_LSR: r[i.d] = alu_shift_right(sreg, r[i.d], 0); break;
    case OP_ROR: r[i.d] = alu_shift_right(sreg, r[i.d], (uint8_t)(*sreg << 7)); break;
    case OP_BSET: set_flag(s, c, i.r); break;
    case OP_BCLR: *sreg &= (uint8_t)~i.r; break;
    case OP_ADIW: set_pair(r, i.d, alu_add_word(sreg, pair(r, i.d), (unsigned)i.k)); c->cycle++; break;
    case OP_SBIW: set_pair(r, i.d, alu_subtract_word(sreg, pair(r, i.d), (unsigned)i.k)); c->cycle++; break;
    case OP_IJMP: c->pc = pair(r, 30) & AVR_PC_MASK; c->cycle++; break;
    case OP_ICALL: push_pc(s, c->pc, c); c->pc = pair(r, 30) & AVR_PC_MASK; break;
    case OP_JMP: c->pc = fetch_second_word(s, c) & AVR_PC_MASK; c->cycle += 2; break;
    case OP_CALL: {
        const uint16_t target = fetch_second_word(s, c) & AVR_PC_MASK;
        push_pc(s, c->pc, c);
        c->pc = target;
        c->cycle++;
        break;
    }
    case OP_RJMP: jump(c, i.k); c->cycle++; break;
    case OP_RCALL: push_pc(s, c->pc, c); jump(c, i.k); break;
    case OP_RET: pop_pc(s, c); break;
    case OP_RETI: pop_pc(s, c); *sreg |= SREG_I; interrupts_enabled(s, c); break;
    case OP_BRBS: if (*sreg & i.r) { jump(c, i.k); c->cycle++; } break;
    case OP_BRBC: if (!(*sreg & i.r)) { jump(c, i.k); c->cycle++; } break;
    case OP_SBRC: skip_if(s, c, !(r[i.d] & i.r)); break;
    case OP_SBRS: skip_if(s, c, r[i.d] & i.r); break;
    case OP_BST: *sreg = (uint8_t)((*sreg & ~SREG_T) | (r[i.d] & i.r ? SREG_T : 0)); break;
    case OP_BLD: r[i.d] = (uint8_t)(*sreg & SREG_T ? r[i.d] | i.r : r[i.d] & ~i.r); break;
    case OP_IN: r[i.d] = load_io(s, (uint16_t)i.k, c, c->cycle - 1); break;
    case OP_OUT: store_io(s, (uint16_t)i.k, r[i.d], c, c->cycle - 1); break;
    case OP_SBIC: skip_if(s, c, !(load_io(s, (uint16_t)i.k, c, c->cycle - 1) & i.r)); break;
    case OP_SBIS: skip_if(s, c, load_io(s, (uint16_t)i.k, c, c->cycle - 1) & i.r); break;
    case OP_SBI: case OP_CBI:
        s->cycle = c->cycle++;
        c->cycle += io_write_bit(s, (uint16_t)i.k, i.r, i.op == OP_SBI);
        break;
    case OP_SLEEP: go_to_sleep(s); break;
    case OP_RESERVED: case OP_COUNT: bad_opcode(s, c); break;
        // clang-format on
    }
}

void cpu_execute(avr_state* s) {
    cpu_registers c = {.cycle = s->cycle, .pc = s->pc, .sreg = s->data[REG_SREG]};
    while (c.cycle < s->run_limit) {
        const avr_decoded instruction = avr_decode_table[s->flash[c.pc]];
        c.pc = (c.pc + 1) & AVR_PC_MASK;
        c.cycle++;
        execute(s, &c, instruction);
    }
    s->cycle = c.cycle;
    s->pc = c.pc;
    s->data[REG_SREG] = c.sreg;
}

void cpu_push_pc(avr_state* s, uint16_t pc) {
    cpu_registers c = {.cycle = s->cycle, .pc = s->pc, .sreg = s->data[REG_SREG]};
    push_pc(s, pc, &c);
}
