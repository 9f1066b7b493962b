"""What the network reports to the modem.

Rules: events of one link come in the order in which they happened. An event that cannot be (no such link, no
data) is refused at construction with `LocalProtocolError`; an event that came too late for its link is
ignored by the engine.
"""

import enum
from dataclasses import dataclass

from unosim.modem.errors import LocalProtocolError
from unosim.modem.settings import LINKS

MQTT_CHANNEL, HTTP_CHANNEL = LINKS, LINKS + 1
"""Connections that the module makes for itself; their numbers follow those of the host's links."""
CHANNELS = LINKS + 2


class Failure(enum.Enum):
    """Why a connection did not come about."""

    REFUSED = "the peer answered with a reset"
    TIMEOUT = "nobody answered"
    NO_NAME = "the host name did not resolve"
    HANDSHAKE = "no SSL session came about"
    UNSUPPORTED = "the network cannot do this kind of connection"


def _check_link(link: int) -> None:
    if not 0 <= link < CHANNELS:
        raise LocalProtocolError(f"network event for link {link!r}; the module has 0 to {CHANNELS - 1}")


@dataclass(frozen=True)
class Connected:
    """A connection is up: the peer's dotted address, its port and our own."""

    link: int
    address: str
    remote_port: int
    local_port: int

    def __post_init__(self) -> None:
        """Refuse a link that cannot be."""
        _check_link(self.link)


@dataclass(frozen=True)
class ConnectFailed:
    """A connection did not come about."""

    link: int
    reason: Failure

    def __post_init__(self) -> None:
        """Refuse a link that cannot be."""
        _check_link(self.link)


@dataclass(frozen=True)
class Acknowledged:
    """The peer's TCP acknowledged `count` (1 or more) further bytes of what was sent."""

    link: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a link or a count that cannot be."""
        _check_link(self.link)
        if self.count < 1:
            raise LocalProtocolError(
                f"acknowledgement of {self.count!r} bytes on link {self.link}; at least 1"
            )


@dataclass(frozen=True)
class Received:
    """Bytes (at least one) arrived from the peer; for UDP they are one datagram."""

    link: int
    data: bytes
    sender: tuple[str, int] | None = None
    """UDP: the dotted address and port that the datagram came from."""

    def __post_init__(self) -> None:
        """Refuse a link that cannot be, and the absence of data."""
        _check_link(self.link)
        if not self.data:
            raise LocalProtocolError(f"no data received on link {self.link}; report arrivals only")


@dataclass(frozen=True)
class PeerClosed:
    """The peer ended the connection (FIN or RST); nothing of it follows."""

    link: int

    def __post_init__(self) -> None:
        """Refuse a link that cannot be."""
        _check_link(self.link)


@dataclass(frozen=True)
class Resolved:
    """A host name leads to a dotted address, or (None) to nothing."""

    host: str
    address: str | None


@dataclass(frozen=True)
class Pong:
    """An echo reply came back after `ms` milliseconds, or (None) certainly never will."""

    host: str
    ms: int | None


@dataclass(frozen=True)
class Incoming:
    """Somebody connected to the port the module listens on; to be answered with `Accept` or `Refuse`.

    `connection` is the network's own number for it. The connection is up: what comes over it is reported once
    it has been accepted.
    """

    connection: int
    address: str
    remote_port: int
    local_port: int


@dataclass(frozen=True)
class TimeTold:
    """An SNTP server told the time, in seconds since 1970-01-01T00:00:00Z (32 bits)."""

    unix_s: int

    def __post_init__(self) -> None:
        """Refuse a time that SNTP cannot tell."""
        if not 0 <= self.unix_s < 1 << 32:
            raise LocalProtocolError(f"time {self.unix_s!r} s does not fit into 32 bits")


LinkEvent = Connected | ConnectFailed | Acknowledged | Received | PeerClosed
NetworkEvent = LinkEvent | Resolved | Pong | Incoming | TimeTold
