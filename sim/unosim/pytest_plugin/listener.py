"""The verbs of a test that listens: `expect` and `expect_exact`, in simulated time."""

import re
from collections.abc import Callable

from unosim.clock import NS_PER_S

TIMEOUT_S = 30.0
"""Simulated seconds to wait unless told otherwise: longer than a join or a refused connection takes."""
SHOWN_BYTES = 400
"""So much of what was heard last stands in the message of a failure."""


class NotSaidError(AssertionError):
    """What a test waited for did not come.

    Attributes:
        wanted: the pattern or the bytes.
        timeout_s: how many simulated seconds it was waited for.
        unread: what was heard and not consumed by an earlier `expect`, passwords masked.
    """

    def __init__(self, wanted: bytes, timeout_s: float, unread: bytes, now_ns: int) -> None:
        shown = f"...{unread[-SHOWN_BYTES:]!r}" if len(unread) > SHOWN_BYTES else repr(unread)
        super().__init__(
            f"nobody said {wanted!r} in {timeout_s:g} simulated seconds, up to {now_ns / NS_PER_S:.6f} s; "
            f"said and unread: {shown}"
        )
        self.wanted, self.timeout_s, self.unread = wanted, timeout_s, unread


class Listener:
    """Hears one voice and lets time pass until it has said something.

    Args:
        step: lets time pass up to an instant in ns or to the next event, whichever comes first.
        now_ns: tells the instant.
        mask: hides the secrets in what a failure shows.
    """

    def __init__(
        self, step: Callable[[int], None], now_ns: Callable[[], int], mask: Callable[[bytes], bytes]
    ) -> None:
        self._step = step
        self._now_ns = now_ns
        self._mask = mask
        self._unread = bytearray()

    @property
    def unread(self) -> bytes:
        """What was said and not consumed by an earlier `expect`."""
        return bytes(self._unread)

    def hear(self, data: bytes) -> None:
        """Take bytes that were said."""
        self._unread += data

    def expect(self, pattern: bytes | re.Pattern[bytes], *, timeout_s: float = TIMEOUT_S) -> re.Match[bytes]:
        """Let time pass until a pattern is found; consume everything up to its end.

        Args:
            pattern: a regular expression over bytes.
            timeout_s: simulated seconds, from now.

        Raises:
            NotSaidError: it was not found in time.
        """
        __tracebackhide__ = True
        compiled = re.compile(pattern)
        return self._wait(compiled, compiled.pattern, timeout_s)

    def expect_exact(self, data: bytes, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """Let time pass until these bytes are found; consume up to their end, return what stood before them.

        Args:
            data: the bytes, taken literally.
            timeout_s: simulated seconds, from now.

        Raises:
            NotSaidError: they were not found in time.
        """
        __tracebackhide__ = True
        match = self._wait(re.compile(re.escape(data)), data, timeout_s)
        return match.string[: match.start()]

    def _wait(self, pattern: re.Pattern[bytes], wanted: bytes, timeout_s: float) -> re.Match[bytes]:
        __tracebackhide__ = True
        limit_ns = self._now_ns() + round(timeout_s * NS_PER_S)
        searched_bytes = -1
        while True:
            if len(self._unread) != searched_bytes:
                searched_bytes = len(self._unread)
                match = pattern.search(self.unread)
                if match:
                    del self._unread[: match.end()]
                    return match
            if self._now_ns() >= limit_ns:
                raise NotSaidError(wanted, timeout_s, self._mask(self.unread), self._now_ns())
            self._step(limit_ns)
