"""Whole programs on the board and on avr8js 0.21.1 under Node: the same cycles, registers and SRAM.

Where the two differ, DIFFERENCES says which is right and why. A difference that disappears fails as well.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sim.board.programs import PRELUDE, PROGRAMS
from unosim.board import Board, Image, Stop, UartSent

NODE = Path(__file__).parents[3] / ".tools" / "node"
RAM_FILL = 0x5A
CYCLES_MAX = 50_000_000
SRAM_START, NOTES, DATA_BYTES = 0x100, 0x700, 0x900

NOTE = "#define NOTES ((volatile uint8_t *)0x700)\n#include <avr/io.h>\n#include <avr/eeprom.h>\n"
ONE_LOOK = "uint8_t now = COUNT; NOTES[i] = now - last; last = now;"  # how far it has moved
POLL = (
    "for (uint8_t i = 0; i < 100; i++) {"
    + ONE_LOOK
    + "for (volatile uint8_t j = 0; j < i; j++) {} }"
    + "NOTES[0] = 0; done();"  # when it was started does not matter
)
ONE_AT_A_TIME = """
    for (uint8_t i = 0; i < 10; i++) {
        TIMSK1 = 0; TCNT1 = 0; TIFR1 = 7; TIMSK1 = 2;
        __builtin_avr_delay_cycles(100);
    }
    done();"""

AGREEING = {f"opcodes: {name}": text for name, text in PROGRAMS.items()} | {
    "timer 0, normal": "int main(void) { uint8_t last = 0; TCCR0B = 1; "
    + POLL.replace("COUNT", "TCNT0")
    + "}",
    "timer 1, normal": "int main(void) { uint8_t last = 0; TCCR1B = 1; "
    + POLL.replace("COUNT", "TCNT1L")
    + "}",
    "timer 2, normal": "int main(void) { uint8_t last = 0; TCCR2B = 1; "
    + POLL.replace("COUNT", "TCNT2")
    + "}",
    "UART, one byte": "int main(void) { UBRR0 = 8; UCSR0B = 8; UDR0 = 65; while (!(UCSR0A & 64)); done(); }",
    "SPI, ten bytes": """
        int main(void) {
            DDRB = 0x2C; SPCR = 0x50;
            for (uint8_t i = 0; i < 10; i++) { SPDR = i; while (!(SPSR & 128)) {} NOTES[i] = SPDR; }
            done(); }""",
    "port B": """
        int main(void) {
            DDRB = 0x0F;
            for (uint8_t i = 0; i < 16; i++) { PORTB = i; asm("nop"); NOTES[i] = PINB; }
            PINB = 3; asm("nop"); NOTES[20] = PINB; done(); }""",
    "EEPROM, read": """
        int main(void) {
            for (uint8_t i = 0; i < 10; i++) NOTES[i] = eeprom_read_byte((uint8_t *)(uint16_t)i);
            done(); }""",
}


class Difference(NamedTuple):
    """A program on which the two differ, who is right, and by how many cycles ours is longer."""

    program: str
    why: str
    cycles: Callable[[int], bool]
    memory_differs: bool = False


DIFFERENCES = {
    "entering an interrupt": Difference(
        "ISR(TIMER1_COMPA_vect) { TIMSK1 = 0; NOTES[40]++; }\n"
        "int main(void) { NOTES[40] = 0; OCR1A = 30; TCCR1B = 1; sei();" + ONE_AT_A_TIME + "}",
        "takes four cycles (DS40002061 section 7.7.1); avr8js takes two",
        lambda more: more == 10 * 2,
        memory_differs=True,  # where in the delay it came is left on the stack
    ),
    "the prescaler's phase": Difference(
        "int main(void) { uint8_t last = 0; TCCR0B = 3; " + POLL.replace("COUNT", "TCNT0") + "}",
        "it runs freely from reset on (section 'Prescaler Reset'); in avr8js from the timer's start",
        lambda more: more == 0,
        memory_differs=True,
    ),
    "a compare value that is already reached": Difference(
        'int main(void) { OCR0A = 100; TCCR0B = 1; for (uint8_t i = 0; i < 9; i++) asm("nop");'
        " NOTES[0] = TIFR0; done(); }",
        "the comparator compares all the time, the start included (section 15.5); avr8js misses OCR0B = 0",
        lambda more: more == 0,
        memory_differs=True,
    ),
    "bytes back to back": Difference(
        "int main(void) { UBRR0 = 8; UCSR0B = 8; for (uint8_t i = 0; i < 10; i++) { while (!(UCSR0A & 32)) {}"
        " UDR0 = 65 + i; } while (!(UCSR0A & 64)) {} done(); }",
        "the transmitter is double buffered ('Data Transmission'); avr8js leaves a gap after each byte",
        lambda more: -9 * 8 < more < 0,
        memory_differs=True,
    ),
    "the start of a conversion": Difference(
        "int main(void) { ADMUX = 0x40; ADCSRA = 0x87; for (uint8_t i = 0; i < 4; i += 2) { ADCSRA |= 64;"
        " while (ADCSRA & 64) {} NOTES[i] = ADCL; NOTES[i + 1] = ADCH; } done(); }",
        "is at the next rising edge of the ADC clock (section 'Starting a Conversion'); in avr8js at once",
        lambda more: 0 < more <= 2 * 128 + 16,
    ),
    "writing EEPROM": Difference(
        "int main(void) { eeprom_write_byte((uint8_t *)5, 0x33); eeprom_write_byte((uint8_t *)6, 0x34);"
        " NOTES[0] = eeprom_read_byte((uint8_t *)5); done(); }",
        "erasing and writing in one takes 3.4 ms (table 8-1); avr8js adds the 1.8 ms of each alone",
        lambda more: -2 * 3200 - 20 < more < -2 * 3200 + 20,
    ),
}


class Result(NamedTuple):
    """What is left of a program."""

    cycles: int
    sent: bytes
    registers: str
    sram: str


@pytest.fixture(scope="module")
def avr8js(
    avr_compile: Callable[[str], Image], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Result]:
    """Every program of this file on avr8js, by name; one process for all."""
    if not (NODE / "node").exists():
        pytest.fail("avr8js is missing: make oracles")
    folder = tmp_path_factory.mktemp("avr8js")
    programs = AGREEING | {name: difference.program for name, difference in DIFFERENCES.items()}
    files = []
    for n, text in enumerate(programs.values()):
        files.append(folder / f"{n}.bin")
        files[-1].write_bytes(avr_compile(PRELUDE + NOTE + text).flash)
    oracle = Path(__file__).with_name("avr8js_oracle.mjs")
    done = subprocess.run(
        [NODE / "node", oracle, NODE, str(CYCLES_MAX), *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = {}
    for name, line in zip(programs, done.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        assert answer["asleep"], f"{name} does not end on avr8js"
        data = bytes.fromhex(answer["data"])
        results[name] = Result(
            answer["cycles"], bytes(answer["sent"]), data[:32].hex(" "), data[SRAM_START:].hex(" ")
        )
    return results


def on_the_board(flash: bytes) -> Result:
    board = Board(flash, ram_fill=RAM_FILL)
    board.set_analog_mv(0, 2500)
    sent = b""
    while (stop := board.run(CYCLES_MAX)) == Stop.EVENT:
        sent += bytes(event.data for event in board.take_events() if isinstance(event, UartSent))
    assert stop == Stop.HALTED
    sram = board.read_data(SRAM_START, DATA_BYTES - SRAM_START)
    return Result(board.cycle, sent, board.read_data(0, 32).hex(" "), sram.hex(" "))


@pytest.mark.parametrize("name", AGREEING)
def test_cycles_and_memory_agree_with_avr8js(
    avr8js: dict[str, Result], avr_compile: Callable[[str], Image], name: str
) -> None:
    ours = on_the_board(avr_compile(PRELUDE + NOTE + AGREEING[name]).flash)
    assert ours == avr8js[name]
    assert ours.cycles > 100


@pytest.mark.parametrize("name", DIFFERENCES)
def test_named_difference_is_real(
    avr8js: dict[str, Result], avr_compile: Callable[[str], Image], name: str
) -> None:
    difference = DIFFERENCES[name]
    ours = on_the_board(avr_compile(PRELUDE + NOTE + difference.program).flash)
    theirs = avr8js[name]
    assert difference.cycles(ours.cycles - theirs.cycles), (
        f"{ours.cycles} - {theirs.cycles}: {difference.why}"
    )
    assert ours.sent == theirs.sent
    assert (ours[2:] != theirs[2:]) == difference.memory_differs, difference.why
    assert ours != theirs, f"avr8js now agrees; delete the line: {difference.why}"
