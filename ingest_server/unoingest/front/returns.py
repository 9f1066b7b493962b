"""From the threads that answer back to the event loop: many answers, one wake-up.

Whatever was put before the event loop looks is taken with one look. Safe to use from several threads.
"""

import collections
import contextlib
from collections.abc import Callable, Iterable

Call = tuple[Callable[[bytes], object], bytes]
Wake = Callable[[Callable[[], object]], object]
"""Has the event loop call something soon: `call_soon_threadsafe`. RuntimeError says that it has ended."""


class Returns:
    """Calls that the event loop makes.

    Args:
        wake: The event loop's.
        failed: Hears what a call raised.
    """

    def __init__(self, wake: Wake, failed: Callable[[Exception], object]) -> None:
        self._wake = wake
        self._failed = failed
        self._calls: collections.deque[Call] = collections.deque()
        self._is_awaited = False

    def put(self, calls: Iterable[Call]) -> None:
        """Have each function called with its bytes, in the event loop."""
        self._calls.extend(calls)
        # the calls before the look at the flag, there the other way round: none is left lying
        if not self._is_awaited:
            self._is_awaited = True
            # a loop that has ended has nobody who waits
            with contextlib.suppress(RuntimeError):
                self._wake(self._deliver)

    def _deliver(self) -> None:
        self._is_awaited = False
        while self._calls:
            call, data = self._calls.popleft()
            try:
                call(data)
            except Exception as error:  # noqa: BLE001 - the others are waiting, too
                self._failed(error)
