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
    REG_EIMSK = 0x3D,
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
    REG_SPCR = 0x4C,
    REG_SPSR = 0x4D,
    REG_SPDR = 0x4E,
    REG_ACSR = 0x50,
    REG_SMCR = 0x53,
    REG_MCUSR = 0x54,
    REG_MCUCR = 0x55,
    REG_SPMCSR = 0x57,
    REG_SPL = 0x5D,
    REG_SPH = 0x5E,
    REG_SREG = 0x5F,
    REG_WDTCSR = 0x60,
    REG_PRR = 0x64,
    REG_PCICR = 0x68,
    REG_EICRA = 0x69,
    REG_PCMSK0 = 0x6B,
    REG_PCMSK2 = 0x6D,
    REG_TIMSK0 = 0x6E,
    REG_TIMSK1 = 0x6F,
    REG_TIMSK2 = 0x70,
    REG_ADCL = 0x78,
    REG_ADCH = 0x79,
    REG_ADCSRA = 0x7A,
    REG_ADCSRB = 0x7B,
    REG_ADMUX = 0x7C,
    REG_TCCR1A = 0x80,
    REG_TCCR1B = 0x81,
    REG_TCCR1C = 0x82,
    REG_TCNT1L = 0x84,
    REG_TCNT1H = 0x85,
    REG_ICR1L = 0x86,
    REG_ICR1H = 0x87,
    REG_OCR1AL = 0x88,
    REG_OCR1BL = 0x8A,
    REG_OCR1BH = 0x8B,
    REG_TCCR2A = 0xB0,
    REG_TCCR2B = 0xB1,
    REG_TCNT2 = 0xB2,
    REG_OCR2A = 0xB3,
    REG_OCR2B = 0xB4,
    REG_TWBR = 0xB8,
    REG_TWSR = 0xB9,
    REG_TWAR = 0xBA,
    REG_TWDR = 0xBB,
    REG_TWCR = 0xBC,
    REG_UCSR0A = 0xC0,
    REG_UCSR0B = 0xC1,
    REG_UCSR0C = 0xC2,
    REG_UBRR0L = 0xC4,
    REG_UBRR0H = 0xC5,
    REG_UDR0 = 0xC6,
};

// SREG
enum { SREG_C = 1, SREG_Z = 2, SREG_N = 4, SREG_V = 8, SREG_S = 16, SREG_H = 32, SREG_T = 64, SREG_I = 128 };
enum { TOV = 1, OCFA = 2, OCFB = 4, ICF = 32 };          // TIFRn and TIMSKn
enum { WGM02 = 8, ICES1 = 64, ICNC1 = 128, FOCA = 128 }; // TCCRnB; FOC1A in TCCR1C; FOCnB is the bit below
enum { PSRSYNC = 1, PSRASY = 2, TSM = 128 };             // GTCCR
enum { SE = 1 };                                         // SMCR
enum { PORF = 1, EXTRF = 2, BORF = 4, WDRF = 8 };        // MCUSR
enum { WDE = 8, WDCE = 16, WDIE = 64, WDIF = 128, WDP3 = 32, WDP_BITS = 0x27 };        // WDTCSR
enum { IVCE = 1, IVSEL = 2, PUD = 16, BODS_BITS = 0x60 };                              // MCUCR
enum { PRSPI = 4, PRTIM1 = 8, PRTIM0 = 32, PRTIM2 = 64, PRTWI = 128 };                 // PRR
enum { CPHA = 4, CPOL = 8, MSTR = 16, DORD = 32, SPE = 64, SPIE = 128 };               // SPCR
enum { SPI2X = 1, WCOL = 64, SPIF = 128 };                                             // SPSR
enum { TWIE = 1, TWEN = 4, TWWC = 8, TWSTO = 16, TWSTA = 32, TWEA = 64, TWINT = 128 }; // TWCR
enum { ACIS = 3, ACIC = 4, ACIE = 8, ACI = 16, ACO = 32, ACBG = 64, ACD = 128 };       // ACSR
// SPMCSR
enum { SELFPRGEN = 1, PGERS = 2, PGWRT = 4, BLBSET = 8, RWWSRE = 16, SIGRD = 32, RWWSB = 64, SPMIE = 128 };
// UCSR0A, UCSR0B
enum { MPCM0 = 1, U2X0 = 2, UPE0 = 4, DOR0 = 8, FE0 = 16, UDRE0 = 32, TXC0 = 64, RXC0 = 128 };
enum { TXB80 = 1, RXB80 = 2, UCSZ02 = 4, TXEN0 = 8, RXEN0 = 16, UDRIE0 = 32, TXCIE0 = 64, RXCIE0 = 128 };
enum { UCSZ_LOW = 6, USBS0 = 8, UPM_ODD = 16, UPM_ON = 32 };     // UCSR0C
enum { ADIE = 8, ADIF = 16, ADATE = 32, ADSC = 64, ADEN = 128 }; // ADCSRA
enum { ADLAR = 32 };                                             // ADMUX
enum { ADTS = 7, ACME = 64 };                                    // ADCSRB
enum { EERE = 1, EEPE = 2, EEMPE = 4, EERIE = 8, EEPM = 0x30 };  // EECR

// Interrupt vectors (table 12-6), numbered from 0 = reset.
enum {
    VECTOR_INT0 = 1,
    VECTOR_PCINT0 = 3,
    VECTOR_WDT = 6,
    VECTOR_TIMER2_COMPA = 7,
    VECTOR_TIMER1_CAPT = 10,
    VECTOR_TIMER1_COMPA = 11,
    VECTOR_TIMER0_COMPA = 14,
    VECTOR_SPI = 17,
    VECTOR_USART_RX = 18,
    VECTOR_USART_UDRE = 19,
    VECTOR_USART_TX = 20,
    VECTOR_ADC = 21,
    VECTOR_EE_READY = 22,
    VECTOR_ANALOG_COMPARATOR = 23,
    VECTOR_TWI = 24,
    VECTOR_SPM_READY = 25,
};

#endif
