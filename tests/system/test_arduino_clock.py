"""Arduino's time functions on the node's clock, linked as a sensor's library would link them, and timed."""

import os
import subprocess
from pathlib import Path

import pytest

from unosim.board import CLOCK_HZ, Board, Image, PinChanged, load_image

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".pio/build/uno"
CYCLES_A_US = CLOCK_HZ // 1_000_000

# pulseInLong() is the core's own code, and stands for a library: it calls micros().
PROGRAM = """
#include "hal/clock.h"
#include <Arduino.h>
#include <avr/sleep.h>
#include <util/delay_basic.h>
volatile unsigned long step_us;                  // the greatest one of micros()
volatile unsigned long masked_us[2] = {1000, 0}; // 300 us with interrupts off: least and greatest
volatile unsigned long begin_us, end_us, end_ms, pulse_us;

int main() {
    DDRB = _BV(DDB5);
    hal::clock_start();
    for (unsigned long last = micros(); last < 100000;) {
        const unsigned long now = micros();
        step_us = max(step_us, now - last);
        last = now;
    }
    for (uint8_t i = 0; i < 200; ++i) {
        cli();
        const unsigned long begin = micros();
        delayMicroseconds(300);
        const unsigned long took_us = micros() - begin;
        masked_us[0] = min(masked_us[0], took_us);
        masked_us[1] = max(masked_us[1], took_us);
        sei();
        delayMicroseconds(i);
    }
    for (uint8_t i = 0; i < 240; ++i) { // over the end of a millisecond, cycle by cycle
        cli();
        GTCCR = _BV(PSRASY);
        TCNT2 = 123;
        _delay_loop_1(i / 3 + 1);
        if (i % 3 > 0) asm volatile("nop");
        if (i % 3 > 1) asm volatile("nop");
        const unsigned long before = micros();
        sei();
        step_us = max(step_us, micros() - before);
    }
    begin_us = micros();
    PORTB = _BV(PORTB5);
    delay(7);
    PORTB = 0;
    delayMicroseconds(500);
    PORTB = _BV(PORTB5);
    delayMicroseconds(16383);
    PORTB = 0;
    end_us = micros();
    end_ms = millis();
    pulse_us = pulseInLong(2, HIGH, 5000); // there is none: it gives up
    cli();
    sleep_enable();
    sleep_cpu();
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The program, linked with the board's clock and the Arduino core, by which it must not be doubled."""
    usr = next(one for one in (ROOT / ".tools/debian/usr", Path("/usr")) if (one / "bin/avr-g++").exists())
    arduino = usr / "share/arduino/hardware/arduino/avr"
    folder = tmp_path_factory.mktemp("clock")
    source, elf = folder / "program.cpp", folder / "program.elf"
    source.write_text(PROGRAM)
    done = subprocess.run(
        [
            *("avr-g++", "-mmcu=atmega328p", "-DF_CPU=16000000L", "-Os", "-std=gnu++14", "-flto", "-Wall"),
            *("-Wextra", "-Werror", "-I", str(arduino / "cores/arduino")),
            *("-I", str(arduino / "variants/standard"), "-I", str(ROOT / "firmware/lib/hal/include")),
            *(str(source), str(ROOT / "firmware/src/uno/clock.cpp")),
            *(str(BUILD / "libFrameworkArduino.a"), "-o", str(elf)),
        ],
        env=os.environ | {"PATH": f"{usr / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return load_image(elf)


def test_libraries_get_the_time_and_can_wait(image: Image) -> None:
    board = Board(image.flash)
    board.watch_pins("B", 1 << 5)
    edges = []
    while not board.asleep and board.cycle < CLOCK_HZ:
        board.run(CLOCK_HZ)
        edges += [event.cycle / CYCLES_A_US for event in board.take_events() if isinstance(event, PinChanged)]

    def numbers(name: str) -> list[int]:
        symbol = image.symbols[name]
        stored = board.read_data(symbol.address, symbol.size)
        return [int.from_bytes(stored[at : at + 4], "little") for at in range(0, symbol.size, 4)]

    assert board.asleep
    (greatest_us,) = numbers("step_us")
    assert 8 <= greatest_us <= 24  # a step back would be one of nearly 2^32
    least_us, greatest_us = numbers("masked_us")
    assert 296 <= least_us <= greatest_us <= 328
    first_us, second_us, third_us, fourth_us = edges
    assert second_us - first_us == pytest.approx(7000, abs=20)
    assert third_us - second_us == pytest.approx(500, abs=10)
    assert fourth_us - third_us == pytest.approx(16383, abs=16383 * 0.005)  # the clock's interrupts add to it
    (begin_us,), (end_us,) = numbers("begin_us"), numbers("end_us")
    assert end_us - begin_us == pytest.approx(fourth_us - first_us, abs=40)
    assert numbers("end_ms") == [end_us // 1000]
    assert numbers("pulse_us") == [0]


def test_the_node_has_no_byte_of_them(images: dict[str, Image]) -> None:
    for each in images.values():
        assert not {"millis", "micros", "delay", "delayMicroseconds"} & each.symbols.keys()
