"""Time and output of the engine: what is due when, and what the caller is to do.

Rules: time moves only by `advance`; timers that are due at the same instant run in the order in which they
were set.
"""

import bisect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from unosim.modem.actions import Action, Output
from unosim.modem.errors import LocalProtocolError


@dataclass(order=True)
class Timer:
    """Something to run at an instant in ns."""

    due_ns: int
    order: int
    run: Callable[[], None] = field(compare=False)


class Kernel:
    """The clock, the timers and the actions gathered since the last call."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._actions: list[Action] = []
        self._output = bytearray()

    def after(self, delay_ns: int, run: Callable[[], None]) -> Timer:
        """Run something `delay_ns` (0 or more) from now; return the timer, to be cancelled."""
        timer = Timer(self.now_ns + delay_ns, next(self._order), run)
        bisect.insort(self._timers, timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Forget a timer; one that has run, or None, is no error."""
        if timer in self._timers:
            self._timers.remove(timer)

    def cancel_all(self) -> None:
        """Forget every timer, as a restart does."""
        self._timers.clear()

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the earliest timer."""
        return self._timers[0].due_ns if self._timers else None

    def advance(self, now_ns: int) -> None:
        """Run what is due up to an instant in ns, each at its own time.

        Raises:
            LocalProtocolError: the instant lies in the past.
        """
        if now_ns < self.now_ns:
            raise LocalProtocolError(f"time ran backwards from {self.now_ns} ns to {now_ns} ns")
        while self._timers and self._timers[0].due_ns <= now_ns:
            timer = self._timers.pop(0)
            self.now_ns = timer.due_ns
            timer.run()
        self.now_ns = now_ns

    def write(self, data: bytes) -> None:
        """Send bytes to the host."""
        self._output += data

    def act(self, action: Action) -> None:
        """Ask for something, after all output written so far."""
        self._flush()
        self._actions.append(action)

    def take_actions(self) -> list[Action]:
        """Return what was asked for since the last call."""
        self._flush()
        if not self._actions:
            return []
        taken, self._actions = self._actions, []
        return taken

    def _flush(self) -> None:
        if self._output:
            self._actions.append(Output(bytes(self._output)))
            self._output.clear()
