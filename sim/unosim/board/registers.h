// Data addresses and bits of the ATmega328P's I/O registers that the model knows (datasheet DS40002061,
// register summary).
#ifndef UNOSIM_REGISTERS_H
#define UNOSIM_REGISTERS_H

// Port n (0 = B, 1 = C, 2 = D) has PIN, DDR and PORT at consecutive addresses.
#define REG_PIN(n) (0x23u + 3u * (n))
#define REG_DDR(n) (0x24u + 3u * (n))
#define REG_PORT(n) (0x25u + 3u * (n))

enum {
    REG_PINB = 0x23,
    REG_PORTD = 0x2B,
    REG_TIFR0 = 0x35,
    REG_TIFR1 = 0x36,
    REG_TIFR2 = 0x37,
    REG_PCIFR = 0x3B,
    REG_EIFR = 0x3C,
    REG_EECR = 0x3F,
    REG_EEDR = 0x40,
    REG_EEARL = 0x41,
    REG_EEARH = 0x42,
    REG_GTCCR = 0x43,
    REG_TCCR0A = 0x44,
    REG_TCCR0B = 0x45,
    REG_TCNT0 = 0x46,
    REG_OCR0A = 0x47,
    REG_OCR0B = 0x48,
    REG_SMCR = 0x53,
    REG_MCUSR = 0x54,
    REG_MCUCR = 0x55,
    REG_SPMCSR = 0x57,
    REG_SPL = 0x5D,
    REG_SPH = 0x5E,
    REG_SREG = 0x5F,
    REG_PRR = 0x64,
    REG_TIMSK0 = 0x6E,
    REG_ADCL = 0x78,
    REG_ADCH = 0x79,
    REG_ADCSRA = 0x7A,
    REG_ADCSRB = 0x7B,
    REG_ADMUX = 0x7C,
    REG_UCSR0A = 0xC0,
    REG_UCSR0B = 0xC1,
    REG_UCSR0C = 0xC2,
    REG_UBRR0L = 0xC4,
    REG_UBRR0H = 0xC5,
    REG_UDR0 = 0xC6,
};

// SREG
enum { SREG_C = 1, SREG_Z = 2, SREG_N = 4, SREG_V = 8, SREG_S = 16, SREG_H = 32, SREG_T = 64, SREG_I = 128 };
// TIFR0 and TIMSK0
enum { TOV0 = 1, OCF0A = 2, OCF0B = 4 };
enum { WGM02 = 8 };                          // TCCR0B
enum { PSRSYNC = 1, PSRASY = 2, TSM = 128 }; // GTCCR
enum { SE = 1 };                             // SMCR
enum { PORF = 1, EXTRF = 2, MCUSR_BITS = 15 };
enum { PUD = 16 };    // MCUCR
enum { PRTIM0 = 32 }; // PRR
// UCSR0A, UCSR0B
enum { MPCM0 = 1, U2X0 = 2, UPE0 = 4, DOR0 = 8, FE0 = 16, UDRE0 = 32, TXC0 = 64, RXC0 = 128 };
enum { RXB80 = 2, TXEN0 = 8, RXEN0 = 16, UDRIE0 = 32, TXCIE0 = 64, RXCIE0 = 128 };
enum { ADIE = 8, ADIF = 16, ADATE = 32, ADSC = 64, ADEN = 128 }; // ADCSRA
enum { ADLAR = 32 };                                             // ADMUX
enum { EERE = 1, EEPE = 2, EEMPE = 4, EERIE = 8, EEPM = 0x30 };  // EECR

// Interrupt vectors (table 12-6), numbered from 0 = reset.
enum {
    VECTOR_TIMER0_COMPA = 14,
    VECTOR_TIMER0_COMPB = 15,
    VECTOR_TIMER0_OVF = 16,
    VECTOR_USART_RX = 18,
    VECTOR_USART_UDRE = 19,
    VECTOR_USART_TX = 20,
    VECTOR_ADC = 21,
    VECTOR_EE_READY = 22,
};

#endif
