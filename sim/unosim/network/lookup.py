"""Questions to the operating system that block: names and echo requests, each asked in a thread of its own.

Rules: an answer is taken in `take_answers`, by the thread that calls it, never in that which has asked. At
most `ASKING_MAX` questions are open; what is asked beyond them is answered as if nobody knew.
"""

import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from unosim.clock import NS_PER_MS

ASKING_MAX = 32
"""Open questions: a look-up that no name server answers takes half a minute, and a module may give up and ask
anew every few seconds on each of its five links."""
PING_WAIT_S = 2.0
"""The longest wait for an echo reply; the module's own patience is shorter (`Profile.ping_ns`)."""
_READ_BYTES = 65_536

_Answer = TypeVar("_Answer")


class Lookups:
    """Asks, and keeps the answers until somebody takes them."""

    def __init__(self) -> None:
        self.bell, self._button = socket.socketpair()
        """Can be read when there is an answer."""
        self.bell.setblocking(False)
        self._asking = 0
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def name(self, host: str, take: Callable[[str | None], None]) -> None:
        """Ask for the first IPv4 address of a host name; there may be none."""
        self._ask(lambda: resolve(host), take, None)

    def echo(self, host: str, take: Callable[[int | None], None]) -> None:
        """Send an ICMP echo request to a host; the answer is the time in ms, or None."""
        self._ask(lambda: ping(host), take, None)

    def take_answers(self) -> None:
        """Pass on what has been found out."""
        if not self._asking:
            return
        try:
            rung = len(self.bell.recv(_READ_BYTES))  # one stroke an answer, which was there before it
        except BlockingIOError:
            return
        self._asking -= rung
        for _ in range(rung):
            self._answers.get()()

    def close(self) -> None:
        """Wait for nobody any more."""
        self.bell.close()
        self._button.close()

    def _ask(self, ask: Callable[[], _Answer], take: Callable[[_Answer], None], unknown: _Answer) -> None:
        asking = threading.Thread(target=self._answer, args=(ask, take), name="unosim-lookup", daemon=True)
        try:
            if self._asking < ASKING_MAX:
                asking.start()
                self._asking += 1
                return
        except RuntimeError:  # the system has no more threads: it will not answer, either
            pass
        take(unknown)

    def _answer(self, ask: Callable[[], _Answer], take: Callable[[_Answer], None]) -> None:
        """Ask, leave the answer, and wake whoever waits for it."""
        answer = ask()
        self._answers.put(lambda: take(answer))
        try:
            self._button.send(b"!")
        except OSError:
            return  # closed: nobody waits any more


def resolve(host: str) -> str | None:
    """Return the first IPv4 address of a host name, or None."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, ValueError):  # ValueError: a name that no encoding of host names can hold
        return None
    return str(found[0][4][0])


def ping(host: str) -> int | None:
    """Return the ms that an echo reply took, by an unprivileged socket (icmp(7), `ping_group_range`)."""
    request = struct.pack("!BBHHH", 8, 0, 0, 0, 1) + b"unosim"  # the kernel fills in checksum and identifier
    address = resolve(host)
    if address is None:
        return None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as pinging:
            pinging.settimeout(PING_WAIT_S)
            started_ns = time.monotonic_ns()
            pinging.sendto(request, (address, 0))
            pinging.recv(_READ_BYTES)
    except OSError:  # refused, unreachable, or silent for too long
        return None
    return (time.monotonic_ns() - started_ns) // NS_PER_MS
