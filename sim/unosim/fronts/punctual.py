"""Timers that are not rounded: Linux lets a thread oversleep by 50 us unless it asks for less (prctl(2)).

Half a character time at 115200 baud is as much. Where the system has no such call, nothing changes.
"""

import contextlib
import ctypes
from collections.abc import Iterator

_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30
_SLACK_NS = 1


@contextlib.contextmanager
def punctual() -> Iterator[None]:
    """Let the calling thread wake on time for as long as it is in this context."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        yield
        return
    before_ns = prctl(_PR_GET_TIMERSLACK, 0, 0, 0, 0)
    prctl(_PR_SET_TIMERSLACK, _SLACK_NS, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_TIMERSLACK, max(before_ns, _SLACK_NS), 0, 0, 0)
