"""Whole programs compiled by avr-gcc, on the board and on libsimavr: the same cycles and SRAM at the end."""

import ctypes
from collections.abc import Callable

import pytest

from unosim.board import Board, Image, Stop

RAM_FILL = 0x5A
SRAM_START, DATA_BYTES = 0x100, 0x900
CYCLES_MAX = 50_000_000

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
static uint32_t noise = 12345;
static uint32_t next(void) { return noise = noise * 1664525UL + 1013904223UL; }
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
"""

PROGRAMS = {
    "32- and 64-bit multiplication and division": """
        volatile int64_t results[24];
        int main(void) {
            for (uint8_t i = 0; i < 24; i++) {
                int32_t a = next(), b = (int32_t)next() >> (i & 15);
                results[i] = (int64_t)a * b + a / (b | 1) + (uint32_t)a % (uint32_t)(b | 1)
                           + (int64_t)next() * a / (b | 1);
            }
            done();
        }""",
    "floating point": """
        volatile float results[40];
        int main(void) {
            for (uint8_t i = 0; i < 40; i++) {
                float x = (int32_t)next() / 65536.0f;
                results[i] = sqrtf(fabsf(x)) * sinf(x / 9.0f) + logf(fabsf(x) + 1.0f) / (x + 0.5f);
            }
            done();
        }""",
    "memcpy, qsort and CRC-16": """
        uint16_t numbers[200], copy[200];
        volatile uint16_t crc = 0xFFFF;
        static int compare(const void *a, const void *b) {
            uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
            return x < y ? -1 : x > y;
        }
        int main(void) {
            for (uint8_t i = 0; i < 200; i++) numbers[i] = next() >> 16;
            memcpy(copy, numbers, sizeof copy);
            qsort(copy, 200, sizeof copy[0], compare);
            for (uint16_t i = 0; i < sizeof copy; i++) {
                uint16_t c = crc ^ ((uint8_t *)copy)[i];
                for (uint8_t bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xA001 : c >> 1;
                crc = c;
            }
            done();
        }""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_cycles_and_memory_agree_with_libsimavr(
    oracle: ctypes.CDLL, avr_compile: Callable[[str], Image], program: str
) -> None:
    flash = avr_compile(PRELUDE + PROGRAMS[program]).flash
    board = Board(flash, ram_fill=RAM_FILL)
    assert board.run(CYCLES_MAX) == Stop.HALTED

    data = ctypes.create_string_buffer(DATA_BYTES)
    cycles = oracle.oracle_program(flash, len(flash), RAM_FILL, ctypes.c_uint64(CYCLES_MAX), data)

    assert board.cycle == cycles
    assert board.cycle > 50_000
    assert board.read_data(SRAM_START, DATA_BYTES - SRAM_START).hex(" ") == data.raw[SRAM_START:].hex(" ")
    assert board.read_data(0, 32).hex(" ") == data.raw[:32].hex(" ")
