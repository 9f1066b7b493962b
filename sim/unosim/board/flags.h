// Results and flags of the arithmetic instructions (instruction set manual DS40002198, "Status Register").
//
// Macros, because they work on the interpreter's locals: s, r (the data space), pc (the step) and four that
// hold the flags between instructions as what they are made from, because most are overwritten unread:
//   carry      0 or 1
//   nonzero    Z is set if this is 0
//   negative   bit 7 is N
//   crossed    the exclusive or of both operands and the unmasked result: bit n + 1 is the carry into it. Bit
//   4
//              is H; V is set if bits 7 and 8 differ.
// I and T stay in SREG.
#ifndef UNOSIM_FLAGS_H
#define UNOSIM_FLAGS_H

#include "registers.h"
#include <stdint.h>

static inline uint8_t pack_flags(uint8_t sreg, unsigned carry, unsigned nonzero, unsigned negative,
                                 unsigned crossed) {
    const unsigned v = (crossed >> 7 ^ crossed >> 8) & 1;
    const unsigned n = negative >> 7 & 1;
    const unsigned s = n ^ v ^ ((crossed >> 9 ^ crossed >> 10) & 1);
    return (uint8_t)((sreg & (SREG_I | SREG_T)) | carry | (nonzero ? 0 : SREG_Z) | n << 2 | v << 3 | s << 4 |
                     (crossed >> 4 & 1) << 5);
}

#define PACK() (s->data[REG_SREG] = pack_flags(s->data[REG_SREG], carry, nonzero, negative, crossed))
#define UNPACK()                                                                                             \
    do {                                                                                                     \
        const unsigned packed = s->data[REG_SREG];                                                           \
        const unsigned odd_sign = (packed >> 4 ^ packed >> 3 ^ packed >> 2) & 1;                             \
        carry = packed & SREG_C;                                                                             \
        nonzero = ~packed & SREG_Z;                                                                          \
        negative = packed << 5;                                                                              \
        crossed = (packed & SREG_H) >> 1 | (packed & SREG_V) << 4 | odd_sign << 10;                          \
    } while (0)
// Bit 7 is S.
#define SIGN() (negative ^ crossed ^ crossed >> 1 ^ crossed >> 2 ^ crossed >> 3)

#define ARITHMETIC(result_, a_, b_)                                                                          \
    crossed = (a_) ^ (b_) ^ (result_), carry = (result_) >> 8 & 1, negative = (result_)
#define SUBTRACT(a_, b_)                                                                                     \
    const unsigned a = (a_), b = (b_), result = a - b;                                                       \
    ARITHMETIC(result, a, b);                                                                                \
    nonzero = (uint8_t)result
#define SUBTRACT_WITH_CARRY(a_, b_)                                                                          \
    const unsigned a = (a_), b = (b_), result = a - b - carry;                                               \
    ARITHMETIC(result, a, b);                                                                                \
    nonzero |= (uint8_t)result
#define LOGIC(result_)                                                                                       \
    const uint8_t result = (uint8_t)(result_);                                                               \
    nonzero = negative = result;                                                                             \
    crossed &= 0x10
#define SHIFT_RIGHT(top_bit_)                                                                                \
    const unsigned a = r[pc->d], result = a >> 1 | (top_bit_);                                               \
    carry = a & 1;                                                                                           \
    nonzero = negative = result;                                                                             \
    crossed = (crossed & 0x10) | ((result >> 7 ^ carry) & 1) << 7;                                           \
    r[pc->d] = (uint8_t)result
#define MULTIPLY(product_, shift_)                                                                           \
    const unsigned product = (uint16_t)(product_);                                                           \
    carry = product >> 15;                                                                                   \
    nonzero = (uint16_t)(product << (shift_));                                                               \
    set_pair(r, 0, (uint16_t)nonzero)

#endif
