"""SPI as a master (DS40002061 section 19): clocks, modes on the pins, flags, and giving way at SS."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from unosim.board import Board, Image, PinChanged, SpiStarted, Stop

MakeBoard = Callable[..., Board]

NOTES = 0x200
SS, MOSI, MISO, SCK = 2, 3, 4, 5
SPIF, WCOL = 0x80, 0x40

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#define NOTES ((volatile uint8_t *)0x200)
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
static uint8_t transfer(uint8_t data) { SPDR = data; while (!(SPSR & _BV(SPIF))) {} return SPDR; }
"""
MASTER = "DDRB = 0x2C; SPCR = _BV(SPE) | _BV(MSTR)"


@dataclass
class Slave:
    """Answers bytes by a function, and keeps what it was sent and the edges at the pins."""

    answer: Callable[[int], int] | None = None
    heard: list[SpiStarted] = field(default_factory=list)
    edges: list[PinChanged] = field(default_factory=list)

    def run(self, board: Board, until: int = 1_000_000) -> Stop:
        while (stop := board.run(until)) == Stop.EVENT:
            for event in board.take_events():
                if isinstance(event, SpiStarted):
                    self.heard.append(event)
                    if self.answer:
                        board.spi_reply(self.answer(event.data))
                elif isinstance(event, PinChanged) and event.port == "B":
                    self.edges.append(event)
        return stop


@pytest.mark.parametrize(
    ("spr", "spi2x", "divisor"),
    [(0, 0, 4), (1, 0, 16), (2, 0, 64), (3, 0, 128), (0, 1, 2), (1, 1, 8), (2, 1, 32), (3, 1, 64)],
)
def test_a_byte_takes_eight_periods_of_the_clock(
    asm_board: MakeBoard, spr: int, spi2x: int, divisor: int
) -> None:
    board = asm_board(
        f"ldi r16, 0x2C\n out DDRB, r16\n ldi r16, {spi2x}\n out SPSR, r16\n ldi r16, {0x50 | spr}\n"
        "out SPCR, r16\n out SPDR, r16\n loop: rjmp loop\n"
    )
    board.watch_pins("B", 0xFF)
    slave = Slave(answer=lambda data: data ^ 0xFF)
    slave.run(board, 7 + 8 * divisor - 2)  # the loop takes two cycles
    (started,) = slave.heard
    assert (started.data, started.cycle, started.period_cycles_q8) == (0x50 | spr, 7, divisor * 256)
    assert board.read_data(0x4D, 1)[0] & SPIF == 0
    slave.run(board, 7 + 8 * divisor)
    assert board.read_data(0x4D, 1)[0] & SPIF == SPIF
    assert board.read_data(0x4E, 1)[0] == 0xFF ^ (0x50 | spr)
    assert slave.edges[-1].cycle == 7 + 8 * divisor  # SCK is back


def mosi_at(slave: Slave, *, rising: bool) -> list[int]:
    """Level of MOSI before each edge of SCK of one kind, from the start of the first byte on."""
    seen, before = [], 0
    for edge in slave.edges:
        clocks = (edge.value ^ before) >> SCK & 1 and edge.cycle > slave.heard[0].cycle
        if clocks and bool(edge.value >> SCK & 1) == rising:
            seen.append(before >> MOSI & 1)
        before = edge.value
    return seen


@pytest.mark.parametrize("lsb_first", [False, True])
@pytest.mark.parametrize(
    ("mode", "rising"), [(0, True), (1, False), (2, False), (3, True)]
)  # section "Data Modes": the edge at which both sides sample
def test_mosi_is_valid_at_the_sampling_edge_of_every_mode(
    c_board: MakeBoard, mode: int, *, rising: bool, lsb_first: bool
) -> None:
    board = c_board(
        PRELUDE
        + f"int main(void) {{ DDRB = 0x2C; SPCR = _BV(SPE) | _BV(MSTR) | {mode << 2 | lsb_first << 5};"
        + "NOTES[0] = transfer(0xA3); done(); }"
    )
    board.watch_pins("B", 0xFF)
    slave = Slave(answer=lambda _: 0x5C)
    assert slave.run(board) == Stop.HALTED
    bits = mosi_at(slave, rising=rising)
    expected = [0xA3 >> n & 1 for n in (range(8) if lsb_first else range(7, -1, -1))]
    assert bits == expected
    assert board.read_data(NOTES, 1) == b"\x5c"
    assert bool(board.read_data(0x23, 1)[0] >> SCK & 1) == (mode >= 2)  # CPOL is the level at rest


@pytest.mark.parametrize(("level", "read"), [(True, 0xFF), (False, 0), (None, 0)])
def test_without_an_answer_miso_is_its_pin(c_board: MakeBoard, level: bool | None, read: int) -> None:
    board = c_board(PRELUDE + f"int main(void) {{ {MASTER}; NOTES[0] = transfer(0x33); done(); }}")
    board.drive_pin("B", MISO, level=level)
    assert Slave().run(board) == Stop.HALTED
    assert board.read_data(NOTES, 1)[0] == read


def test_the_byte_before_can_be_read_while_the_next_is_on_its_way(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + f"""int main(void) {{
            {MASTER} | 3; SPDR = 1; while (!(SPSR & _BV(SPIF))) {{}}
            SPDR = 2; NOTES[0] = SPDR; while (!(SPSR & _BV(SPIF))) {{}} NOTES[1] = SPDR; done(); }}"""
    )
    assert Slave(answer=lambda data: data + 0x40).run(board) == Stop.HALTED
    assert board.read_data(NOTES, 2) == b"\x41\x42"


def test_a_write_during_a_transfer_is_a_collision(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + f"""int main(void) {{
            {MASTER}; SPDR = 1; SPDR = 2; NOTES[0] = SPSR;
            while (!(SPSR & _BV(SPIF))) {{}}
            NOTES[1] = SPSR; NOTES[2] = SPDR; NOTES[3] = SPSR; done(); }}"""
    )
    slave = Slave(answer=lambda _: 0x77)
    assert slave.run(board) == Stop.HALTED
    assert [event.data for event in slave.heard] == [1]
    assert list(board.read_data(NOTES, 4)) == [WCOL, SPIF | WCOL, 0x77, 0]


def test_the_interrupt_clears_its_flag(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + "static volatile uint8_t n;"
        + "ISR(SPI_STC_vect) { NOTES[n++] = SPSR; if (n < 3) SPDR = n; else done(); }"
        + f"int main(void) {{ {MASTER} | _BV(SPIE); SPDR = 0; sei(); for (;;) sleep_mode(); }}"
    )
    slave = Slave()
    assert slave.run(board) == Stop.HALTED
    assert [event.data for event in slave.heard] == [0, 1, 2]
    assert board.read_data(NOTES, 3) == b"\0\0\0"


@pytest.mark.parametrize(
    ("ss_is_output", "master_after"), [(True, True), (False, False)], ids=["output", "input"]
)
def test_a_low_ss_input_ends_being_the_master(
    c_board: MakeBoard, *, ss_is_output: bool, master_after: bool
) -> None:
    board = c_board(
        PRELUDE
        + f"int main(void) {{ DDRB = {0x2C if ss_is_output else 0x28}; PORTB = 4;"
        + " SPCR = _BV(SPE) | _BV(MSTR) | 3; SPDR = 1; for (;;) {} }"
    )
    board.drive_pin("B", SS, level=True)
    slave = Slave()
    slave.run(board, 400)
    board.drive_pin("B", SS, level=False)
    assert bool(board.read_data(0x4C, 1)[0] & 0x10) == master_after
    assert bool(board.read_data(0x4D, 1)[0] & SPIF) != master_after
    slave.run(board, 5000)
    assert bool(board.read_data(0x4D, 1)[0] & SPIF)


def test_the_pins_are_the_programs_again_when_spi_is_off(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + f"int main(void) {{ {MASTER} | _BV(CPOL); PINB; NOTES[0] = PINB; transfer(0xFF); NOTES[1] = PINB;"
        + 'SPCR = 0; PORTB = 0x08; asm("nop"); NOTES[2] = PINB; done(); }'
    )
    assert Slave().run(board) == Stop.HALTED
    assert [note & 0x28 for note in board.read_data(NOTES, 3)] == [0x20, 0x28, 0x08]


def test_power_reduction_keeps_it_from_sending(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + f"int main(void) {{ PRR = _BV(PRSPI); {MASTER}; SPDR = 1; done(); }}")
    slave = Slave()
    assert slave.run(board) == Stop.HALTED
    assert slave.heard == []


SD_CARD_LIBRARY = """
#include <Arduino.h>
#include <SPI.h>
void setup() {
    SPI.begin();
    SPI.beginTransaction(SPISettings(4000000, MSBFIRST, SPI_MODE0));
    digitalWrite(10, LOW);
    uint16_t got = SPI.transfer16(0x1234);
    uint8_t buffer[4] = {1, 2, 3, 4};
    SPI.transfer(buffer, 4);
    digitalWrite(10, HIGH);
    SPI.endTransaction();
    for (uint8_t i = 0; i < 4; i++) ((volatile uint8_t *)0x700)[i] = buffer[i];
    *(volatile uint16_t *)0x704 = got;
    cli(); SMCR = 1; asm("sleep");
}
void loop() {}
"""


def test_the_arduino_library_talks_to_a_slave(arduino_sketch: Callable[[str, str], Image]) -> None:
    image = arduino_sketch(SD_CARD_LIBRARY, "SPI")
    board = Board(image.flash)
    slave = Slave(answer=lambda data: data ^ 0x0F)
    assert slave.run(board, 10_000_000) == Stop.HALTED
    assert [event.data for event in slave.heard] == [0x12, 0x34, 1, 2, 3, 4]
    assert {event.period_cycles_q8 for event in slave.heard} == {4 * 256}
    assert board.read_data(0x700, 6).hex() == "0e0d0c0b3b1d"


def test_after_giving_way_the_pins_are_the_programs(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE + "int main(void) { DDRB = 0x28; PORTB = 0x24; SPCR = _BV(SPE) | _BV(MSTR); for (;;) {} }"
    )
    board.drive_pin("B", SS, level=True)
    board.run(100)
    assert board.read_data(0x23, 1)[0] & 0x20 == 0  # SCK rests low
    board.drive_pin("B", SS, level=False)
    board.run(200)
    assert board.read_data(0x23, 1)[0] & 0x20  # PORTB5 again


def test_a_master_reads_miso_even_where_the_program_made_it_an_output(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE + "int main(void) { DDRB = 0x3C; SPCR = 0x50; NOTES[0] = transfer(0x33); done(); }"
    )
    board.drive_pin("B", MISO, level=True)
    assert Slave().run(board) == Stop.HALTED
    assert board.read_data(NOTES, 1) == b"\xff"


def test_a_transfer_waits_while_deep_sleep_stops_its_clock(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + f"""EMPTY_INTERRUPT(PCINT2_vect);
        int main(void) {{
            PCICR = 4; PCMSK2 = 0x80; {MASTER} | 3;
            set_sleep_mode(SLEEP_MODE_PWR_DOWN); sleep_enable(); sei();
            SPDR = 0x5A; sleep_cpu(); for (;;) {{}} }}"""
    )
    slave = Slave(answer=lambda _: 0x66)
    slave.run(board, 50_000)
    assert board.asleep
    board.drive_pin("D", 7, level=True)
    slave.run(board, 50_000 + 16_384 + 900)
    assert board.read_data(0x4D, 1)[0] & SPIF == 0  # most of its 1,024 cycles were still to come
    slave.run(board, 50_000 + 16_384 + 1100)
    assert board.read_data(0x4D, 1)[0] & SPIF
    assert board.read_data(0x4E, 1) == b"\x66"
