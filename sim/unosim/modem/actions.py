"""What the modem asks its caller to do, in the order in which it must be done.

`Output` and `SetBaud` concern the UART: the caller shifts the bytes out at the baud rate in force, and a new
rate holds for the bytes written after it. The others concern the network; their outcome comes back as
`unosim.modem.events`.
"""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What a link runs over; the values are the words of `AT+CIPSTART`."""

    TCP = "TCP"
    UDP = "UDP"
    SSL = "SSL"


@dataclass(frozen=True)
class Output:
    """Send bytes to the host's UART, behind what is still leaving."""

    data: bytes


@dataclass(frozen=True)
class SetBaud:
    """Run the UART at another rate in bits per second, from the next byte in both directions."""

    baud: int


@dataclass(frozen=True)
class Connect:
    """Open a connection for a link to a host name or dotted address and a port (0-65535).

    Links 0 to 4 are the host's; 5 and 6 are the module's own, for MQTT and for HTTP.

    A UDP link is up as soon as its peer's address is known; from then on it receives whatever comes to its
    local port. A network that cannot do a kind answers with `Failure.UNSUPPORTED`.
    """

    link: int
    host: str
    port: int
    kind: Kind = Kind.TCP
    local_port: int = 0
    """The port a UDP link wants for itself; 0 for any."""
    verify_server: bool = False
    """SSL: refuse a server whose certificate cannot be verified."""
    present_certificate: bool = False
    """SSL: show the module's own certificate."""


@dataclass(frozen=True)
class Send:
    """Hand bytes (at least one) to the connection of a link; for UDP they are one datagram."""

    link: int
    data: bytes
    to: tuple[str, int] | None = None
    """UDP: the dotted address and port that this datagram goes to; None on other links."""


@dataclass(frozen=True)
class Close:
    """End the connection of a link, or the attempt to open it; nothing of it is to be reported any more.

    `abort` asks for a reset (RST) instead of an orderly end (FIN).
    """

    link: int
    abort: bool = False


@dataclass(frozen=True)
class Resolve:
    """Look up a host name."""

    host: str


@dataclass(frozen=True)
class Ping:
    """Send one ICMP echo request to a dotted address, or to a name that has just been looked up."""

    host: str


@dataclass(frozen=True)
class Listen:
    """Take TCP connections to a port (1-65535); each is reported as `events.Incoming`."""

    port: int


@dataclass(frozen=True)
class StopListening:
    """Take no more of them."""


@dataclass(frozen=True)
class Accept:
    """Let an incoming connection be a link (0-4), which behaves like any other from now on."""

    connection: int
    link: int


@dataclass(frozen=True)
class Refuse:
    """Reset an incoming connection: there is no link for it."""

    connection: int


@dataclass(frozen=True)
class SyncTime:
    """Ask SNTP servers (host names or dotted addresses, in order of preference) for the time."""

    servers: tuple[str, ...]


NetworkAction = Connect | Send | Close | Resolve | Ping | Listen | StopListening | Accept | Refuse | SyncTime
Action = Output | SetBaud | NetworkAction
