"""Many calls in one thread: where one would wait, the next one goes on (cooperative multitasking).

A thread for each does the same at twice the cost of a post, because the interpreter runs one of them at a
time: each change waits for its lock. A greenlet changes in a microsecond, and the code that runs in it
is written as for a thread (docs/adr/0010).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

import greenlet

T = TypeVar("T")
Call = Callable[[], object]


class _Carrier(greenlet.greenlet):
    """Makes one call after another. It is used again: a new one costs 19 us, for its stack."""

    parent: greenlet.greenlet

    def run(self) -> None:
        wait_for = self.parent.switch
        call = wait_for(None)
        while True:
            call()
            call = wait_for(None)


class CooperativeCalls(threading.local, Generic[T]):
    """Makes calls, in the thread that asks for it.

    Args:
        serve: Does what several calls wait for, at once.
    """

    def __init__(self, serve: Callable[[Sequence[T]], object]) -> None:
        super().__init__()
        self._serve = serve
        # a greenlet belongs to its thread, and so does what is kept here
        self._idle: list[_Carrier] = []

    def run(self, calls: Iterable[Call]) -> None:
        """Make calls, which may not raise: each until it ends or waits; serve what they wait for; go on."""
        waiting = self._go_on((self._carrier(), call) for call in calls)
        while waiting:
            self._serve([wanted for _, wanted in waiting])
            waiting = self._go_on((carrier, None) for carrier, _ in waiting)

    def _carrier(self) -> _Carrier:
        if self._idle:
            return self._idle.pop()
        carrier = _Carrier()
        carrier.switch()
        return carrier

    def _go_on(self, carriers: Iterable[tuple[_Carrier, Call | None]]) -> list[tuple[_Carrier, T]]:
        """Let each go on, and return those that wait now, with what they wait for."""
        waiting: list[tuple[_Carrier, T]] = []
        for carrier, call in carriers:
            wanted = cast("T | None", carrier.switch(call))
            if wanted is None:
                self._idle.append(carrier)
            else:
                waiting.append((carrier, wanted))
        return waiting


def give_way(wanted: Any) -> bool:
    """Wait until something was served, while other calls of this thread go on; tell whether this call can."""
    carrier = greenlet.getcurrent()
    if not isinstance(carrier, _Carrier):
        return False
    carrier.parent.switch(wanted)
    return True
