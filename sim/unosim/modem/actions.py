"""What the modem asks its caller to do, in the order in which it must be done.

`Output` and `SetBaud` concern the UART: the caller shifts the bytes out at the baud rate in force, and a new
rate holds for the bytes written after it. The others concern the network; their outcome comes back as
`unosim.modem.events`.
"""

from dataclasses import dataclass


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
    """Open a TCP connection for a link (0-4) to a host name or dotted address and a port (0-65535)."""

    link: int
    host: str
    port: int


@dataclass(frozen=True)
class Send:
    """Hand bytes (at least one) to the TCP connection of a link."""

    link: int
    data: bytes


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


NetworkAction = Connect | Send | Close | Resolve | Ping
Action = Output | SetBaud | NetworkAction
