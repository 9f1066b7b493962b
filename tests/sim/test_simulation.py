"""What meets in a simulation besides bytes: pins, parts, resets and power."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unosim.board import Board, load_image
from unosim.board_serial import HardwareSerial, PinSerial
from unosim.clock import NS_PER_S
from unosim.modem import NONOS_1_7_4, AccessPoint, Crash, Modem, Radio, Settings
from unosim.modem.actions import Output
from unosim.modem.events import Acknowledged
from unosim.modem.settings import UartFormat
from unosim.network import VirtualNetwork
from unosim.parts import Led
from unosim.reset_wire import ResettableModule, ResetWire
from unosim.simulation import Simulation, SimulationError, Wiring
from unosim.trace import Channel
from unosim.uart_module import UartModule

Sketch = Callable[..., Path]

# Sends AT on pins 2 and 3 at 9600 baud until it hears OK, then lights pin 13.
SOFT_AT = """
#include <SoftwareSerial.h>
SoftwareSerial esp(2, 3);
void setup() { Serial.begin(115200); pinMode(13, OUTPUT); esp.begin(9600); delay(1000); }
void loop() {
    esp.print("AT\\r\\n");
    if (esp.find("OK")) digitalWrite(13, HIGH);
    Serial.print("unheard");
}
"""
# After a second, pulls pin 5 low for 50 ms, then says AT.
RESETTER = """
void setup() {
    Serial.begin(115200);
    delay(1000); pinMode(5, OUTPUT); delay(50); pinMode(5, INPUT); delay(1000);
    Serial.print("AT\\r\\n");
}
void loop() {}
"""
# Keeps what it hears, from its start on.
COLLECTOR = """
char heard[700];
void setup() { Serial.begin(115200); }
void loop() { static uint16_t n = 0; if (Serial.available() && n < 700) heard[n++] = Serial.read(); }
"""


def modem(baud: int = 115_200) -> Modem:
    settings = Settings(uart=UartFormat(baud))
    return Modem(NONOS_1_7_4, radio=Radio([AccessPoint("lab")]), settings=settings)


def simulated(elf: Path, module: UartModule, **wired: Any) -> Simulation:
    return Simulation(Board(load_image(elf).flash), module, VirtualNetwork({}), **wired)


def test_a_modem_is_heard_on_the_pins_of_a_software_serial(sketch: Sketch) -> None:
    elf = sketch(SOFT_AT, "SoftwareSerial")
    simulation = simulated(elf, modem(9600), wiring=PinSerial, parts=[led := Led()])
    simulation.run_to(3)
    assert led.lit
    assert simulation.trace.heard(Channel.UNO_TX).startswith(b"AT\r\n")
    assert b"unheard" not in simulation.trace.heard(Channel.UNO_TX)
    again = simulated(elf, modem(9600), wiring=PinSerial, parts=[Led()])
    again.run_to(3)
    assert again.trace.digest() == simulation.trace.digest()


def test_a_module_of_another_rate_makes_garbage_of_it(sketch: Sketch) -> None:
    simulation = simulated(
        sketch(SOFT_AT, "SoftwareSerial"), modem(19_200), wiring=PinSerial, parts=[led := Led()]
    )
    simulation.run_to(3)
    assert not led.lit
    assert b"AT\r\n" not in simulation.trace.heard(Channel.UNO_TX)


# On one UART or the other: asks for another rate, goes along, and says AT at it.
CHANGER = """
#include <SoftwareSerial.h>
SoftwareSerial esp(2, 3);
#define LINE {line}
void setup() {{
    LINE.begin(9600); delay(1000);
    LINE.print("AT+UART_CUR=19200,8,1,0,0\\r\\n"); delay(200);
    LINE.begin(19200); LINE.print("AT\\r\\n");
}}
void loop() {{}}
"""


@pytest.mark.parametrize(("line", "wiring"), [("esp", PinSerial), ("Serial", HardwareSerial)])
def test_a_module_changes_its_rate(sketch: Sketch, line: str, wiring: Wiring) -> None:
    simulation = simulated(sketch(CHANGER.format(line=line), "SoftwareSerial"), modem(9600), wiring=wiring)
    simulation.run_to(1.5)
    heard = simulation.trace.heard(Channel.ESP_TX)
    assert heard.endswith(b"\r\nOK\r\nAT\r\n\r\nOK\r\n")


def test_a_module_in_reset_is_dead_until_the_pin_rises(sketch: Sketch) -> None:
    wire = ResetWire(5, modem())
    simulation = simulated(sketch(RESETTER), wire.module, parts=[wire])
    simulation.run_to(2.5)
    boots_s = [entry.at_ns / 1e9 for entry in simulation.trace.entries if b"ets Jan" in entry.data]
    assert boots_s == [pytest.approx(0, abs=0.01), pytest.approx(1.05, abs=0.01)]
    silent = [entry for entry in simulation.trace.entries if 1.01e9 < entry.at_ns < 1.04e9]
    assert silent == []
    assert simulation.trace.heard(Channel.ESP_TX).endswith(b"ready\r\nAT\r\n\r\nOK\r\n")


def test_a_module_that_is_held_in_reset_takes_nothing_in() -> None:
    module = ResettableModule(modem())
    module.power_on(0)
    module.advance(NS_PER_S)
    module.set_reset(low=True, now_ns=NS_PER_S)
    assert module.next_deadline() == NS_PER_S
    module.advance(NS_PER_S)
    assert (module.next_deadline(), module.receive_window(0)) == (None, 0)
    assert module.receive(b"AT\r\n", 2 * NS_PER_S) == []
    assert module.network(Acknowledged(0, 1), 2 * NS_PER_S) == []
    assert module.crash(Crash.EXCEPTION, 2 * NS_PER_S) == []
    module.set_reset(low=False, now_ns=9 * NS_PER_S)
    said = b"".join(one.data for one in module.advance(9 * NS_PER_S) if isinstance(one, Output))
    assert said.count(b"ets Jan") == 1
    assert b"ready" not in said


def test_power_that_is_cut_takes_the_words_from_the_line(sketch: Sketch) -> None:
    elf = sketch(COLLECTOR)
    symbol = load_image(elf).symbols["heard"]

    def heard(simulation: Simulation) -> bytes:
        begin_s = simulation.now_ns / NS_PER_S
        simulation.run_to(begin_s + 0.4)
        return simulation.board.read_data(symbol.address, symbol.size)

    simulation = simulated(elf, modem())
    simulation.run_to(0.01)  # in the middle of the boot text
    simulation.power_cycle()
    after_the_cut = heard(simulation)
    assert b"ready" in after_the_cut
    assert after_the_cut == heard(simulated(elf, modem()))


def test_a_program_that_ends_asleep_for_ever_is_an_error(sketch: Sketch) -> None:
    elf = sketch("#include <avr/sleep.h>\nvoid setup() { cli(); sleep_mode(); }\nvoid loop() {}\n")
    with pytest.raises(SimulationError, match=r"the board stopped at 0\.\d+ s, pc 0x[0-9a-f]{4}: HALTED"):
        simulated(elf, modem()).run_to(1)
