"""Ctrl-C and SIGTERM, for a command that runs until then and ends in its own time."""

import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_S = 1.0
"""Between two looks while nothing happens; without a limit, Windows would not let Ctrl-C in."""


@contextmanager
def stopping_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield what waits `LOOK_S` and returns whether SIGINT (Ctrl-C) or SIGTERM has come; in the main thread.

    A queue and not an Event: its `put` may be called by a signal handler that interrupts its `get`.
    """
    came: queue.SimpleQueue[int] = queue.SimpleQueue()

    def has_come() -> bool:
        try:
            came.get(timeout=LOOK_S)
        except queue.Empty:
            return False
        return True

    before = {
        number: signal.signal(number, lambda number, _frame: came.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield has_come
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
