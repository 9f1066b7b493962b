"""Cuts of the power of an Uno: a program that writes its EEPROM, and our own image."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from unosim.board import Board, Image, load_image
from unosim.clock import NS_PER_S
from unosim.esp01 import Module
from unosim.faults import Injection, Plan
from unosim.lab import set_up_eeprom
from unosim.network import VirtualNetwork
from unosim.simulation import Simulation
from unosim.trace import Channel

FIRMWARE = Path(__file__).parents[3] / ".pio/build/uno/firmware.elf"

# ldi r16, 0; next: in r18, EECR; sbrc r18, EEPE; rjmp next; ldi r17, 0x5A; out EEDR, r17;
# ldi r19, 4 (EEMPE); ldi r20, 6 (EEMPE | EEPE); out EEARL, r16; out EECR, r19; out EECR, r20; inc r16;
# rjmp next
WRITES_ALL = [
    *(0xE000, 0xB32F, 0xFD21, 0xCFFD, 0xE51A, 0xBD10, 0xE034, 0xE046),
    *(0xBD01, 0xBB3F, 0xBB4F, 0x9503, 0xCFF4),
]


def words(program: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2, "little") for word in program)


def simulated(plan: str, image: Image) -> tuple[Simulation, Injection]:
    injection = Injection(Plan.parse(plan))
    module = Module()
    simulation = Simulation(
        Board(image.flash, eeprom=image.eeprom),
        injection.modem(module.make()),
        injection.network(VirtualNetwork({})),
        supply=injection.supply(),
    )
    return simulation, injection


def run_to(simulation: Simulation, *instants_s: float) -> Iterable[float]:
    for limit_s in instants_s:
        simulation.run_to(limit_s)
        yield limit_s


@pytest.fixture(scope="module")
def image() -> Image:
    assert FIRMWARE.exists(), f"no image at {FIRMWARE}: run make firmware"
    image = load_image(FIRMWARE)
    return dataclasses.replace(image, eeprom=set_up_eeprom(image.flash))


def test_uno_and_module_start_anew_at_the_cycle(image: Image) -> None:
    simulation, injection = simulated("power-cut@32000000; power-cut@8000000", image)
    list(run_to(simulation, 4))
    boots = simulation.trace.heard(Channel.ESP_TX).count(b"rst cause:1")
    assert boots == 3
    assert simulation.trace.heard(Channel.UNO_TX).count(b"AT") >= 2
    assert [str(one.fault) for one in injection.happened] == ["power-cut@8000000", "power-cut@32000000"]
    for stroke, cycle in zip(injection.happened, (8_000_000, 32_000_000), strict=True):
        assert 0 <= stroke.at_ns - cycle * NS_PER_S // 16_000_000 < 1_000


def test_a_write_is_torn_and_those_before_it_are_not() -> None:
    simulation, injection = simulated("torn-eeprom@3", Image(words(WRITES_ALL), eeprom=bytes(1024)))
    while not injection.happened:
        simulation.run_to(simulation.now_ns / NS_PER_S + 0.001)
    written, torn, untouched = (simulation.board.eeprom[part] for part in (slice(3), 3, 4))
    assert (written, untouched) == (b"\x5a\x5a\x5a", 0)
    assert torn not in {0x00, 0x5A}


def test_a_plan_for_the_supply_repeats_itself(image: Image) -> None:
    def digest(plan: str) -> str:
        simulation, _ = simulated(plan, image)
        list(run_to(simulation, 3))
        return simulation.trace.digest()

    assert digest("power-cut@16000001") == digest("power-cut@16000001") != digest("power-cut@24000000")
    assert digest("") == digest("power-cut@999999999")
