"""One node, one modem, one `SigningServer`: the bench on which the images are measured and tormented."""

from collections.abc import Iterable
from dataclasses import dataclass

from system.signing_server import SigningServer
from unosim.board import Board, Image
from unosim.board_serial import HardwareSerial, PinSerial
from unosim.counters import Counters, read_counters
from unosim.faults import Injection, Plan
from unosim.lab import SERVER, room_sensors, set_up_eeprom
from unosim.modem import PROFILES, AccessPoint, Modem, Radio, Settings
from unosim.modem.settings import UartFormat
from unosim.network import VirtualNetwork
from unosim.parts import Part
from unosim.reset_wire import ResetWire
from unosim.simulation import Simulation

SSID = "unolink"
RESET_PIN = 4
"""To it the module's RST is wired."""


@dataclass
class Bench:
    """What a test looks at."""

    image: Image
    simulation: Simulation
    server: SigningServer
    board: Board
    injection: Injection

    @property
    def counters(self) -> Counters:
        """What the node counts."""
        return read_counters(self.simulation, self.image)

    def run_until_acked(self, readings: int, *, limit_s: float) -> bool:
        """Run until so many readings are acknowledged."""
        return self.simulation.run(lambda: self.counters.acked >= readings, limit_s=limit_s)


def make_modem(profile: str, baud: int) -> Modem:
    """Return an ESP-01 in the room, with its rate stored."""
    radio = Radio([AccessPoint(SSID, "simulated")])
    return Modem(PROFILES[profile], radio=radio, settings=Settings(uart=UartFormat(baud=baud)))


def make_bench(  # each is something that tests vary
    image: Image,
    *,
    soft: bool = False,
    profile: str = "nonos-1.7.4",
    baud: int = 115_200,
    plan: Plan | None = None,
    eeprom: bytes | None = None,
    parts: Iterable[Part] = (),
    server: SigningServer | None = None,
    **changes: str,
) -> Bench:
    """Put a node that has been set up on the bench.

    Args:
        image: `uno`, or with `soft` `uno_softserial`.
        soft: the modem is on pins 2 and 3.
        profile: the modem's firmware.
        baud: the rate that the modem has stored.
        plan: what goes wrong.
        eeprom: what the node has in its EEPROM instead.
        parts: what else is on the Uno's pins.
        server: with whom it speaks, or None for one that is honest.
        changes: settings that differ from the lab's.
    """
    server = server or SigningServer()
    injection = Injection(plan or Plan())
    reset = ResetWire(RESET_PIN, injection.modem(make_modem(profile, baud), [SSID]))
    network = injection.network(VirtualNetwork({SERVER: server.connection}))
    content = set_up_eeprom(image.flash, **changes) if eeprom is None else eeprom
    board = Board(image.flash, eeprom=content)
    simulation = Simulation(
        board,
        reset.module,
        network,
        analog=room_sensors(),
        parts=[reset, *parts],
        wiring=PinSerial if soft else HardwareSerial,
    )
    return Bench(image, simulation, server, board, injection)
