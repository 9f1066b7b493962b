// Every instruction of the ATmega328P's AVRe+ core: OP(name, fixed bits, mask of the fixed bits, operand
// layout).
//
// Source: AVR instruction set manual DS40002198. Absent on this device and therefore reserved: EICALL, EIJMP,
// ELPM, SPM Z+, DES, XCH, LAS, LAC, LAT and the 16-bit LDS/STS of the reduced core. A word that matches no
// line is reserved.
//
// Operand layouts (what decode.c puts into d, r and k):
//   NONE           nothing
//   D_R            d = register 0..31, r = register 0..31
//   DH_K           d = register 16..31, k = constant 0..255
//   DH_RH          d, r = registers 16..31
//   DM_RM          d, r = registers 16..23
//   DP_RP          d, r = even registers 0..30
//   D              d = register 0..31
//   DW_K           d = 24, 26, 28 or 30, k = constant 0..63
//   D_Q            d = register 0..31, k = displacement 0..63
//   D_A            d = register 0..31, k = I/O register as a data address 0x20..0x5F
//   A_B            k = I/O register as a data address 0x20..0x3F, r = bit mask
//   D_B            d = register 0..31, r = bit mask
//   S              r = bit mask in SREG
//   S_REL          r = bit mask in SREG, k = branch -64..63 words
//   REL            k = jump -2048..2047 words
//   LONG           k is not used: the target is in the word that follows

#define AVR_OPCODES(OP)                                                                                      \
    OP(NOP, 0x0000, 0xFFFF, NONE)                                                                            \
    OP(MOVW, 0x0100, 0xFF00, DP_RP)                                                                          \
    OP(MULS, 0x0200, 0xFF00, DH_RH)                                                                          \
    OP(MULSU, 0x0300, 0xFF88, DM_RM)                                                                         \
    OP(FMUL, 0x0308, 0xFF88, DM_RM)                                                                          \
    OP(FMULS, 0x0380, 0xFF88, DM_RM)                                                                         \
    OP(FMULSU, 0x0388, 0xFF88, DM_RM)                                                                        \
    OP(CPC, 0x0400, 0xFC00, D_R)                                                                             \
    OP(SBC, 0x0800, 0xFC00, D_R)                                                                             \
    OP(ADD, 0x0C00, 0xFC00, D_R)                                                                             \
    OP(CPSE, 0x1000, 0xFC00, D_R)                                                                            \
    OP(CP, 0x1400, 0xFC00, D_R)                                                                              \
    OP(SUB, 0x1800, 0xFC00, D_R)                                                                             \
    OP(ADC, 0x1C00, 0xFC00, D_R)                                                                             \
    OP(AND, 0x2000, 0xFC00, D_R)                                                                             \
    OP(EOR, 0x2400, 0xFC00, D_R)                                                                             \
    OP(OR, 0x2800, 0xFC00, D_R)                                                                              \
    OP(MOV, 0x2C00, 0xFC00, D_R)                                                                             \
    OP(CPI, 0x3000, 0xF000, DH_K)                                                                            \
    OP(SBCI, 0x4000, 0xF000, DH_K)                                                                           \
    OP(SUBI, 0x5000, 0xF000, DH_K)                                                                           \
    OP(ORI, 0x6000, 0xF000, DH_K)                                                                            \
    OP(ANDI, 0x7000, 0xF000, DH_K)                                                                           \
    OP(LDD_Z, 0x8000, 0xD208, D_Q)                                                                           \
    OP(LDD_Y, 0x8008, 0xD208, D_Q)                                                                           \
    OP(STD_Z, 0x8200, 0xD208, D_Q)                                                                           \
    OP(STD_Y, 0x8208, 0xD208, D_Q)                                                                           \
    OP(LDS, 0x9000, 0xFE0F, D)                                                                               \
    OP(LD_Z_INC, 0x9001, 0xFE0F, D)                                                                          \
    OP(LD_Z_DEC, 0x9002, 0xFE0F, D)                                                                          \
    OP(LPM_Z, 0x9004, 0xFE0F, D)                                                                             \
    OP(LPM_Z_INC, 0x9005, 0xFE0F, D)                                                                         \
    OP(LD_Y_INC, 0x9009, 0xFE0F, D)                                                                          \
    OP(LD_Y_DEC, 0x900A, 0xFE0F, D)                                                                          \
    OP(LD_X, 0x900C, 0xFE0F, D)                                                                              \
    OP(LD_X_INC, 0x900D, 0xFE0F, D)                                                                          \
    OP(LD_X_DEC, 0x900E, 0xFE0F, D)                                                                          \
    OP(POP, 0x900F, 0xFE0F, D)                                                                               \
    OP(STS, 0x9200, 0xFE0F, D)                                                                               \
    OP(ST_Z_INC, 0x9201, 0xFE0F, D)                                                                          \
    OP(ST_Z_DEC, 0x9202, 0xFE0F, D)                                                                          \
    OP(ST_Y_INC, 0x9209, 0xFE0F, D)                                                                          \
    OP(ST_Y_DEC, 0x920A, 0xFE0F, D)                                                                          \
    OP(ST_X, 0x920C, 0xFE0F, D)                                                                              \
    OP(ST_X_INC, 0x920D, 0xFE0F, D)                                                                          \
    OP(ST_X_DEC, 0x920E, 0xFE0F, D)                                                                          \
    OP(PUSH, 0x920F, 0xFE0F, D)                                                                              \
    OP(COM, 0x9400, 0xFE0F, D)                                                                               \
    OP(NEG, 0x9401, 0xFE0F, D)                                                                               \
    OP(SWAP, 0x9402, 0xFE0F, D)                                                                              \
    OP(INC, 0x9403, 0xFE0F, D)                                                                               \
    OP(ASR, 0x9405, 0xFE0F, D)                                                                               \
    OP(LSR, 0x9406, 0xFE0F, D)                                                                               \
    OP(ROR, 0x9407, 0xFE0F, D)                                                                               \
    OP(DEC, 0x940A, 0xFE0F, D)                                                                               \
    OP(BSET, 0x9408, 0xFF8F, S)                                                                              \
    OP(BCLR, 0x9488, 0xFF8F, S)                                                                              \
    OP(IJMP, 0x9409, 0xFFFF, NONE)                                                                           \
    OP(ICALL, 0x9509, 0xFFFF, NONE)                                                                          \
    OP(JMP, 0x940C, 0xFE0E, LONG)                                                                            \
    OP(CALL, 0x940E, 0xFE0E, LONG)                                                                           \
    OP(RET, 0x9508, 0xFFFF, NONE)                                                                            \
    OP(RETI, 0x9518, 0xFFFF, NONE)                                                                           \
    OP(SLEEP, 0x9588, 0xFFFF, NONE)                                                                          \
    OP(BREAK, 0x9598, 0xFFFF, NONE)                                                                          \
    OP(WDR, 0x95A8, 0xFFFF, NONE)                                                                            \
    OP(LPM_R0, 0x95C8, 0xFFFF, NONE)                                                                         \
    OP(SPM, 0x95E8, 0xFFFF, NONE)                                                                            \
    OP(ADIW, 0x9600, 0xFF00, DW_K)                                                                           \
    OP(SBIW, 0x9700, 0xFF00, DW_K)                                                                           \
    OP(CBI, 0x9800, 0xFF00, A_B)                                                                             \
    OP(SBIC, 0x9900, 0xFF00, A_B)                                                                            \
    OP(SBI, 0x9A00, 0xFF00, A_B)                                                                             \
    OP(SBIS, 0x9B00, 0xFF00, A_B)                                                                            \
    OP(MUL, 0x9C00, 0xFC00, D_R)                                                                             \
    OP(IN, 0xB000, 0xF800, D_A)                                                                              \
    OP(OUT, 0xB800, 0xF800, D_A)                                                                             \
    OP(RJMP, 0xC000, 0xF000, REL)                                                                            \
    OP(RCALL, 0xD000, 0xF000, REL)                                                                           \
    OP(LDI, 0xE000, 0xF000, DH_K)                                                                            \
    OP(BRBS, 0xF000, 0xFC00, S_REL)                                                                          \
    OP(BRBC, 0xF400, 0xFC00, S_REL)                                                                          \
    OP(BLD, 0xF800, 0xFE08, D_B)                                                                             \
    OP(BST, 0xFA00, 0xFE08, D_B)                                                                             \
    OP(SBRC, 0xFC00, 0xFE08, D_B)                                                                            \
    OP(SBRS, 0xFE00, 0xFE08, D_B)
