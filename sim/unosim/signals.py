"""Ctrl-C and a polite kill: how a command that runs without end is ended."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def stopped_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT (Ctrl-C) and SIGTERM; what they did before comes back afterwards."""
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, lambda _number, _frame: stop())
            stack.callback(signal.signal, number, before)
        yield
