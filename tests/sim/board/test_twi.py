"""TWI as a master (DS40002061 section 22): the dialogue and its status codes, the clock, a held bus."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from unosim.board import Board, Image, Stop, TwiBegan, TwiStep

MakeBoard = Callable[..., Board]

NOTES = 0x200

PRELUDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#define NOTES ((volatile uint8_t *)0x200)
static volatile uint8_t n;
static void done(void) { cli(); sleep_enable(); sleep_cpu(); for (;;) {} }
static void act(uint8_t control) {
    TWCR = _BV(TWINT) | _BV(TWEN) | control;
    while (!(TWCR & _BV(TWINT))) {}
    NOTES[n++] = TWSR;
}
static void start(void) { act(_BV(TWSTA)); }
static void put(uint8_t data) { TWDR = data; act(0); }
static void get(uint8_t more) { act(more ? _BV(TWEA) : 0); NOTES[n++] = TWDR; }
static void stop(void) {
    TWCR = _BV(TWINT) | _BV(TWEN) | _BV(TWSTO);
    while (TWCR & _BV(TWSTO)) {}
    NOTES[n++] = TWSR;
}
"""


@dataclass
class Eeprom:
    """A 24C02 at one address: one byte of address within it, then data either way."""

    address: int = 0x50
    memory: dict[int, int] = field(default_factory=dict)
    steps: list[TwiBegan] = field(default_factory=list)
    _place: int = 0
    _bytes: int = -1  # since the START; -1: not addressed

    def run(self, board: Board, until: int = 5_000_000) -> Stop:
        while (stop := board.run(until)) == Stop.EVENT:
            for event in board.take_events():
                if isinstance(event, TwiBegan):
                    self.steps.append(event)
                    self._hear(board, event)
        return stop

    def _hear(self, board: Board, event: TwiBegan) -> None:
        previous = self.steps[-2].step if len(self.steps) > 1 else TwiStep.STOP
        if event.step == TwiStep.WRITE and previous in {TwiStep.START, TwiStep.REPEATED_START}:
            self._bytes = 0 if event.data >> 1 == self.address else -1
            board.twi_answer(ack=self._bytes == 0)
        elif self._bytes >= 0 and event.step == TwiStep.WRITE:
            if self._bytes == 0:
                self._place = event.data
            else:
                self.memory[self._place] = event.data
                self._place += 1
            self._bytes += 1
            board.twi_answer(ack=True)
        elif self._bytes >= 0 and event.step == TwiStep.READ:
            board.twi_answer(data=self.memory.get(self._place, 0xFF))
            self._place += 1


def dialogue(board: Board) -> tuple[Eeprom, list[str]]:
    eeprom = Eeprom(memory={0x11: 0xA1, 0x12: 0xA2})
    assert eeprom.run(board) == Stop.HALTED
    count = board.read_data(NOTES + 0x3F, 1)[0]
    return eeprom, [f"{note:02x}" for note in board.read_data(NOTES, count)]


@pytest.mark.parametrize(
    ("program", "codes"),
    [
        pytest.param("start(); put(0xA0); put(0x20); put(0x55); stop();", "08 18 28 28 f8", id="write"),
        pytest.param(
            "start(); put(0xA0); put(0x11); start(); put(0xA1); get(1); get(0); stop();",
            "08 18 28 10 40 50 a1 58 a2 f8",
            id="random read",
        ),
        pytest.param("start(); put(0xA4); stop();", "08 20 f8", id="nobody at that address"),
        pytest.param("start(); put(0xA5); stop();", "08 48 f8", id="nobody to read from"),
        pytest.param("start(); put(0xA4); put(0x11); stop();", "08 20 30 f8", id="data that nobody takes"),
    ],
)
def test_dialogue_with_an_eeprom(c_board: MakeBoard, program: str, codes: str) -> None:
    board = c_board(PRELUDE + f"int main(void) {{ TWBR = 72; {program} NOTES[0x3F] = n; done(); }}")
    eeprom, seen = dialogue(board)
    assert seen == codes.split()
    if "0x55" in program:
        assert eeprom.memory[0x20] == 0x55


def test_steps_are_told_with_their_data(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE + "int main(void) { TWBR = 72; start(); put(0xA0); put(0x11); start(); put(0xA1); get(1);"
        " get(0); stop(); NOTES[0x3F] = n; done(); }"
    )
    eeprom, _ = dialogue(board)
    assert [(event.step.name, event.data) for event in eeprom.steps] == [
        ("START", 0),
        ("WRITE", 0xA0),
        ("WRITE", 0x11),
        ("REPEATED_START", 0),
        ("WRITE", 0xA1),
        ("READ", 1),
        ("READ", 0),
        ("STOP", 0),
    ]


@pytest.mark.parametrize(
    ("twbr", "prescaler", "period"),
    [(72, 0, 160), (12, 0, 40), (0, 0, 16), (10, 1, 96), (3, 2, 112), (1, 3, 144)],
)
def test_a_byte_takes_nine_periods_of_twbr_and_twps(
    asm_board: MakeBoard, twbr: int, prescaler: int, period: int
) -> None:
    board = asm_board(
        f"ldi r16, {twbr}\n sts TWBR, r16\n ldi r16, {prescaler}\n sts TWSR, r16\n"
        "ldi r16, 0xA0\n sts TWDR, r16\n ldi r16, 0xA4\n sts TWCR, r16\n"
        "one: lds r17, TWCR\n sbrs r17, 7\n rjmp one\n"
        "ldi r16, 0x84\n sts TWCR, r16\n loop: rjmp loop\n"
    )
    eeprom = Eeprom()
    eeprom.run(board, 20)
    written = eeprom.steps[0].cycle + 1
    while len(eeprom.steps) < 2:
        eeprom.run(board, board.cycle + 1)
    assert 0 < eeprom.steps[1].cycle - (written + period) < 16  # the loop that waits for START
    begun = eeprom.steps[1].cycle + 1
    assert eeprom.steps[1].period_cycles_q8 == period * 256
    eeprom.run(board, begun + 9 * period - 2)
    assert board.read_data(0xBC, 1)[0] & 0x80 == 0
    eeprom.run(board, begun + 9 * period)
    assert board.read_data(0xBC, 1)[0] & 0x80
    assert board.read_data(0xB9, 1)[0] == 0x18 | prescaler


def test_start_waits_while_the_bus_is_held(c_board: MakeBoard) -> None:
    board = c_board(PRELUDE + "int main(void) { TWBR = 72; start(); done(); }")
    board.drive_pin("C", 4, level=False)  # a slave that was interrupted in mid-byte
    eeprom = Eeprom()
    assert eeprom.run(board, 100_000) == Stop.LIMIT
    assert eeprom.steps == []
    board.drive_pin("C", 4, level=True)
    assert eeprom.run(board, 200_000) == Stop.HALTED
    assert [event.cycle for event in eeprom.steps] == [pytest.approx(100_000, abs=5)]


def test_the_interrupt_comes_and_stays_until_twint_is_cleared(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """ISR(TWI_vect) {
            NOTES[n++] = TWSR;
            if (n == 1) { TWDR = 0xA0; TWCR = _BV(TWINT) | _BV(TWEN) | _BV(TWIE); }
            else if (n < 4) { TWCR = _BV(TWEN) | _BV(TWIE); } // not cleared: again at once
            else { TWCR = _BV(TWINT) | _BV(TWEN) | _BV(TWSTO); NOTES[0x3F] = n; done(); }
        }
        int main(void) {
            TWBR = 72; TWCR = _BV(TWINT) | _BV(TWSTA) | _BV(TWEN) | _BV(TWIE); sei();
            for (;;) sleep_mode();
        }"""
    )
    _, codes = dialogue(board)
    assert codes == ["08", "18", "18", "18"]


def test_writing_data_during_a_byte_is_a_collision(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """int main(void) {
            TWBR = 72; start(); TWDR = 0xA0; TWCR = _BV(TWINT) | _BV(TWEN);
            TWDR = 0x33; NOTES[1] = TWCR & _BV(TWWC); NOTES[2] = TWDR;
            while (!(TWCR & _BV(TWINT))) {}
            NOTES[3] = TWSR; TWDR = 1; NOTES[4] = TWCR & _BV(TWWC); NOTES[0x3F] = 5; done(); }"""
    )
    _, notes = dialogue(board)
    assert notes == ["08", "08", "a0", "18", "00"]


@pytest.mark.parametrize("off", ["TWCR = 0", "PRR = _BV(PRTWI); TWCR = _BV(TWEN) | _BV(TWINT)"])
def test_switching_it_off_leaves_the_bus(c_board: MakeBoard, off: str) -> None:
    board = c_board(
        PRELUDE
        + f"int main(void) {{ TWBR = 72; start(); {off}; PRR = 0; start(); NOTES[0x3F] = n; done(); }}"
    )
    _, codes = dialogue(board)
    assert codes == ["08", "08"]  # not a repeated START


WIRE_SKETCH = """
#include <Arduino.h>
#include <Wire.h>
void setup() {
    volatile uint8_t *notes = (volatile uint8_t *)0x700;
    Wire.begin();
    Wire.beginTransmission(0x50); Wire.write(0x30); Wire.write("abc"); notes[0] = Wire.endTransmission();
    Wire.beginTransmission(0x51); notes[1] = Wire.endTransmission();
    Wire.beginTransmission(0x50); Wire.write(0x30); Wire.endTransmission(false);
    notes[2] = Wire.requestFrom(0x50, 3);
    for (uint8_t i = 3; Wire.available(); i++) notes[i] = Wire.read();
    cli(); SMCR = 1; asm("sleep");
}
void loop() {}
"""


def test_the_arduino_library_writes_and_reads_an_eeprom(arduino_sketch: Callable[[str, str], Image]) -> None:
    board = Board(arduino_sketch(WIRE_SKETCH, "Wire").flash)
    eeprom = Eeprom()
    assert eeprom.run(board, 20_000_000) == Stop.HALTED
    assert board.read_data(0x700, 6) == bytes([0, 2, 3]) + b"abc"  # 2: address not acknowledged
    assert eeprom.memory == {0x30: ord("a"), 0x31: ord("b"), 0x32: ord("c")}


def test_a_byte_waits_while_deep_sleep_stops_its_clock(c_board: MakeBoard) -> None:
    board = c_board(
        PRELUDE
        + """EMPTY_INTERRUPT(PCINT2_vect);
        int main(void) {
            PCICR = 4; PCMSK2 = 0x80; TWBR = 72; start(); TWDR = 0xA0;
            set_sleep_mode(SLEEP_MODE_PWR_DOWN); sleep_enable(); sei();
            TWCR = _BV(TWINT) | _BV(TWEN); sleep_cpu(); for (;;) {} }"""
    )
    eeprom = Eeprom()
    eeprom.run(board, 50_000)
    assert board.asleep
    board.drive_pin("D", 7, level=True)
    eeprom.run(board, 50_000 + 16_384 + 1300)
    assert board.read_data(0xBC, 1)[0] & 0x80 == 0  # a byte takes 1,440 cycles
    eeprom.run(board, 50_000 + 16_384 + 1500)
    assert board.read_data(0xBC, 1)[0] & 0x80
    assert board.read_data(0xB9, 1) == b"\x18"
