"""Programs without peripherals, in C, that both oracles run: they end by going to sleep for good."""

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
