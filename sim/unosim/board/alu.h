// Results and flags of the arithmetic instructions (instruction set manual DS40002198, "Status Register").
//
// Each function takes the old SREG where the instruction keeps bits of it, and returns the new one.
#ifndef UNOSIM_ALU_H
#define UNOSIM_ALU_H

#include "registers.h"
#include <stdint.h>

// N from bit 7 of a result, S = N xor V, for a V that is already at its place in SREG.
static inline uint8_t alu_sign_flags(uint8_t result, uint8_t v) {
    const uint8_t n = (result >> 5) & SREG_N;
    return n | v | (((n << 1) ^ v) << 1);
}

static inline uint8_t alu_zero_flag(unsigned result) {
    return result == 0 ? SREG_Z : 0;
}

static inline uint8_t alu_add(uint8_t* sreg, uint8_t a, uint8_t b, unsigned carry) {
    const uint8_t result = (uint8_t)(a + b + carry);
    const uint8_t carries = (a & b) | ((a | b) & ~result); // bit n: carry out of bit n
    const uint8_t v = ((a ^ result) & (b ^ result) & 0x80) >> 4;
    *sreg = (*sreg & (SREG_I | SREG_T)) | ((carries << 2) & SREG_H) | (carries >> 7) | alu_zero_flag(result) |
            alu_sign_flags(result, v);
    return result;
}

// The borrow is 0 or 1. Flags of SUB, SUBI, CP, CPI and NEG.
static inline uint8_t alu_subtract(uint8_t* sreg, uint8_t a, uint8_t b, unsigned borrow) {
    const uint8_t result = (uint8_t)(a - b - borrow);
    const uint8_t borrows = (~a & b) | ((~a | b) & result); // bit n: borrow into bit n + 1
    const uint8_t v = ((a ^ b) & (a ^ result) & 0x80) >> 4;
    *sreg = (*sreg & (SREG_I | SREG_T)) | ((borrows << 2) & SREG_H) | (borrows >> 7) | alu_zero_flag(result) |
            alu_sign_flags(result, v);
    return result;
}

// SBC, SBCI, CPC: Z stays set only if it was set, so that multi-byte comparisons work.
static inline uint8_t alu_subtract_with_carry(uint8_t* sreg, uint8_t a, uint8_t b) {
    const uint8_t before = *sreg;
    const uint8_t result = alu_subtract(sreg, a, b, before & SREG_C);
    *sreg &= (uint8_t)~SREG_Z | (before & SREG_Z);
    return result;
}

// AND, OR, EOR: V cleared, C and H kept.
static inline uint8_t alu_logic(uint8_t* sreg, uint8_t result) {
    *sreg = (*sreg & (SREG_I | SREG_T | SREG_H | SREG_C)) | alu_zero_flag(result) | alu_sign_flags(result, 0);
    return result;
}

// INC and DEC: V for the one value that overflows, C and H kept.
static inline uint8_t alu_step(uint8_t* sreg, uint8_t result, uint8_t overflowed) {
    *sreg = (*sreg & (SREG_I | SREG_T | SREG_H | SREG_C)) | alu_zero_flag(result) |
            alu_sign_flags(result, result == overflowed ? SREG_V : 0);
    return result;
}

// ASR, LSR, ROR: C is the bit shifted out, V = N xor C, H kept.
static inline uint8_t alu_shift_right(uint8_t* sreg, uint8_t a, uint8_t top_bit) {
    const uint8_t result = (a >> 1) | top_bit;
    const uint8_t c = a & 1;
    const uint8_t v = (((result >> 7) ^ c) & 1) << 3;
    *sreg = (*sreg & (SREG_I | SREG_T | SREG_H)) | c | alu_zero_flag(result) | alu_sign_flags(result, v);
    return result;
}

// ADIW and SBIW: flags from 16 bits, H kept. The direction decides on which side V and C arise.
static inline uint16_t alu_add_word(uint8_t* sreg, uint16_t a, unsigned k) {
    const uint16_t result = (uint16_t)(a + k);
    const uint8_t v = ((~a & result) >> 12) & SREG_V;
    *sreg = (*sreg & (SREG_I | SREG_T | SREG_H)) | ((a & ~result) >> 15 & SREG_C) | alu_zero_flag(result) |
            alu_sign_flags(result >> 8, v);
    return result;
}

static inline uint16_t alu_subtract_word(uint8_t* sreg, uint16_t a, unsigned k) {
    const uint16_t result = (uint16_t)(a - k);
    const uint8_t v = ((a & ~result) >> 12) & SREG_V;
    *sreg = (*sreg & (SREG_I | SREG_T | SREG_H)) | ((~a & result) >> 15 & SREG_C) | alu_zero_flag(result) |
            alu_sign_flags(result >> 8, v);
    return result;
}

// MUL family: C is bit 15 of the product before the shift of the fractional forms, Z of the stored result.
static inline uint16_t alu_multiply_flags(uint8_t* sreg, uint16_t product, unsigned shift) {
    const uint16_t result = (uint16_t)(product << shift);
    *sreg = (*sreg & ~(SREG_C | SREG_Z)) | (product >> 15) | alu_zero_flag(result);
    return result;
}

#endif
