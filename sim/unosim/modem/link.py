"""One link: its phase, its peer, what it holds for a host that reads by itself, and its numbered segments."""

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from unosim.modem.actions import Kind
from unosim.modem.errors import LocalProtocolError
from unosim.modem.kernel import Timer
from unosim.modem.settings import Target

BACKLOG_BYTES = 1 << 20
"""Bytes beyond the window that a link keeps on the peer's behalf. They stand for the peer's own send buffer,
which rarely exceeds this; a network that ignores `receive_window` altogether must not fill our memory."""


DATAGRAMS = 6
"""A UDP link's queue (lwIP options of ESP-AT 2 for the ESP8266)."""


class Phase(enum.Enum):
    """The life of a link."""

    FREE = enum.auto()
    CONNECTING = enum.auto()
    OPEN = enum.auto()


@dataclass
class Segments:
    """The numbered segments of `AT+CIPSENDBUF` on one connection."""

    next_number: int = 1
    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    """Number and unacknowledged bytes of each segment that waits for its acknowledgement, oldest first."""

    @property
    def acknowledged(self) -> int:
        """Return the number of the last segment that has been acknowledged; 0 for none."""
        return self.waiting[0][0] - 1 if self.waiting else self.next_number - 1

    @property
    def waiting_bytes(self) -> int:
        """Return the bytes that wait for their acknowledgement."""
        return sum(count for _, count in self.waiting)

    def add(self, count: int) -> None:
        """Take a segment of `count` bytes (1 or more)."""
        self.waiting.append((self.next_number, count))
        self.next_number += 1

    def acknowledge(self, count: int) -> list[int]:
        """Count off acknowledged bytes; return the numbers of the segments that are complete by that."""
        complete: list[int] = []
        while self.waiting and count:
            number, left = self.waiting.popleft()
            if left > count:
                self.waiting.appendleft((number, left - count))
                break
            count -= left
            complete.append(number)
        return complete


@dataclass
class Link:
    """One of the module's links; `number` is 0 to 4."""

    number: int
    window_bytes: int
    """TCP's receive window: what the link holds for the host before the peer is paused."""
    phase: Phase = Phase.FREE
    target: Target = field(default_factory=lambda: Target("", 0))
    """Where `AT+CIPSTART` was told to go; of no meaning on an inbound link."""
    inbound: bool = False
    address: str = ""
    remote_port: int = 0
    local_port: int = 0
    started_ns: int = 0
    abort_on_close: bool = False
    unacknowledged_bytes: int = 0
    timer: Timer | None = None
    """The end of a connection attempt, or of TCP's patience with a silent peer."""
    held: bytearray = field(default_factory=bytearray)
    """Received and not yet read by the host; survives the end of the connection."""
    backlog: deque[bytes] = field(default_factory=deque)
    """What the peer may not send yet, for lack of room in the window."""
    segments: Segments = field(default_factory=Segments)
    peer_moved: bool = False
    """UDP: the peer has become somebody else than it was at the start."""
    idle_timer: Timer | None = None
    """The end of an inbound link on which nothing happens."""
    on_outcome: Callable[[bool], None] | None = None
    """Called with the outcome of a connection attempt in place of a word to the host."""
    peer_finished: bool = False
    """The peer has closed; it takes effect when there is room for all it sent, or when the host has it."""
    datagrams: deque[tuple[bytes, tuple[str, int]]] = field(default_factory=deque)
    """Received, not yet read, and who sent it."""
    told: bool = False
    """The host has been told of what is held, and has not read since."""

    def __post_init__(self) -> None:
        """Start with no backlog."""
        self._backlog_bytes = 0

    @property
    def kind(self) -> Kind:
        """Return what the link runs over."""
        return self.target.kind

    @property
    def room_bytes(self) -> int:
        """Return what still fits into the receive window."""
        return self.window_bytes - len(self.held)

    @property
    def held_bytes(self) -> int:
        """Return how much there is for the host to read."""
        return len(self.held) + sum(len(data) for data, _ in self.datagrams)

    def store(self, data: bytes) -> bool:
        """Take received bytes; return whether some of them reached the window.

        Raises:
            LocalProtocolError: the network has ignored the window for too long.
        """
        if len(data) - self.room_bytes > BACKLOG_BYTES - self._backlog_bytes:
            raise LocalProtocolError(
                f"link {self.number} has {self._backlog_bytes} bytes waiting beyond its receive window, "
                f"and the network brought {len(data)} more; ask receive_window() before sending"
            )
        self.backlog.append(data)
        self._backlog_bytes += len(data)
        return self._refill()

    def store_datagram(self, data: bytes, sender: tuple[str, int]) -> bool:
        """Take a datagram; return whether there was a place for it, or it is lost."""
        if len(self.datagrams) >= DATAGRAMS:
            return False
        self.datagrams.append((data, sender))
        return True

    def read(self, count: int) -> tuple[bytes, bool]:
        """Return up to `count` held bytes, and whether more came in through the window that this opened."""
        data = bytes(self.held[:count])
        del self.held[:count]
        return data, self._refill()

    def drop_data(self) -> None:
        """Forget everything received."""
        self.held.clear()
        self.datagrams.clear()
        self.told = False
        self.drop_backlog()

    def drop_backlog(self) -> None:
        """Forget what the peer may not send any more."""
        self.backlog.clear()
        self._backlog_bytes = 0
        self.peer_finished = False

    def _refill(self) -> bool:
        """Move waiting bytes into the window; return whether there were any."""
        before = len(self.held)
        while self.backlog and self.room_bytes:
            data = self.backlog.popleft()
            fitting = data[: self.room_bytes]
            self.held += fitting
            self._backlog_bytes -= len(fitting)
            if len(fitting) < len(data):
                self.backlog.appendleft(data[len(fitting) :])
        return len(self.held) > before
