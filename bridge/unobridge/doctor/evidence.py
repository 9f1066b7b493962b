"""What the doctor has heard: plain values, gathered by `probe` or `recorded`."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

ROM_BAUD = 74_880
"""The ESP8266's ROM speaks at this rate with its 26 MHz crystal."""
_OK = re.compile(rb"(?:^|\n)\r?OK\r\n")
_READY = re.compile(rb"(?:^|\r\n)ready\r\n")


class Step(StrEnum):
    """What was being tried."""

    SEARCH = "search"
    """`AT` at a rate."""
    BOOT = "boot"
    """Listening after power came back, or after a reset."""
    STEADY = "steady"
    """`AT` again and again at the rate that was found."""
    VERSION = "version"
    """`AT+GMR`."""
    JOIN = "join"
    RESOLVE = "resolve"
    CONNECT = "connect"
    REQUEST = "request"
    SAID = "said"
    """What a host said in a recorded session."""


@dataclass(frozen=True)
class Exchange:
    """One thing that was said, and what was heard until the next one."""

    step: Step
    baud: int
    sent: bytes
    heard: bytes

    @property
    def ok(self) -> bool:
        """Whether the answer ends with OK."""
        return bool(_OK.search(self.heard))


@dataclass(frozen=True)
class HttpAnswer:
    """What the server said to a signed request that stores nothing."""

    status: int
    signed: bool
    """Whether the answer proves that the server holds the device's key."""
    clock_off_s: float | None
    """The server's clock less this computer's, in seconds; None if the server did not tell."""


@dataclass
class Evidence:
    """Everything that was heard."""

    expected_baud: int
    """The rate in bits per second at which the user's program speaks."""
    exchanges: list[Exchange] = field(default_factory=list)
    found_baud: int | None = None
    """The rate at which the module answered."""
    power_cycled: bool = False
    """Whether the module was listened to while power came back."""
    http: HttpAnswer | None = None
    signed_request: bool = False
    """Whether the request was signed with a device's key."""

    def of(self, step: Step) -> list[Exchange]:
        """Return the exchanges of a step."""
        return [one for one in self.exchanges if one.step is step]

    def heard(self, *steps: Step) -> bytes:
        """Return everything that was heard in some steps, or in all."""
        return b"".join(one.heard for one in self.exchanges if not steps or one.step in steps)

    @property
    def restarts(self) -> int:
        """How often the module said that it had started, other than when it was made to."""
        return sum(len(_READY.findall(one.heard)) for one in self.exchanges if one.step is not Step.BOOT)


def readable(data: bytes) -> bool:
    """Return whether bytes are text, mostly."""
    good = sum(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in data)
    return len(data) > 2 and good >= 0.9 * len(data)
