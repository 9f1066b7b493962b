"""Snapshots, forks and power cuts: the run goes on, the experiment is another machine."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.board import CLOCK_HZ, Board, UartSent, load_image
from unosim.experiments import BranchError, branch, power_cuts
from unosim.modem import Modem, Radio
from unosim.network import VirtualNetwork
from unosim.parts import Button, Dht, Led
from unosim.simulation import Simulation
from unosim.uno import Uno

Sketch = Callable[..., Path]

# Writes 0x55, 0x56, 0x57 ... to one EEPROM byte for ever, and says the value it found at its start.
WRITER = """
#include <avr/eeprom.h>
void setup() {
    Serial.begin(115200);
    uint8_t value = eeprom_read_byte((uint8_t *)7);
    Serial.write(value);
    for (value = 0x55;; value++) { eeprom_update_byte((uint8_t *)7, value); delay(5); }
}
void loop() {}
"""
# Says each second how often pin 2 was pressed; blinks meanwhile.
COUNTER = """
void setup() { Serial.begin(115200); pinMode(2, INPUT_PULLUP); pinMode(13, OUTPUT); }
void loop() {
    static uint8_t before = 1, count = 0;
    static unsigned long said = 0;
    uint8_t now = digitalRead(2);
    if (before && !now) count++;
    before = now;
    digitalWrite(13, millis() >> 7 & 1);
    if (millis() - said >= 1000) { said += 1000; Serial.write('0' + count % 64); }
}
"""


def said(uno: Uno, seconds: float) -> bytes:
    return bytes(event.data for event in uno.run_for(seconds) if isinstance(event, UartSent))


def test_a_fork_goes_on_as_its_original_does_and_neither_sees_the_other(sketch: Sketch) -> None:
    board = Board(load_image(sketch(COUNTER)).flash)
    presses = [(n * 100_000_000, 40_000_000) for n in range(1, 60)]
    uno = Uno(board, [Button(2, presses, seed=3), led := Led()])
    uno.run_for(2.34567)
    twin = uno.fork()
    twin_led = next(part for part in twin.parts if isinstance(part, Led))
    assert twin_led is not led
    seen = said(uno, 3)
    changes = led.changes
    assert said(twin, 3) == seen != b""
    assert twin_led.changes == changes
    assert twin.board.snapshot() == uno.board.snapshot()


def test_pwm_and_pins_are_watched_in_a_fork_too(sketch: Sketch) -> None:
    dimmer = sketch("void setup() { analogWrite(5, 64); }\nvoid loop() {}\n")
    uno = Uno(Board(load_image(dimmer).flash), [Led(5)])
    uno.run_for(0.1)
    twin = uno.fork()
    twin.run_for(0.4)
    (led,) = twin.parts
    assert isinstance(led, Led)
    assert led.lit_share(100_000_000, 500_000_000) == pytest.approx(65 / 256, abs=0.005)


def test_the_power_is_cut_at_a_thousand_cycles_of_a_write(sketch: Sketch) -> None:
    """The old value, the new one, or a torn one; the run itself never notices."""
    image = load_image(sketch(WRITER))
    uno, alone = Uno(Board(image.flash)), Uno(Board(image.flash))
    begin = round(0.02 * CLOCK_HZ)
    found: list[int] = []
    for cut in power_cuts(uno, range(begin, begin + 300_000, 300)):
        before = cut.uno.board.eeprom[7]
        assert cut.cycle - begin - 300 * len(found) in range(8)
        found.append(said(cut.uno, 0.0003)[0])
        assert found[-1] == before
    alone.run_for(uno.now_ns / 1e9 - alone.now_ns / 1e9)
    assert len(found) == 1000
    written = sorted(set(found) & set(range(0x55, 0x65)))
    assert len(written) >= 4  # one each 5 ms, for 19 ms
    assert written == list(range(written[0], written[-1] + 1))
    assert set(found) - set(written)  # torn
    assert uno.board.eeprom == alone.board.eeprom


def test_a_program_that_ends_ends_the_cuts(sketch: Sketch) -> None:
    elf = sketch("#include <avr/sleep.h>\nvoid setup() { cli(); sleep_mode(); }\nvoid loop() {}\n")
    cuts = [cut.cycle for cut in power_cuts(Uno(Board(load_image(elf).flash)), [50, 100, 10**9])]
    assert cuts == [pytest.approx(50, abs=4), pytest.approx(100, abs=4)]


def test_a_cut_gives_parts_new_power(sketch: Sketch) -> None:
    uno = Uno(Board(load_image(sketch(COUNTER)).flash), [Dht(4), Button(2)])
    uno.run_for(2)
    (cut,) = power_cuts(uno, [uno.board.cycle])
    sensor = cut.uno.parts[0]
    assert isinstance(sensor, Dht)
    assert sensor._stable_ns == cut.uno.now_ns + 1_000_000_000
    assert sensor is not uno.parts[0]


def test_a_branch_takes_the_modem_along_and_changes_nothing_here(sketch: Sketch) -> None:
    chatter = sketch(
        'void setup() { Serial.begin(115200); }\nvoid loop() { Serial.print("AT\\r\\n"); delay(99); }'
    )
    simulation = Simulation(Board(load_image(chatter).flash), Modem(radio=Radio([])), VirtualNetwork({}))

    def digest_at(limit_s: float) -> str:
        simulation.run_to(limit_s)
        return simulation.trace.digest()

    def cut_and_reboot() -> tuple[int, bool]:
        boots = len([entry for entry in simulation.trace.entries if b"ets Jan" in entry.data])
        simulation.power_cycle()
        simulation.run_to(2)
        again = [entry for entry in simulation.trace.entries if b"ets Jan" in entry.data]
        return len(again) - boots, simulation.trace.entries[-1].at_ns > simulation.now_ns - 200_000_000

    digest = digest_at(1)
    ahead = branch(functools.partial(digest_at, 2))
    assert branch(cut_and_reboot) == (1, True)
    assert simulation.trace.digest() == digest
    assert digest_at(2) == ahead != digest


def test_a_branch_that_fails_says_why() -> None:
    with pytest.raises(BranchError, match="ZeroDivisionError: "):
        branch(lambda: 1 // 0)
    with pytest.raises(BranchError, match=r"the process of the experiment has died \(wait status 9\)"):
        branch(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(BranchError, match="pickle"):
        branch(lambda: lambda: None)
    assert branch(lambda: "x" * 1_000_000) == "x" * 1_000_000
