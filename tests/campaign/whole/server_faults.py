"""What goes wrong with the server, as faults of a plan beside those of `unosim.faults`.

`at` and `times` count requests that have arrived whole, from 0. What each does stands in `server.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from unosim.faults import CATALOGUE, Fault
from unosim.faults.catalogue import NetworkFault


@dataclass(frozen=True)
class ServerFault(NetworkFault):
    """Something happens in the server when a request has arrived."""


@dataclass(frozen=True)
class Down(ServerFault):
    """The server ends, and is there again some seconds later; until then nobody listens."""

    seconds: float = 2.0


@dataclass(frozen=True)
class ServerRestart(Down):
    """It is told to stop: it answers the request, closes its store, and starts anew."""

    name = "server-restart"


@dataclass(frozen=True)
class KilledBeforeCommit(Down):
    """It is killed, as by a power cut, before the request is on disk."""

    name = "killed-before-commit"


@dataclass(frozen=True)
class KilledAfterCommit(Down):
    """It is killed, as by a power cut, when the request is on disk and before its first line is logged."""

    name = "killed-after-commit"


@dataclass(frozen=True)
class ReadOnly(ServerFault):
    """The store's file cannot be written, as after an error of the disk: remounted read-only."""

    name = "read-only"


@dataclass(frozen=True)
class DiskFull(ServerFault):
    """The store's file cannot grow: the disk is full."""

    name = "disk-full"


@dataclass(frozen=True)
class KeysGone(ServerFault):
    """The file with the keys is not there: restored from a backup that lacks it."""

    name = "keys-gone"


@dataclass(frozen=True)
class KeyRotated(ServerFault):
    """The device is given a second key, which it has not heard of yet: it goes on with the first.

    It is not given a third: that is refused.
    """

    name = "key-rotated"


@dataclass(frozen=True)
class ClockBack(ServerFault):
    """The server's clock is set back by some seconds."""

    name = "clock-back"
    seconds: float = 3_600.0


@dataclass(frozen=True)
class RateLimited(Fault):
    """The server takes few requests of one device, and answers 429 to those above: `count` a second."""

    name = "rate-limited"
    count: int = 1


ALL_FAULTS: Mapping[str, type[Fault]] = CATALOGUE | {
    kind.name: kind
    for kind in (
        ServerRestart,
        KilledBeforeCommit,
        KilledAfterCommit,
        ReadOnly,
        DiskFull,
        KeysGone,
        KeyRotated,
        ClockBack,
        RateLimited,
    )
}
"""Every fault that a trial may have, by its name."""
