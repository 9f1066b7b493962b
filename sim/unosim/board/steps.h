// What the interpreter executes beside the opcodes themselves: cases of an instruction that are worth their
// own code, and pairs of instructions. Values of avr_step.kind are enum opcode and, from OP_COUNT on, enum
// step_kind.
//
// A step belongs to a word of flash. Its operands d, r and k are those of opcodes.h unless said otherwise
// here:
//   CPSE, SBRC, SBRS   k = words to skip
//   SBIC, SBIS         d = words to skip
//   LDS, STS           k = data address
//   RJMP, RCALL, JMP, CALL and the branches   k = distance of the target from this step
#ifndef UNOSIM_STEPS_H
#define UNOSIM_STEPS_H

#include "decode.h"

// clang-format off
// *_PLAIN: the address is known to be a register, SP or SRAM. EOR_SELF: CLR.
// WRAP: behind the end of flash, where the program counter wraps in no time.
#define AVR_STEP_CASES(STEP)                                                                                 \
    STEP(LDS_PLAIN) STEP(STS_PLAIN) STEP(IN_PLAIN) STEP(OUT_PLAIN) STEP(EOR_SELF)                            \
    STEP(BREQ) STEP(BRNE) STEP(BRCS) STEP(BRCC) STEP(BRMI) STEP(BRPL) STEP(BRLT) STEP(BRGE)                  \
    STEP(WRAP)

// An instruction and the branch behind it.
#define AVR_STEP_PAIRS_WITH(PAIR, first) PAIR(first, BREQ) PAIR(first, BRNE) PAIR(first, BRCS) PAIR(first, BRCC)
#define AVR_STEP_PAIRS(PAIR)                                                                                 \
    AVR_STEP_PAIRS_WITH(PAIR, CP) AVR_STEP_PAIRS_WITH(PAIR, CPI) AVR_STEP_PAIRS_WITH(PAIR, CPC)              \
    AVR_STEP_PAIRS_WITH(PAIR, DEC) AVR_STEP_PAIRS_WITH(PAIR, SUBI) AVR_STEP_PAIRS_WITH(PAIR, SBCI)

#define STEP_ENUM(name) STEP_##name,
#define PAIR_ENUM(first, branch) STEP_##first##_##branch,
enum step_kind { STEP_BEFORE_FIRST = OP_COUNT - 1, AVR_STEP_CASES(STEP_ENUM) AVR_STEP_PAIRS(PAIR_ENUM) STEP_KIND_COUNT };
#undef STEP_ENUM
#undef PAIR_ENUM
// clang-format on

#endif
