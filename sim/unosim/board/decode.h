// Decoding of instruction words: one table over all 65,536 words, filled once from opcodes.h.
#ifndef UNOSIM_DECODE_H
#define UNOSIM_DECODE_H

#include "opcodes.h"
#include <stdint.h>

#define OPCODE_ENUM(name, value, mask, layout) OP_##name,
enum opcode { OP_RESERVED, AVR_OPCODES(OPCODE_ENUM) OP_COUNT };
#undef OPCODE_ENUM

// One decoded word. The meaning of d, r and k by operand layout is in opcodes.h.
typedef struct {
    uint8_t op; // enum opcode
    uint8_t d;
    uint8_t r;
    uint8_t two_words; // 1 when a second word belongs to the instruction (LDS, STS, JMP, CALL)
    int16_t k;
} avr_decoded;

extern avr_decoded avr_decode_table[65536];

// Fill the table. Must run before anything is executed; running it again changes nothing.
void avr_decode_init(void);

// Name of an opcode in the manual's words with its addressing mode ("LD_X_INC"), "RESERVED" for a reserved
// word.
const char* avr_opcode_name(uint16_t word);

#endif
