"""One trial of the whole system: image, Uno, ESP-01, network and server, under one plan, to a quiet end.

The trouble lasts until all that can strike has struck, or the server has had enough requests; then the world
is left alone until the device has nothing more to tell. Nothing is drawn here: `drawing.py` does that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from campaign.uno.witness import Identity, Witness, boot_of, journal_of
from campaign.whole.server import Server
from campaign.whole.server_faults import Down
from system.node_bench import RESET_PIN, SSID, make_modem
from system.whole_path import untouched_bytes
from unosim.board import Board, Image
from unosim.board_serial import HardwareSerial, PinSerial
from unosim.clock import NS_PER_S
from unosim.counters import Counters, read_counters
from unosim.faults import BusyStorm, Happened, Injection, Plan, SlowServer, WifiLost
from unosim.lab import set_up_eeprom
from unosim.network import VirtualNetwork
from unosim.reset_wire import ResetWire
from unosim.simulation import Simulation
from unosim.trace import Channel

SLICE_S = 0.25
QUIET_S = 900.0
"""From the last stroke's end to the end of all trouble: two waits of five minutes and a fifth, the longest
of the back-off (docs/wire-protocol.md), and what it takes to drain."""
RAM_BYTES = 2_048
IN_FLIGHT = 3
"""Readings taken lately that may still be on their way at the end: the device never stops to measure."""


@dataclass(frozen=True)
class Trial:
    """What a run is made of.

    Args:
        number: Of the trial.
        profile: The modem's firmware.
        soft: Whether the modem is on pins 2 and 3 at 9600 baud, with the image for that.
        interval_ms: The node's.
        ram_fill: What RAM holds at each power-on.
        plan: What goes wrong.
        trouble_s: When the world is left alone at the latest, if the plan has not come to its end before.
        trouble_requests: How many requests the server has had by then at most.
    """

    number: int
    profile: str
    soft: bool
    interval_ms: int
    ram_fill: int
    plan: Plan
    trouble_s: float = 60.0
    trouble_requests: int = 10


@dataclass
class Life:
    """What was seen of the node from one power-on to the next.

    Args:
        boot: Its number; 0 if it had none yet.
        counters: As it counted, at the end.
        stack_free_bytes: Never touched, at the end.
        journal: What its journal held at the end.
        heard: All that the modem said to it.
        cut: Whether it ended in a power cut.
    """

    boot: int
    counters: Counters
    stack_free_bytes: int
    journal: dict[Identity, dict[str, int]]
    heard: bytes
    cut: bool


@dataclass
class Ending:
    """What is left of a run.

    Args:
        lives: In order.
        hung: What it was waiting for when its time was up, or "".
    """

    lives: list[Life] = field(default_factory=list)
    hung: str = ""


class _Machine(Simulation):
    """A simulation whose power cuts are seen coming."""

    before_cut: Callable[[], None]
    ram_fill: int

    def power_cycle(self, ram_fill: int = 0) -> None:
        """Take note of what there is, then cut the power."""
        self.before_cut()
        super().power_cycle(ram_fill or self.ram_fill)
        self.conversions.clear()  # so that nobody reads counters that RAM does not hold yet


class World:
    """A trial's parts, joined.

    Args:
        trial: What is to be run.
        images: By environment.
        folder: Empty, best in memory.
        eeprom: Changes what the node's EEPROM holds at first.
    """

    def __init__(
        self,
        trial: Trial,
        images: dict[str, Image],
        folder: Path,
        eeprom: Callable[[bytes], bytes] = lambda content: content,
    ) -> None:
        self.trial = trial
        self.image = images["uno_softserial" if trial.soft else "uno"]
        self.injection = Injection(trial.plan)
        self.witness = Witness()
        self.ending = Ending()
        self._looked_after_requests = -1  # only a request changes what is stored
        self._stored: set[Identity] = set()
        self.server = Server(folder, trial.plan, self.injection.strike, lambda: self.simulation.now_ns)
        content = set_up_eeprom(self.image.flash, interval_ms=str(trial.interval_ms))
        self.simulation = self._simulation(eeprom(content))

    def _simulation(self, eeprom: bytes) -> _Machine:
        trial, injection = self.trial, self.injection
        baud = 9_600 if trial.soft else 115_200
        reset = ResetWire(RESET_PIN, injection.modem(make_modem(trial.profile, baud), [SSID]))
        machine = _Machine(
            Board(self.image.flash, eeprom=eeprom, ram_fill=trial.ram_fill),
            reset.module,
            injection.network(VirtualNetwork(self.server.servers)),
            parts=[reset, self.witness],
            supply=injection.supply(),
            wiring=PinSerial if trial.soft else HardwareSerial,
        )
        machine.ram_fill = trial.ram_fill
        machine.before_cut = lambda: self.note_life(cut=True)
        return machine

    def run(self) -> Ending:
        """Run to the end.

        Raises:
            SimulationError: The board could not go on.
        """
        while not self._trouble_is_over():
            self._run_for(SLICE_S)
        while self._undelivered() and self._now_s() < self._quiet_since_s() + QUIET_S:
            self._run_for(SLICE_S)
        self.ending.hung = self._undelivered()
        self.note_life(cut=False)
        return self.ending

    def _run_for(self, seconds: float) -> None:
        self.simulation.run_to(self._now_s() + seconds)

    def _now_s(self) -> float:
        return self.simulation.now_ns / NS_PER_S

    def _trouble_is_over(self) -> bool:
        struck = {stroke.fault for stroke in self.injection.happened}
        enough = (
            struck.issuperset(self.trial.plan.faults) or self.server.requests >= self.trial.trouble_requests
        )
        return self._now_s() >= self.trial.trouble_s or (enough and self.server.requests > 0)

    def _quiet_since_s(self) -> float:
        return max((_end_s(stroke) for stroke in self.injection.happened), default=0.0)

    def _undelivered(self) -> str:
        """Return what the device has and the server has not, or ""."""
        if not self.simulation.conversions:
            return "the first reading"
        if self._looked_after_requests != self.server.requests:
            self._looked_after_requests, self._stored = self.server.requests, set(self.server.stored())
        stored = self._stored
        waiting = journal_of(self.simulation.board.eeprom).keys() - stored
        if waiting:
            return f"{len(waiting)} readings in the journal"
        counters = read_counters(self.simulation, self.image)
        boot = boot_of(self.simulation.board.eeprom)
        samples = self.witness.lives[-1]
        last = max((seq for of, seq in stored if of == boot), default=None)
        if last is None or samples.taken_ns(last) / NS_PER_S < self._quiet_since_s():
            return f"a reading that was taken after the trouble, {counters}"
        behind = samples.end_seq - 1 - last
        return f"{behind} readings, {counters}" if behind > IN_FLIGHT else ""

    def note_life(self, *, cut: bool) -> None:
        """Add what is seen of the node now, at the end of a life."""
        board = self.simulation.board
        started = bool(self.witness.lives[-1].at_ns)
        heard_before_bytes = sum(len(life.heard) for life in self.ending.lives)
        self.ending.lives.append(
            Life(
                boot=boot_of(board.eeprom) if started else 0,
                counters=read_counters(self.simulation, self.image),
                stack_free_bytes=untouched_bytes(board, self.image) if started else RAM_BYTES,
                journal=journal_of(board.eeprom),
                heard=self.simulation.trace.heard(Channel.ESP_TX)[heard_before_bytes:],
                cut=cut,
            )
        )


def _end_s(stroke: Happened) -> float:
    """Return the instant in seconds at which a fault that struck is over."""
    fault = stroke.fault
    seconds = fault.seconds if isinstance(fault, BusyStorm | WifiLost | SlowServer | Down) else 0.0
    return stroke.at_ns / NS_PER_S + seconds
