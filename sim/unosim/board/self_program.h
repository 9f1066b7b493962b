// Self-programming (datasheet section 27): SPMCSR and the instruction SPM, the page buffer, erasing and
// writing pages with their times, RWWSB, the boot loader section; and what fuses and lock bits say.
//
// SPM acts only in the boot loader section that BOOTSZ chooses. While a page below the NRWW section is erased
// or written, and until RWWSRE, that section reads as 0xFF and running into it stops the machine; a page of
// the NRWW section halts the CPU instead. A page changes when the operation ends. A power cut leaves a page
// that is being erased erased, and of one that is being written the words that fit the time.
//
// Modelled: an operation takes 4.5 ms, the longest that the datasheet allows; a reset ends it at once; SPM
// and writing SPMCSR take a cycle as any instruction. Not modelled: the lock bits that keep LPM from reading
// a section.
#ifndef UNOSIM_SELF_PROGRAM_H
#define UNOSIM_SELF_PROGRAM_H

#include "registers.h"
#include "state.h"

#define NRWW_START 0x3800u // in words: the last 4 KB

// First word of the boot loader section (table "Boot Size Configuration").
uint16_t boot_section_start(const avr_state* s);
// Word at which a reset begins (BOOTRST).
uint16_t reset_vector(const avr_state* s);
// Word of an interrupt vector (IVSEL).
uint16_t interrupt_vector(const avr_state* s, unsigned vector);

void spm_reset(avr_state* s);
void spm_due(avr_state* s);
void spm_power_lost(avr_state* s);
uint8_t spm_peek_control(const avr_state* s);
void spm_write_control(avr_state* s, uint8_t value);
// MCUCR's IVSEL and IVCE; the cycle is s->cycle.
void spm_write_mcucr(avr_state* s, uint8_t value);
// The instruction SPM at word `pc`; s->cycle is the cycle in which it begins. Returns the cycles for which
// the CPU is halted.
unsigned spm_execute(avr_state* s, uint16_t pc);
// What LPM reads while spm.intercepts_lpm is set; s->cycle is the cycle in which LPM begins.
uint8_t spm_lpm(avr_state* s, uint16_t address);

#endif
