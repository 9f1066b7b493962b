"""The faults by name: small frozen records. What each does to a run stands in `modem.py` and `network.py`.

Where a fault strikes. On a wire, `at` is the offset of a byte: so many bytes have passed by on that wire
since power-on, the boot text included, faults not counted. In the network, `at` is the number of the
connection or of the request, from 0, over all links; `times` neighbours in a row are struck.

The text form of a fault is `name[:wire][@at][,field=value]...`, fields with their default left out:
`drop-byte:esp>uno@123`, `flip-bit:uno>esp,chance=0.001`, `slow-server@2,seconds=40`.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import ClassVar


class Wire(StrEnum):
    """One direction of the UART, named as in a trace."""

    TO_ESP = "uno>esp"
    TO_UNO = "esp>uno"


class Cause(StrEnum):
    """Why a module restarts; each says something else on its way (`unosim.modem.Crash`)."""

    BROWN_OUT = "brown-out"
    HARDWARE_WATCHDOG = "hardware-watchdog"
    SOFTWARE_WATCHDOG = "software-watchdog"
    EXCEPTION = "exception"


_LIMITS: dict[str, tuple[float, float]] = {
    "at": (0, 10**12),
    "chance": (0, 1),
    "bit": (0, 7),
    "byte": (0, 255),
    "percent": (-20, 20),
    "seconds": (0, 86_400),
    "count": (1, 10_000),
    "times": (1, 10**9),
    "until": (1, 10**12),
}
"""The smallest and the largest value of each number."""


@dataclass(frozen=True)
class Fault:
    """What all faults share.

    Raises:
        ValueError: a number is out of its range.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in _LIMITS and value is not None:
                low, high = _LIMITS[one.name]
                if not low <= value <= high:
                    raise ValueError(f"{one.name} of {self.name} is {value!r}; it may be {low} to {high}")

    def __str__(self) -> str:
        """Return the text form."""
        text = self.name
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "wire":
                text += f":{value}"
            elif one.name == "at" and value is not None:
                text += f"@{value}"
            elif value != one.default:
                text += f",{one.name}={value}"
        return text


@dataclass(frozen=True)
class ByteFault(Fault):
    """Something happens to single bytes of a wire: to the one `at` an offset, or to each with a `chance`.

    Raises:
        ValueError: neither or both of `at` and `chance`, `until` without `chance`, a number out of range.
    """

    wire: Wire
    at: int | None = None
    chance: float = 0.0
    until: int | None = field(default=None, kw_only=True)
    """From this offset on the line is clean; None for one that never is."""

    def __post_init__(self) -> None:
        """Refuse a fault that never strikes, and one that has two minds."""
        super().__post_init__()
        if (self.at is None) is not (self.chance > 0):
            raise ValueError(
                f"{self.name} strikes either at an offset (@123) or with a chance (,chance=0.01)"
            )
        if self.until is not None and self.at is not None:
            raise ValueError(f"{self.name} strikes at one offset, so it has no end (,until=)")


@dataclass(frozen=True)
class FlipBit(ByteFault):
    """Noise turns a bit over: a level shifter that is too slow, a long wire beside a motor."""

    name = "flip-bit"
    bit: int | None = None
    """0 (sent first) to 7; None draws one each time."""


@dataclass(frozen=True)
class DropByte(ByteFault):
    """The receiver misses a byte, as a full receive buffer does. The next byte follows without a gap."""

    name = "drop-byte"


@dataclass(frozen=True)
class InsertByte(ByteFault):
    """A spike on the line is taken for a start bit, and a byte appears before the true one."""

    name = "insert-byte"
    byte: int | None = None
    """0 to 255; None draws one each time."""


@dataclass(frozen=True)
class Overrun(Fault):
    """The receiver does not read for a while, and its buffer overruns: bytes in a row are lost.

    A host that is busy elsewhere for 1 ms misses twelve bytes at 115200 baud.
    """

    name = "overrun"
    wire: Wire
    at: int
    count: int = 8
    """So many bytes."""


@dataclass(frozen=True)
class BaudDrift(Fault):
    """The module's clock is off, in both directions alike. 8N1 stands up to 5 % between the two ends."""

    name = "baud-drift"
    percent: float
    """How much faster (above 0) or slower the module runs."""


@dataclass(frozen=True)
class ModemFault(Fault):
    """Something happens to the module, just before the byte at an offset of a wire."""

    wire: Wire
    at: int


@dataclass(frozen=True)
class Restart(ModemFault):
    """The module boots by itself: its supply dips when the transmitter draws 300 mA, or its watchdog bites.

    On `esp>uno` its words break off at the offset. On `uno>esp` what it has said already still leaves.
    """

    name = "restart"
    cause: Cause = Cause.BROWN_OUT


@dataclass(frozen=True)
class BusyStorm(ModemFault):
    """Every line is answered `busy p...` and thrown away, as by a module whose Wi-Fi task takes all time."""

    name = "busy-storm"
    seconds: float = 5.0


@dataclass(frozen=True)
class WifiLost(ModemFault):
    """The access point falls silent, as one does that changes its channel or restarts, and comes back."""

    name = "wifi-lost"
    seconds: float = 10.0


@dataclass(frozen=True)
class LinkClosed(ModemFault):
    """The peers of all open links end their connections: idle time-outs, a server that is restarted."""

    name = "link-closed"


@dataclass(frozen=True)
class SupplyFault(Fault):
    """Power goes away from Uno and module and comes back at once; there has to be an Uno."""

    at: int


@dataclass(frozen=True)
class PowerCut(SupplyFault):
    """The plug is pulled at a CPU cycle, counted from power-on (16,000,000 a second)."""

    name = "power-cut"


@dataclass(frozen=True)
class TornEeprom(SupplyFault):
    """The plug is pulled in the middle of an EEPROM write: `at` is the number of the write, from 0.

    The byte is left neither old nor new (ATmega328P datasheet, section 8.4: an erase comes first).
    """

    name = "torn-eeprom"


@dataclass(frozen=True)
class BootGarbage(Fault):
    """Before its boot text the module's output pin floats, and the receiver sees bytes in it."""

    name = "boot-garbage"
    count: int = 40
    """So many bytes, drawn anew at each power-on and each `restart`."""


@dataclass(frozen=True)
class NetworkFault(Fault):
    """Something happens to connections or requests, counted from 0."""

    at: int
    times: int = 1

    def strikes(self, number: int) -> bool:
        """Return whether it concerns the connection or request of this number."""
        return self.at <= number < self.at + self.times


@dataclass(frozen=True)
class ConnectionFault(NetworkFault):
    """Concerns attempts to connect."""


@dataclass(frozen=True)
class DnsFailure(ConnectionFault):
    """The name server knows no such name: a router that has just restarted answers so."""

    name = "dns-failure"


@dataclass(frozen=True)
class Refusal(ConnectionFault):
    """Nobody listens on the port: the server is down, its machine is up."""

    name = "refusal"


@dataclass(frozen=True)
class AbsentServer(ConnectionFault):
    """Nobody answers: the machine is off, or a firewall swallows the attempt."""

    name = "absent-server"


@dataclass(frozen=True)
class RequestFault(NetworkFault):
    """Concerns what the module sends, one `AT+CIPSEND` a request, and the answer to it."""


@dataclass(frozen=True)
class LostRequest(RequestFault):
    """What is sent never arrives, nor does anything after it on that connection: a broken route."""

    name = "lost-request"


@dataclass(frozen=True)
class LostAnswer(RequestFault):
    """The request arrives, its answer does not: the server dies in between, its connection hangs."""

    name = "lost-answer"


@dataclass(frozen=True)
class LostAck(RequestFault):
    """The request arrives and is answered, but its acknowledgement and all later ones on the link get lost.

    `SEND OK` never comes; in the end TCP gives up, and the module says `CLOSED` and `SEND FAIL` of something
    that has arrived long ago.
    """

    name = "lost-ack"


@dataclass(frozen=True)
class Reset(RequestFault):
    """The request arrives, and instead of an answer the connection is reset."""

    name = "reset"


@dataclass(frozen=True)
class HalfAnswer(RequestFault):
    """The first half of the answer arrives, then the connection is reset."""

    name = "half-answer"


@dataclass(frozen=True)
class SlowServer(RequestFault):
    """The answer comes later than it would: a cold start, a loaded disk."""

    name = "slow-server"
    seconds: float = 30.0


CATALOGUE: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        FlipBit,
        DropByte,
        InsertByte,
        Overrun,
        BaudDrift,
        Restart,
        BusyStorm,
        WifiLost,
        LinkClosed,
        PowerCut,
        TornEeprom,
        BootGarbage,
        DnsFailure,
        Refusal,
        AbsentServer,
        LostRequest,
        LostAnswer,
        LostAck,
        Reset,
        HalfAnswer,
        SlowServer,
    )
}
"""Every fault by its name."""
