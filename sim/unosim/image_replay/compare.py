"""Runs an image against a recorded module and finds the first thing that it says otherwise.

The machine is that of the demo: the lab's sensors, a module on pins 0 and 1. Rules: what the Uno says counts,
not when; how far it leaves the recorded instants is measured. Numbers of readings may differ, but a request
has to be the former one's again, or a part of it, where the recorded one was, and only there. What the Uno
would go on to say after the end of the recording is no difference.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from unosim.attrace.format import Record, Recording, TraceError
from unosim.board import Board
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.image_replay.dialogue import Batch, Dialogue, Piece
from unosim.image_replay.player import Player
from unosim.lab import room_sensors
from unosim.masking import hide
from unosim.network import VirtualNetwork
from unosim.simulation import Simulation
from unosim.trace import Channel, Entry, Trace

PATIENCE_NS = 60 * NS_PER_S
"""How much longer than twice the recorded time an image may be silent: a back-off has a part by chance."""
END_S = 1e9
"""An end that no replay reaches: silence ends it before."""
CONTEXT_LINES = 10
"""How many lines of the dialogue a difference shows before its place."""


class Difference(NamedTuple):
    """Where an image first leaves the recording."""

    recorded: Piece
    got: Piece | None
    """None for silence."""
    at_ns: int
    before: list[str]
    """The dialogue up to there, a line each."""

    def __str__(self) -> str:
        """Return it as lines for people."""
        recorded_s = self.recorded.instants[0] / NS_PER_S
        return "\n".join(
            [
                f"different at {self.at_ns / NS_PER_S:.6f} s",
                *self.before,
                f"recorded, at {recorded_s:.6f} s: {self.recorded.masked!r}",
                f"now: {self.got.masked!r}" if self.got else "now: nothing",
            ]
        )


class Agreement(NamedTuple):
    """What was compared."""

    commands: int
    requests: int
    equal_requests: int
    """Requests that are the same byte for byte, secrets aside."""
    off_ns_max: int
    """How far from its recorded instant a piece was said at most."""

    def __str__(self) -> str:
        """Return it as a line for people."""
        return (
            f"the same: {self.commands} commands, {self.requests} requests ({self.equal_requests} byte for "
            f"byte), at most {self.off_ns_max / NS_PER_MS:.3f} ms from their recorded instants"
        )


class _Judge:
    """Holds what an Uno says against what was recorded."""

    def __init__(self, recorded: list[Piece], player: Player) -> None:
        self.difference: Difference | None = None
        self.compared = 0
        self._recorded = recorded
        self._player = player
        self._batches: tuple[Batch | None, Batch | None] = (None, None)
        self._line = bytearray()
        self._lines: deque[str] = deque(maxlen=CONTEXT_LINES)

    @property
    def over(self) -> bool:
        """Return whether a difference was found, or everything was the same."""
        return self.difference is not None or self.compared == len(self._recorded)

    def watch(self, entry: Entry) -> None:
        """Take what was said on the UART, and compare what is complete."""
        if entry.channel is Channel.ESP_TX:
            self._line += entry.data
            if entry.data.endswith((b"\n", b"> ")):
                self._lines += _shown(entry.at_ns, "esp", bytes(self._line))
                self._line.clear()
        elif entry.channel is Channel.UNO_TX and not self.over:
            self._player.heard.hear(entry.at_ns, entry.data[0])
            self._compare()

    def give_up(self, now_ns: int) -> None:
        """Find the silence a difference if the Uno has said nothing for too long."""
        if self.over:
            return
        recorded_ns, got_ns = 0, 0
        if self.compared:
            recorded_ns = self._recorded[self.compared - 1].instants[-1]
            got_ns = self._player.heard.pieces[self.compared - 1].instants[-1]
        silence_ns = self._recorded[self.compared].instants[-1] - recorded_ns
        if now_ns - got_ns > 2 * silence_ns + PATIENCE_NS:
            self.difference = self._differ(None, now_ns)

    def agreement(self) -> Agreement:
        """Return what was compared."""
        pairs = list(zip(self._recorded, self._player.heard.pieces, strict=False))
        requests = [(recorded, got) for recorded, got in pairs if recorded.is_request]
        return Agreement(
            len(pairs) - len(requests),
            len(requests),
            sum(recorded.masked == got.masked for recorded, got in requests),
            max(abs(recorded.instants[0] - got.instants[0]) for recorded, got in pairs),
        )

    def _compare(self) -> None:
        for got in self._player.heard.pieces[self.compared :]:
            if self.over:
                return
            if not self._is_like(self._recorded[self.compared], got):
                self.difference = self._differ(got, got.instants[0])
                return
            self._lines += _shown(got.instants[0], "uno", got.masked.encode("latin-1"))
            self.compared += 1

    def _is_like(self, recorded: Piece, got: Piece) -> bool:
        former = self._batches
        self._batches = recorded.batch or former[0], got.batch or former[1]
        steps = [
            batch.after(before) if batch else None
            for batch, before in zip((recorded.batch, got.batch), former, strict=True)
        ]
        return recorded.is_like(got) and steps[0] == steps[1]

    def _differ(self, got: Piece | None, at_ns: int) -> Difference:
        return Difference(self._recorded[self.compared], got, at_ns, list(self._lines))


def recorded_uno(recording: Recording) -> Dialogue:
    """Return what the recorded Uno said.

    Raises:
        TraceError: it said no command, or the module nothing.
    """

    def of(channel: Channel) -> list[Record]:
        return [record for record in recording.records if record.ch is channel]

    for channel, who in ((Channel.ESP_TX, "the module"), (Channel.UNO_TX, "the Uno")):
        if not of(channel):
            raise TraceError(f"in this recording {who} says nothing", hint="record a session with an Uno")
    uno = Dialogue(
        (at_ns, byte)
        for record in of(Channel.UNO_TX)
        for at_ns, byte in zip(record.instants(), record.data, strict=True)
    )
    if not uno.pieces:
        raise TraceError("in this recording the Uno says no whole line", hint="record a longer session")
    return uno


def replay_image(
    recording: Recording, flash: bytes, eeprom: bytes, progress: Callable[[int], None]
) -> Difference | Agreement:
    """Give a recorded module to an Uno with an image; return the first difference, or what was the same.

    Args:
        recording: the session.
        flash: the image.
        eeprom: what its node has been told; its key is the lab's.
        progress: told now and then how many pieces are compared.

    Raises:
        TraceError: nothing was said in the recording.
        SimulationError: the image can no longer go on.
    """
    uno = recorded_uno(recording)
    player = Player(recording.records, uno)
    judge = _Judge(uno.pieces, player)
    simulation = Simulation(
        Board(flash, eeprom=eeprom),
        player,
        VirtualNetwork({}),
        trace=Trace(judge.watch),
        analog=room_sensors(),
    )

    def over() -> bool:
        judge.give_up(simulation.now_ns)
        progress(judge.compared)
        return judge.over

    simulation.run(over, limit_s=END_S)
    return judge.difference or judge.agreement()


def _shown(at_ns: int, who: str, data: bytes) -> list[str]:
    """Return bytes as lines for people, secrets masked."""
    text = hide(data.decode("latin-1"), lambda _: "***")
    return [f"  {at_ns / NS_PER_S:.6f} s  {who}  {line!r}" for line in text.splitlines() if line]
