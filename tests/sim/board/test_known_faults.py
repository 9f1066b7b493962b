"""Faults that other simulators of this chip are known for, each shown to be absent here.

docs/sim-fidelity.md lists all of them, with the tests of other files that cover the rest.
"""

from collections.abc import Callable

import pytest

from unosim.board import Board, Image, Stop, UartSent

MakeBoard = Callable[..., Board]

NOTES = 0x200
BIT_115200_Q8 = 16_000_000 * 256 // 115_200

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#define NOTES ((volatile uint8_t *)0x200)
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
"""


def run_through(board: Board, until: int = 200_000_000) -> list[UartSent]:
    sent = []
    while (stop := board.run(until)) == Stop.EVENT:
        sent += [event for event in board.take_events() if isinstance(event, UartSent)]
    assert stop in {Stop.HALTED, Stop.LIMIT}
    return sent


def test_ten_bytes_at_9600_baud_take_a_hundred_bit_times(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """int main(void) {
            UBRR0 = 103; UCSR0B = _BV(TXEN0);
            for (uint8_t i = 0; i < 10; i++) { while (!(UCSR0A & _BV(UDRE0))) {} UDR0 = i; }
            while (!(UCSR0A & _BV(TXC0))) {}
            done(); }"""
    )
    sent = run_through(board)
    assert sent[-1].end_cycle - sent[0].start_cycle == 100 * 1664


FLOODED = """
#include <Arduino.h>
#include <SoftwareSerial.h>
SoftwareSerial line(2, 3);
static volatile uint8_t got, overruns;
ISR(USART_RX_vect) { if (UCSR0A & _BV(DOR0)) overruns++; (void)UDR0; got++; }
void setup() {
    UBRR0 = 16; UCSR0A = _BV(U2X0); UCSR0B = _BV(RXEN0) | _BV(RXCIE0);
    line.begin(9600);
    for (uint8_t i = 0; i < 40; i++) line.write('U');
    ((volatile uint8_t *)0x700)[0] = got; ((volatile uint8_t *)0x700)[1] = overruns;
    cli(); SMCR = 1; asm("sleep");
}
void loop() {}
"""


def test_bytes_are_lost_while_software_serial_sends(arduino_sketch: Callable[[str, str], Image]) -> None:
    """With interrupts off for a millisecond a byte, three of the twelve that arrive in it are kept."""
    board = Board(arduino_sketch(FLOODED, "SoftwareSerial").flash)
    for n in range(200):
        board.uart_input(n, 100_000 + n * 10 * BIT_115200_Q8 // 256, BIT_115200_Q8)
    run_through(board)
    got, overruns = board.read_data(0x700, 2)
    assert 200 * 3 // 12 <= got <= 200 * 4 // 12
    assert overruns >= 15  # one a byte sent: frames lost in a row share a flag


def test_polling_a_status_register_takes_no_wall_time_and_prints_nothing(
    c_board: MakeBoard, capfd: pytest.CaptureFixture[str]
) -> None:
    board = c_board(
        PRELUDE + "int main(void) { UBRR0 = 103; UCSR0B = _BV(RXEN0) | _BV(TXEN0); UDR0 = 'x'; for (;;)"
        " { (void)UCSR0A; } }"
    )
    run_through(board, 160_000_000)
    assert capfd.readouterr() == ("", "")
    assert board.cycle >= 160_000_000


def test_sei_sleep_cli_wakes_every_time_a_pin_changes_between_runs(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """ISR(PCINT2_vect) { NOTES[0]++; }
        int main(void) {
            NOTES[0] = NOTES[1] = 0; PCICR = 4; PCMSK2 = 0x10; set_sleep_mode(SLEEP_MODE_PWR_DOWN);
            for (;;) { cli(); sleep_enable(); sei(); sleep_cpu(); cli(); NOTES[1]++; }
        }"""
    )
    board.run(1000)
    for n in range(200):
        board.drive_pin("D", 4, level=n % 2 == 0)
        board.run(board.cycle + 20_000)
    assert tuple(board.read_data(NOTES, 2)) == (200, 200)


def test_power_down_is_left_by_the_watchdog_and_not_by_timer_0(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """ISR(WDT_vect) { NOTES[0]++; }
        ISR(TIMER0_OVF_vect) { NOTES[1]++; }
        int main(void) {
            NOTES[0] = NOTES[1] = 0; TCCR0B = 3; wdt_reset();
            WDTCSR = _BV(WDCE) | _BV(WDE); WDTCSR = _BV(WDIE) | 6; TIMSK0 = 1;
            set_sleep_mode(SLEEP_MODE_PWR_DOWN); sleep_enable(); sei(); sleep_cpu();
            done(); }"""
    )
    run_through(board)
    assert board.read_data(NOTES, 1) == b"\x01"
    assert board.cycle / 16e6 == pytest.approx(1.024 + 16_384 / 16e6, rel=1e-4)
    assert board.read_data(NOTES + 1, 1)[0] <= 1  # the counter stood still meanwhile


def test_a_low_pin_with_its_interrupt_off_costs_and_changes_nothing(c_board: MakeBoard) -> None:
    """Both start in low-level mode: EICRA is 0."""
    ends = []
    for level in (True, False):
        board = c_board(
            PRELUDE + "ISR(INT0_vect) { NOTES[0]++; }\n"
            "int main(void) { NOTES[0] = 0; sei(); for (uint16_t i = 0; i < 999; i++) NOTES[1] = i; done(); }"
        )
        board.drive_pin("D", 2, level=level)
        run_through(board)
        ends.append((board.cycle, board.read_data(NOTES, 2)))
    assert ends[0] == ends[1]


def test_a_pin_held_low_stays_low_whatever_is_written_to_the_other_pins(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """int main(void) {
            PORTD = 0x10; asm("nop"); NOTES[0] = PIND & 0x10;
            PORTD |= 0x80; asm("nop"); NOTES[1] = PIND & 0x10;
            PORTD ^= 0xC0; asm("nop"); NOTES[2] = PIND & 0x10; done(); }"""
    )
    board.drive_pin("D", 4, level=False)
    run_through(board)
    assert board.read_data(NOTES, 3) == b"\0\0\0"


def test_a_reset_leaves_the_outside_alone(c_board: MakeBoard) -> None:
    """Frames on the line, driven pins, the serial device and the cycle counter are not the chip's."""
    board = c_board(
        PRELUDE
        + """int main(void) {
            UBRR0 = 103; UCSR0B = _BV(RXEN0); NOTES[2] = PIND; NOTES[3] = MCUSR;
            while (!(UCSR0A & _BV(RXC0))) {} NOTES[0] = UDR0; done(); }"""
    )
    board.attach_serial(listens=("D", 3), drives=("D", 5), bit_cycles_q8=1664 * 256)
    board.drive_pin("D", 4, level=True)
    board.uart_input(0x42, 50_000, 1664 * 256)
    board.run(20_000)
    board.reset()
    assert board.cycle >= 20_000
    run_through(board)
    assert board.read_data(NOTES, 1) == b"\x42"
    assert board.read_data(NOTES + 2, 1)[0] & 0x30 == 0x30
    assert board.read_data(NOTES + 3, 1) == b"\x03"  # PORF and EXTRF


def test_a_timer_that_matches_changes_no_input_pin(c_board: MakeBoard) -> None:
    """Pin 6 is OC0A; as an input it follows the outside, and so does its pin-change interrupt."""
    board = c_board(
        PRELUDE
        + """ISR(PCINT2_vect) { NOTES[0]++; }
        int main(void) {
            NOTES[0] = 0; PCICR = 4; PCMSK2 = 0x40; OCR0A = 20; TCCR0A = 0x42; TCCR0B = 1; sei();
            for (;;) {} }"""
    )
    board.run(100_000)
    assert board.read_data(NOTES, 1) == b"\0"


@pytest.mark.parametrize(("written", "left"), [(4, 0), (3, 4), (0, 4)])
def test_a_pin_change_flag_is_cleared_by_a_one_and_nothing_else(
    asm_board: MakeBoard, written: int, left: int
) -> None:
    board = asm_board(
        f"ldi r16, 4\n sts PCMSK2, r16\n ldi r16, {written}\n"
        + "nop\n" * 20
        + "out PCIFR, r16\n loop: rjmp loop\n"
    )
    board.run(6)
    board.drive_pin("D", 2, level=True)
    board.run(50)
    assert board.read_data(0x3B, 1)[0] == left


def test_eeprom_is_given_and_read_back_and_survives_resets_and_power_cuts(c_board: MakeBoard) -> None:
    board = Board(
        c_board(
            "#include <avr/eeprom.h>\nint main(void) { eeprom_write_byte((uint8_t *)1, 0x99); for (;;) {} }"
        ).flash,
        eeprom=b"\x11\x22\x33",
    )
    run_through(board, 100_000)
    board.reset()
    board.power_cycle()
    assert board.eeprom == b"\x11\x99\x33" + b"\xff" * 1021
