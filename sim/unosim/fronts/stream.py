"""What the driver needs of a stream: the host's end of the wire, as the operating system offers it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from unosim.errors import UserError
from unosim.network.seam import HasFileno

READ_BYTES = 4_096
"""The most that one read takes: the buffer of a serial driver."""


class FrontError(UserError):
    """A front cannot be opened."""


class Said(NamedTuple):
    """Bytes of the host, and its rate in bits per second as it said them; None for a host without a rate."""

    data: bytes
    baud: int | None


class Stream(Protocol):
    """A serial port seen from the module's side. Nothing here blocks."""

    @property
    def name(self) -> str:
        """What the host opens."""

    @property
    def baud(self) -> int | None:
        """The host's rate in bits per second now; None for a host without a rate, which hears every rate."""

    def readers(self) -> Sequence[HasFileno]:
        """Return what to wait for until `read` has something."""

    def read(self) -> list[Said]:
        """Return what the host has said, in order."""

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; return how many found room. A UART does not wait: the others are lost."""

    def close(self) -> None:
        """Take the port away."""
