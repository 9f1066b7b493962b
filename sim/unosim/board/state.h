// The whole machine in one plain struct without pointers: a snapshot is a memcpy, a restore is another.
//
// Rules: anything that decides what the chip does next is in here; nothing else is. Times are absolute CPU
// cycles. A new field means a new AVR_STATE_VERSION, because snapshots of the old layout can then no longer
// be read.
#ifndef UNOSIM_STATE_H
#define UNOSIM_STATE_H

#include <stdint.h>

#define AVR_STATE_VERSION 3u
#define AVR_FLASH_WORDS 0x4000u
#define AVR_PC_MASK 0x3FFFu
#define AVR_DATA_BYTES 0x900u // registers 0x00-0x1F, I/O 0x20-0xFF, SRAM 0x100-0x8FF
#define AVR_SRAM_START 0x100u
#define AVR_RAMEND 0x8FFu
#define AVR_EEPROM_BYTES 1024u
#define AVR_NEVER UINT64_MAX          // the time of something that is not going to happen
#define AVR_FARTHEST (UINT64_MAX / 4) // the last cycle that counts: sums of times do not overflow
#define AVR_UART_FRAMES 512u          // received frames that may wait in the line; at least 256 are promised
#define AVR_OUTPUTS 64u // events that may wait for Python; a run stops at the first, so a few would do
#define AVR_OUTPUTS_PER_INSTRUCTION 8u // no instruction and no instant appends more than this

// Why a run ended. LIMIT is 0 so that "nothing special" is false.
enum avr_stop { STOP_LIMIT, STOP_EVENT, STOP_HALTED, STOP_BAD_OPCODE, STOP_BREAKPOINT, STOP_WATCHPOINT };

// What a peripheral waits for; one slot each in next_at.
enum avr_timer_slot {
    SLOT_TIMER0,
    SLOT_TIMER1,
    SLOT_TIMER2,
    SLOT_CAPTURE,
    SLOT_T0_EDGE, // an edge at T0 or T1 on its way through the synchroniser
    SLOT_T1_EDGE,
    SLOT_UART_TX,
    SLOT_UART_TXD, // the next bit at the pin
    SLOT_UART_RX,
    SLOT_RXD, // the next edge of the line at the pin
    SLOT_SPI,
    SLOT_TWI,
    SLOT_ADC,
    SLOT_EEPROM,
    SLOT_SPM,
    SLOT_WATCHDOG,
    SLOT_SERIAL_OUT, // the serial peer: the next bit it sends to the board
    SLOT_SERIAL_IN,  // and the next it samples
    SLOT_PINS,
    SLOT_COUNT
};

// FALLS_ASLEEP: the SLEEP instruction was executed, the clocks are not switched yet.
enum avr_sleep { AWAKE, FALLS_ASLEEP, ASLEEP };

enum avr_output_kind {
    OUTPUT_UART_SENT,
    OUTPUT_ADC_STARTED,
    OUTPUT_PIN_CHANGED,
    OUTPUT_SERIAL_SENT,
    OUTPUT_RESET,
    OUTPUT_SPI_STARTED,
    OUTPUT_TWI
};

// Something the outside wants to know. Unused fields are 0.
typedef struct {
    uint64_t at;     // cycle it happened; for a UART frame the end of its stop bit
    uint64_t start;  // UART frame: cycle of the falling edge of its start bit
    uint32_t bit_q8; // UART frame and SPI byte: bit time in 1/256 cycles
    uint8_t kind;    // enum avr_output_kind
    uint8_t
        index; // ADC channel; port 0 = B, 1 = C, 2 = D; serial frame: 1 if it had no stop bit; enum twi_step
    uint16_t
        value; // data; level of the port's eight pins; MCUSR's flag of the reset; TWI_READ: 1 if acknowledged
} avr_output;

// A frame on a serial line: falling edge, data, bit time of its sender.
typedef struct {
    uint64_t start;
    uint32_t bit_q8;
    uint16_t data; // the bits between start bit and stop bit, the first as bit 0
    uint16_t bits; // how many, parity included
} avr_uart_frame;

// A ring of frames in the order of time.
typedef struct {
    uint32_t head;
    uint32_t count;
    avr_uart_frame frames[AVR_UART_FRAMES];
} avr_uart_line;

#define AVR_TIMERS 3u

typedef struct {
    uint64_t synced_at;      // TCNT, flags and direction are as they are at this cycle
    uint64_t prescaler_base; // cycle at which its prescaler last was 0
    uint16_t tcnt;
    uint16_t compare[2];     // OCRnA, OCRnB as the comparators see them
    uint16_t buffer[2];      // as the program wrote and reads them
    uint16_t capture;        // ICR1
    uint8_t counts_down;     // phase correct PWM, on its way to BOTTOM
    uint8_t flags;           // TIFRn
    uint8_t match_blocked;   // TCNTn was written: no compare match at the next timer clock
    uint8_t output_level[2]; // OCnA, OCnB as the waveform generator has them
    uint8_t reserved[7];     // no hidden padding: snapshots of equal machines are equal bytes
} avr_timer;

typedef struct {
    uint16_t data; // bit 8: spare for nine-bit frames
    uint8_t flags; // FE, DOR and UPE at their places in UCSR0A
    uint8_t reserved;
} avr_uart_received;

typedef struct {
    uint64_t baud_base; // cycle at which the baud rate generator last was 0
    uint64_t tx_start;  // frame in the transmit shift register
    uint64_t tx_end;    // AVR_NEVER: shift register empty
    uint64_t rx_from;   // receiver looks for a start bit from this sample on
    uint64_t rx_first;  // first low sample of the frame being received; AVR_NEVER: none
    uint32_t tx_bit_q8;
    uint32_t tx_bits; // levels of the frame being sent, start bit as bit 0, the last stop bit as the highest
    uint8_t tx_bit_count;
    uint8_t tx_next_bit; // the next to appear at the pin
    uint16_t reserved3;
    uint16_t tx_shift;
    uint16_t tx_buffer;
    uint8_t tx_buffer_full;
    uint8_t rx_count; // frames in rx_fifo: 0..2 in the FIFO, 3 when one waits in the shift register
    uint8_t rx_start_confirmed;
    uint8_t rx_lost; // DOR for the frame that is being received
    uint8_t flags;   // TXC at its place in UCSR0A
    uint8_t reserved[3];
    avr_uart_received rx_fifo[3]; // third: a complete frame waiting in the receive shift register
    uint16_t rx_last;             // what UDR0 reads when nothing is there
    uint16_t reserved2;
    avr_uart_line line; // what arrives at RXD
} avr_usart0;

enum avr_adc_phase { ADC_IDLE, ADC_WAITS, ADC_SAMPLES, ADC_CONVERTS };
enum avr_adc_timing { ADC_NORMAL, ADC_FIRST, ADC_TRIGGERED };
// Analog inputs: ADMUX's sixteen, then the comparator's and the reference pin.
enum avr_analog { ANALOG_AIN0 = 16, ANALOG_AIN1, ANALOG_AREF, ANALOG_INPUTS };

typedef struct {
    uint64_t clock_base; // cycle at which the ADC prescaler last was 0
    uint64_t start;      // rising ADC clock edge at which the conversion began or will begin
    uint16_t held_mv;    // what sample and hold took
    uint16_t result;
    uint16_t input_mv[ANALOG_INPUTS];
    uint8_t phase;  // enum avr_adc_phase
    uint8_t first;  // 1: the next or running conversion is the first since ADEN, 25 clocks
    uint8_t mux;    // ADMUX as latched for the running conversion
    uint8_t locked; // ADCL was read, ADCH not yet: results are lost
    uint8_t timing; // enum avr_adc_timing of the running conversion
    uint8_t reserved;
} avr_adc;

#define SPI_EDGES 16u // of SCK in a byte

typedef struct {
    uint64_t start;       // cycle in which the transfer began
    uint32_t half_cycles; // half a period of SCK
    uint8_t edge;         // the next, 0..15; SPI_EDGES: no transfer
    uint8_t outgoing;
    uint8_t received;   // the last whole byte: what SPDR reads
    uint8_t flags;      // SPIF and WCOL at their places in SPSR
    uint8_t flags_seen; // those that a read of SPSR has shown: the next access to SPDR clears them
    uint8_t reply;      // what the slave sends
    uint8_t has_reply;
    uint8_t incoming; // bits sampled so far
    uint8_t reserved[4];
} avr_spi;

enum avr_twi_phase { TWI_IDLE, TWI_WAITS_FOR_BUS, TWI_STARTS, TWI_SENDS, TWI_RECEIVES, TWI_STOPS };

typedef struct {
    uint64_t ends_at;  // of the phase; AVR_NEVER: waits, or idle
    uint8_t phase;     // enum avr_twi_phase
    uint8_t status;    // TWSR7:3
    uint8_t interrupt; // TWINT
    uint8_t owns_bus;
    uint8_t answer_ack; // what the slave answers to the running byte
    uint8_t answer_data;
    uint8_t reserved[2];
} avr_twi;

#define SPM_PAGE_WORDS 64u

typedef struct {
    uint64_t unlocked_at; // cycle in which SPMCSR was written; AVR_NEVER: not
    uint64_t ends_at;     // AVR_NEVER: no page is being erased or written
    uint64_t started_at;
    uint64_t filled;  // bit n: word n of the buffer has been written
    uint64_t ivce_at; // cycle in which IVCE was written to one
    uint16_t buffer[SPM_PAGE_WORDS];
    uint16_t page;          // first word of the page being erased or written
    uint8_t control;        // SPMCSR without RWWSB
    uint8_t rww_busy;       // RWWSB
    uint8_t intercepts_lpm; // LPM does not simply read flash
    uint8_t flash_changed;  // the page is to be decoded anew
    uint8_t reserved[2];
} avr_spm;

typedef struct {
    uint8_t low, high, extended, lock;
} avr_fuses;

typedef struct {
    uint16_t supply_mv;
    uint8_t held; // in reset for want of voltage
    uint8_t lost; // voltage was too low for SRAM
} avr_power;

typedef struct {
    uint64_t unlocked_at; // cycle in which EEMPE was written to one; AVR_NEVER: not
    uint64_t started_at;
    uint64_t ends_at; // AVR_NEVER: no write in progress
    uint16_t address; // of the write in progress
    uint8_t value;
    uint8_t mode; // EEPM1:0 of the write in progress
    uint32_t reserved;
} avr_eeprom;

typedef struct {
    uint64_t changed_at[3];   // cycle in which PINx last changed
    uint8_t before[3];        // PINx before that: the synchroniser still shows it in the next cycle
    uint8_t driven[3];        // pins that something outside drives
    uint8_t level[3];         // the level it drives
    uint8_t overridden[2][3]; // pins whose output level a peripheral gives, by enum gpio_layer
    uint8_t override_level[2][3];
    uint8_t watched[3];       // pins whose edges by peripherals are told
    uint8_t forced_inputs[3]; // pins that a peripheral makes inputs
    uint8_t txd_overridden;
    uint8_t rxd_attached; // something sends at PD0
    uint8_t rising_eifr;  // flags on their way to EIFR and PCIFR
    uint8_t rising_pcifr;
    uint8_t reserved[1];
} avr_gpio;

typedef struct {
    uint64_t counted_from; // cycle in which its counter last was 0
    uint64_t unlocked_at;  // cycle in which WDCE was written to one; AVR_NEVER: not
} avr_watchdog;

// A serial device at two pins, 8N1.
typedef struct {
    uint64_t in_start;  // frame that it is receiving; AVR_NEVER: none
    uint32_t in_bit_q8; // its own bit time
    uint16_t in_data;
    uint8_t in_bit;  // the next to be sampled, the start bit being 0
    uint8_t out_bit; // the next to be driven, of the first frame of the line
    uint8_t attached;
    uint8_t in_port; // the pin it listens to
    uint8_t in_mask;
    uint8_t out_port; // the pin it drives
    uint8_t out_pin;
    uint8_t reserved[3];
    avr_uart_line line; // what it sends
} avr_pin_serial;

typedef struct avr_state {
    uint32_t version;
    uint32_t size_bytes;
    uint64_t cycle;
    uint64_t run_limit; // the instruction loop ends at or after this cycle; 0 ends it at once
    uint64_t next_due;  // the earliest of next_at
    uint64_t next_at[SLOT_COUNT];
    uint64_t io_stopped_at; // cycle at which clkIO was stopped; AVR_NEVER: it runs
    uint32_t clock_hz;
    uint32_t irq_pending;   // bit n: flag and enable of vector n are both set
    uint32_t outputs_total; // ever appended, wraps
    uint32_t output_head;
    uint32_t output_count;
    uint16_t pc;           // in words, 0..0x3FFF
    uint8_t stop;          // enum avr_stop raised by an instruction
    uint8_t sleep;         // enum avr_sleep
    uint8_t sleep_mode;    // SM2:0 of the SLEEP instruction
    uint8_t irq_delay;     // 1: the next instruction comes before any interrupt
    uint8_t reset_request; // MCUSR's flag of a reset that happens after the current instruction
    uint8_t timer_temp;    // TEMP of timer 1
    uint8_t reserved[4];
    avr_timer timers[AVR_TIMERS];
    avr_watchdog watchdog;
    avr_pin_serial serial;
    avr_usart0 usart0;
    avr_spi spi;
    avr_twi twi;
    avr_adc adc;
    avr_eeprom ee;
    avr_spm spm;
    avr_gpio gpio;
    avr_power power;
    avr_fuses fuses;
    avr_output outputs[AVR_OUTPUTS];
    uint8_t data[AVR_DATA_BYTES];
    uint8_t eeprom[AVR_EEPROM_BYTES];
    uint16_t flash[AVR_FLASH_WORDS];
} avr_state;

#endif
