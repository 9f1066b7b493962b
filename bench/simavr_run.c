// libsimavr at its best setting, for board.py: one function, called through ctypes.
#include <sim_avr.h>
#include <string.h>

static void say_nothing(avr_t* avr, const int level, const char* format, va_list arguments) {
    (void)avr;
    (void)level;
    (void)format;
    (void)arguments;
}

// Run an image from reset for that many cycles; returns the cycles run.
uint64_t simavr_run(const uint8_t* flash, uint32_t flash_bytes, uint64_t cycles) {
    static uint8_t copy[32768];
    avr_global_logger_set(say_nothing);
    memcpy(copy, flash, flash_bytes);
    avr_t* avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr->frequency = 16000000;
    avr_loadcode(avr, copy, flash_bytes, 0);
    avr->run_cycle_limit = 1 << 20;
    while (avr->cycle < cycles) {
        avr_run(avr);
    }
    const uint64_t done = avr->cycle;
    avr_terminate(avr);
    return done;
}
