"""Plays a recorded module to an Uno: its bytes again, each when the Uno has said what it had said before.

Rules: what the module said comes as long after the Uno's last byte before it as in the recording. So an image
that keeps the recorded instants hears everything at its recorded instant, and one that is slower is not
overrun by answers to what it has not asked. What was recorded before the Uno's first byte has the instant of
the recording.
"""

import bisect
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from unosim.attrace.format import BACK_TO_BACK_NS, Record
from unosim.clock import NS_PER_S
from unosim.image_replay.answers import believed
from unosim.image_replay.dialogue import Dialogue, Position
from unosim.modem.actions import Action, Output, SetBaud
from unosim.terminal import Terminal
from unosim.trace import Channel
from unosim.uart import FRAME_BITS


class _Run(NamedTuple):
    """Bytes that left the module back to back."""

    at_ns: int
    start: int
    end: int
    baud: int
    after: Position
    """What the Uno had said."""

    @property
    def free_ns(self) -> int:
        """When the next byte leaves that belongs to it."""
        return self.at_ns + (self.end - self.start) * FRAME_BITS * NS_PER_S // self.baud


class Player(Terminal):
    """The recorded module, in the place of a real one.

    Args:
        records: the recording.
        uno: what the recorded Uno said.
    """

    def __init__(self, records: list[Record], uno: Dialogue) -> None:
        said = [record for record in records if record.ch is Channel.ESP_TX]
        super().__init__(said[0].baud, lambda _: None)
        self.heard = Dialogue()
        """What this Uno says; whoever watches the line lets it hear."""
        self._recorded = uno
        self._said = bytearray(b"".join(record.data for record in said))
        instants = [at_ns for record in said for at_ns in record.instants()]
        self._answers = deque(believed(bytes(self._said), instants, uno.pieces))
        self._runs = list(_runs(said, uno))
        self._next = 0

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next bytes; None while they wait for the Uno or are over."""
        if self._next == len(self._runs):
            return None
        run = self._runs[self._next]
        reached_ns = self.heard.instant_of(run.after)
        if reached_ns is None:
            return None
        shift_ns = reached_ns - (self._recorded.instant_of(run.after) or 0)
        return run.at_ns if abs(shift_ns) <= BACK_TO_BACK_NS else run.at_ns + shift_ns

    def advance(self, now_ns: int) -> list[Action]:
        """Return what is to be said by now."""
        actions: list[Action] = []
        while (due_ns := self.next_deadline()) is not None and due_ns <= now_ns:
            run = self._runs[self._next]
            self._next += 1
            if run.baud != self._baud:
                self._baud = run.baud
                actions.append(SetBaud(run.baud))
            self._sign(run)
            actions.append(Output(bytes(self._said[run.start : run.end])))
        return actions

    def _sign(self, run: _Run) -> None:
        """Sign the answers whose tags begin in what is said next."""
        while self._answers and self._answers[0].start < run.end:
            answer = self._answers.popleft()
            tag = answer.signed_for(self.heard.last_request)
            if tag:
                self._said[answer.start : answer.end] = tag


def _runs(records: list[Record], uno: Dialogue) -> Iterator[_Run]:
    """Return what the module said, cut where it paused.

    A record that begins one nanosecond off is another answer, which had to wait for the end of the former.
    """
    places = _places(uno)
    reached = [at_ns for at_ns, _ in places]
    run = None
    at = 0
    for record in records:
        for piece, at_ns in _back_to_back(record):
            if run and run.baud == record.baud and run.free_ns == at_ns:
                run = run._replace(end=at + piece)
            else:
                if run:
                    yield run
                said_before = bisect.bisect_right(reached, at_ns)
                after = places[said_before - 1][1] if said_before else Position(0, 0)
                run = _Run(at_ns, at, at + piece, record.baud, after)
            at += piece
    if run:
        yield run


def _back_to_back(record: Record) -> Iterator[tuple[int, int]]:
    """Return how many bytes left back to back, and when, in ns."""
    if not record.gaps:
        yield len(record.data), record.t
        return
    for at_ns in record.instants():
        yield 1, at_ns


def _places(uno: Dialogue) -> list[tuple[int, Position]]:
    """Return when each place of what the Uno said was reached."""
    return [
        (at_ns, Position(number, count) if count < len(piece.data) else Position(number + 1, 0))
        for number, piece in enumerate(uno.pieces)
        for count, at_ns in enumerate(piece.instants, 1)
    ]
