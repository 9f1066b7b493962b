// A program that sleeps: a tick of 1 kHz, and one reading a minute, sent as a line.
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdint.h>
#include <stdlib.h>

static volatile uint32_t ticks;

ISR(TIMER2_COMPA_vect) {
    ticks++;
}

static void send(const char* text) {
    while (*text) {
        while (!(UCSR0A & _BV(UDRE0))) {
        }
        UDR0 = *text++;
    }
}

static void send_reading(void) {
    char text[8];
    ADCSRA = _BV(ADEN) | _BV(ADSC) | 7;
    while (ADCSRA & _BV(ADSC)) {
    }
    ADCSRA = 0; // left on, the ADC would begin a conversion at every SLEEP
    send(utoa(ADC, text, 10));
    send("\r\n");
}

int main(void) {
    uint32_t next = 0;
    TCCR2A = _BV(WGM21);
    TCCR2B = _BV(CS22);
    OCR2A = 249;
    TIMSK2 = _BV(OCIE2A);
    UBRR0 = 8;
    UCSR0B = _BV(TXEN0);
    ADMUX = _BV(REFS0);
    sei();
    for (;;) {
        cli();
        const uint32_t now = ticks;
        sei();
        if (now >= next) {
            send_reading();
            next += 60000;
        }
        sleep_mode();
    }
}
