#include "bus.h"
#include "io.h"

uint8_t load_anywhere(avr_state* s, uint16_t address, uint64_t at) {
    if (address >= REG_PIN(0) && address < AVR_SRAM_START) {
        s->cycle = at;
        return io_read(s, address);
    }
    return address > AVR_RAMEND ? 0 : s->data[address];
}

unsigned store_anywhere(avr_state* s, uint16_t address, uint8_t value, uint64_t at) {
    if (address >= REG_PIN(0) && address < AVR_SRAM_START) {
        s->cycle = at;
        return io_write(s, address, value);
    }
    if (address <= AVR_RAMEND) {
        s->data[address] = value;
    }
    return 0;
}

unsigned push_pc(avr_state* s, uint16_t pc, uint64_t at) {
    const uint16_t sp = cpu_sp(s);
    cpu_set_sp(s, sp - 1);
    const unsigned halted = store_anywhere(s, sp, (uint8_t)pc, at);
    const uint16_t second_sp = cpu_sp(s);
    cpu_set_sp(s, second_sp - 1);
    return halted + store_anywhere(s, second_sp, (uint8_t)(pc >> 8), at + halted + 1);
}

uint16_t pop_pc(avr_state* s, uint64_t at) {
    cpu_set_sp(s, cpu_sp(s) + 1);
    const uint8_t high = load_anywhere(s, cpu_sp(s), at);
    cpu_set_sp(s, cpu_sp(s) + 1);
    return ((uint16_t)(high << 8) | load_anywhere(s, cpu_sp(s), at + 1)) & AVR_PC_MASK;
}
