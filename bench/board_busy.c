// A program that never rests: what firmware does between its sleeps, with the Arduino core's timer interrupt
// alive.
#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

volatile uint32_t ticks;
volatile uint16_t sink;
static uint16_t numbers[64];
static char text[80];
static uint32_t noise = 12345;

ISR(TIMER0_OVF_vect) {
    ticks++;
}

static uint16_t next(void) {
    noise = noise * 1664525UL + 1013904223UL;
    return noise >> 16;
}

static uint16_t crc16(const char* bytes, uint8_t count) {
    uint16_t crc = 0xFFFF;
    while (count--) {
        crc ^= (uint8_t)*bytes++;
        for (uint8_t bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
        }
    }
    return crc;
}

static int ascending(const void* a, const void* b) {
    const uint16_t x = *(const uint16_t*)a, y = *(const uint16_t*)b;
    return x < y ? -1 : x > y;
}

static uint32_t mix(uint32_t a, uint32_t b) { // the rounds of a hash
    for (uint8_t i = 0; i < 16; i++) {
        a = (a << 7 | a >> 25) + (b ^ noise);
        b = (b << 13 | b >> 19) ^ a;
    }
    return a;
}

int main(void) {
    TCCR0A = _BV(WGM01) | _BV(WGM00);
    TCCR0B = _BV(CS01) | _BV(CS00);
    TIMSK0 = _BV(TOIE0);
    sei();
    for (;;) {
        for (uint8_t i = 0; i < 64; i++) {
            numbers[i] = next();
        }
        qsort(numbers, 64, sizeof numbers[0], ascending);
        strcpy(text, "{\"seq\":");
        utoa(numbers[3], text + strlen(text), 10);
        strcat(text, ",\"t\":");
        ultoa(ticks, text + strlen(text), 10);
        sink += crc16(text, strlen(text)) + mix(noise, ticks);
        sink += (uint16_t)((float)numbers[5] * 0.125f / (numbers[9] | 1));
    }
}
