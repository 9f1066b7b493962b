#include "decode.h"

enum layout { NONE, D_R, DH_K, DH_RH, DM_RM, DP_RP, D, DW_K, D_Q, D_A, A_B, D_B, S, S_REL, REL, LONG };

typedef struct {
    uint16_t value;
    uint16_t mask;
    uint8_t op;
    uint8_t layout;
} pattern;

#define OPCODE_PATTERN(name, value, mask, layout) {value, mask, OP_##name, layout},
static const pattern patterns[] = {AVR_OPCODES(OPCODE_PATTERN)};
#undef OPCODE_PATTERN

#define OPCODE_NAME(name, value, mask, layout) #name,
static const char* const names[] = {"RESERVED", AVR_OPCODES(OPCODE_NAME)};
#undef OPCODE_NAME

avr_decoded avr_decode_table[65536];

static int16_t sign_extend(unsigned value, unsigned bits) {
    const unsigned sign = 1u << (bits - 1);
    return (int16_t)((int)(value ^ sign) - (int)sign);
}

static avr_decoded decode(uint16_t w, const pattern* p) {
    const uint8_t d5 = (w >> 4) & 31;
    const uint8_t d4 = 16 + ((w >> 4) & 15);
    avr_decoded out = {.op = p->op, .d = d5};
    switch ((enum layout)p->layout) {
    case D_R:
        out.r = (w & 15) | ((w >> 5) & 16);
        break;
    case DH_K:
        out.d = d4;
        out.k = (w & 0x0F) | ((w >> 4) & 0xF0);
        break;
    case DH_RH:
        out.d = d4;
        out.r = 16 + (w & 15);
        break;
    case DM_RM:
        out.d = 16 + ((w >> 4) & 7);
        out.r = 16 + (w & 7);
        break;
    case DP_RP:
        out.d = ((w >> 4) & 15) * 2;
        out.r = (w & 15) * 2;
        break;
    case DW_K:
        out.d = 24 + ((w >> 4) & 3) * 2;
        out.k = (w & 0x0F) | ((w >> 2) & 0x30);
        break;
    case D_Q:
        out.k = (w & 7) | ((w >> 7) & 0x18) | ((w >> 8) & 0x20);
        break;
    case D_A:
        out.k = 0x20 + ((w & 0x0F) | ((w >> 5) & 0x30));
        break;
    case A_B:
        out.k = 0x20 + ((w >> 3) & 31);
        out.r = 1 << (w & 7);
        break;
    case D_B:
        out.r = 1 << (w & 7);
        break;
    case S:
        out.r = 1 << ((w >> 4) & 7);
        break;
    case S_REL:
        out.r = 1 << (w & 7);
        out.k = sign_extend((w >> 3) & 0x7F, 7);
        break;
    case REL:
        out.k = sign_extend(w & 0xFFF, 12);
        break;
    case NONE:
    case D:
    case LONG:
        break;
    }
    out.two_words = p->op == OP_LDS || p->op == OP_STS || p->op == OP_JMP || p->op == OP_CALL;
    return out;
}

void avr_decode_init(void) {
    for (unsigned i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const pattern* p = &patterns[i];
        const uint16_t operand_bits = (uint16_t)~p->mask;
        uint16_t operands = operand_bits; // walks through every subset of the operand bits, down to none
        for (;;) {
            const uint16_t w = p->value | operands;
            avr_decode_table[w] = decode(w, p);
            if (operands == 0) {
                break;
            }
            operands = (operands - 1) & operand_bits;
        }
    }
}

const char* avr_opcode_name(uint16_t word) {
    return names[avr_decode_table[word].op];
}
