"""What happened in a simulation, in order: who said which bytes when.

Rules: an entry is an instant in simulated ns, a channel and raw bytes; entries are only ever added. Two
runs are the same run exactly if their digests are equal. Secrets are masked when a trace is shown, not when
it is recorded: the digest covers the true bytes.
"""

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from unosim.masking import hide


class Channel(StrEnum):
    """Where the bytes of an entry passed by."""

    UNO_TX = "uno>esp"
    """Uno to modem, one byte an entry, at the end of its stop bit."""
    ESP_TX = "esp>uno"
    """Modem to Uno, one reply an entry, at its first start bit."""
    NET_TX = "esp>net"
    """Payload that the modem hands to the network."""
    NET_RX = "net>esp"
    """Payload that reaches the modem from the network."""


class Entry(NamedTuple):
    """One thing that was said: the instant in ns, the channel, the bytes, the sender's rate on a UART."""

    at_ns: int
    channel: Channel
    data: bytes
    baud: int = 0
    """Bits per second; 0 where there is no UART. No part of the digest."""


class Trace:
    """The entries of one run, and their digest.

    Args:
        watch: called with each entry as it is recorded, to show a run while it happens.
    """

    def __init__(self, watch: Callable[[Entry], None] | None = None) -> None:
        self.entries: list[Entry] = []
        self._watch = watch

    def record(self, at_ns: int, channel: Channel, data: bytes, baud: int = 0) -> None:
        """Add an entry."""
        entry = Entry(at_ns, channel, data, baud)
        self.entries.append(entry)
        if self._watch:
            self._watch(entry)

    def digest(self) -> str:
        """Return the SHA-256 of all entries so far, as 64 hexadecimal digits."""
        sha256 = hashlib.sha256()
        for at_ns, channel, data, _ in self.entries:
            sha256.update(b"%d %s %d " % (at_ns, channel.encode(), len(data)) + data)
        return sha256.hexdigest()

    def heard(self, channel: Channel) -> bytes:
        """Return all bytes of one channel, joined."""
        return b"".join(entry.data for entry in self.entries if entry.channel is channel)


def masked(text: str) -> str:
    """Return a line of AT dialogue or HTTP without its passwords and credentials."""
    return hide(text, lambda _: "***")
