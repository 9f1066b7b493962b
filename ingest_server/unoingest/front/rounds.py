"""From the event loop to a thread that takes many at a time: what comes during a round is for the next.

A commit is for all who send at once, but the event loop sees the first of them some microseconds before the
others. So it turns a little longer before it hands them over.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from unoingest.front.returns import Wake

T = TypeVar("T")

QUIET_TURNS = 2
"""The event loop turns so often without a further one before it hands over those that have arrived; such a
turn takes 3 us."""
TURNS_MAX = 32
"""Whoever came first waits no longer than this for the others."""


class Rounds(Generic[T]):
    """Hands over what arrives in the event loop to one thread, many at a time.

    Args:
        serve: Takes a round, in the thread; may not raise.
        soon: Has the event loop call something when it has read what there is to read.
        name: Of the thread.
    """

    def __init__(self, serve: Callable[[Sequence[T]], None], soon: Wake, name: str) -> None:
        self._serve = serve
        self._soon = soon
        # as many as there are connections, which are limited
        self._arrived: list[T] = []
        self._turns = self._quiet_turns = self._seen = 0
        self._handed_over: queue.SimpleQueue[Sequence[T] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve what has arrived, and end the thread; in any thread."""
        self._is_closed = True
        self._hand_over()
        self._handed_over.put(None)
        self._thread.join()

    def take(self, one: T) -> None:
        """Have it served; in the event loop."""
        if self._is_closed:
            self._serve([one])
            return
        if not self._arrived:
            self._turns = self._quiet_turns = self._seen = 0
            self._soon(self._look)
        self._arrived.append(one)

    def _look(self) -> None:
        """Hand over if no more have come since the last look, or have kept coming for long."""
        self._turns += 1
        if len(self._arrived) > self._seen:
            self._seen = len(self._arrived)
            self._quiet_turns = 0
        else:
            self._quiet_turns += 1
        if self._quiet_turns == QUIET_TURNS or self._turns == TURNS_MAX:
            self._hand_over()
        else:
            self._soon(self._look)

    def _hand_over(self) -> None:
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._handed_over.put(arrived)

    def _run(self) -> None:
        while True:
            groups = [self._handed_over.get()]
            groups += [self._handed_over.get_nowait() for _ in range(self._handed_over.qsize())]
            round_ = [one for group in groups if group is not None for one in group]
            if round_:
                self._serve(round_)
            if groups[-1] is None:
                return
