"""One node, one modem, one `SigningServer`: the bench on which the images are measured and tormented."""

from dataclasses import dataclass

from system.pins import PinBoard
from system.signing_server import SigningServer
from unosim.board import Image
from unosim.counters import Counters, read_counters
from unosim.faults import Injection, Plan
from unosim.lab import SERVER, room_sensors, set_up_eeprom
from unosim.modem import PROFILES, AccessPoint, Modem, Radio, Settings
from unosim.modem.settings import UartFormat
from unosim.network import VirtualNetwork
from unosim.simulation import Simulation

SSID = "unolink"


@dataclass
class Bench:
    """What a test looks at."""

    image: Image
    simulation: Simulation
    server: SigningServer
    board: PinBoard
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
    board_type: type[PinBoard] = PinBoard,
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
        board_type: a board with more parts.
        changes: settings that differ from the lab's.
    """
    server = SigningServer()
    injection = Injection(plan or Plan())
    modem = injection.modem(make_modem(profile, baud), [SSID])
    network = injection.network(VirtualNetwork({SERVER: server.connection}))
    benches: list[Bench] = []

    def reset_modem() -> None:
        simulation = benches[0].simulation
        simulation.power_on_module()

    content = set_up_eeprom(image.flash, **changes) if eeprom is None else eeprom
    board = board_type(image.flash, content, modem, soft=soft, on_reset=reset_modem)
    bench = Bench(image, Simulation(board, modem, network, analog=room_sensors()), server, board, injection)
    benches.append(bench)
    return bench
