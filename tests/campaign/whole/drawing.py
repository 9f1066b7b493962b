"""Draws trials of the whole system from their numbers.

What goes wrong clusters in time: losses are found where a state changes, not in the steady state. So a plan
has one or two moments, and several faults near each: a byte of the dialogue (joining, connecting, the first
requests) with others a few bytes behind it, which fall into the recovery; a request and those behind it; a
start of the Uno.
"""

import random
from collections.abc import Callable, Mapping

from campaign.whole import server_faults as at_server
from campaign.whole.world import Trial
from unosim.board import CLOCK_HZ
from unosim.faults import (
    AbsentServer,
    BaudDrift,
    BootGarbage,
    BusyStorm,
    Cause,
    DnsFailure,
    DropByte,
    Fault,
    FlipBit,
    HalfAnswer,
    InsertByte,
    LinkClosed,
    LostAck,
    LostAnswer,
    LostRequest,
    Overrun,
    Plan,
    PowerCut,
    Refusal,
    Reset,
    Restart,
    SlowServer,
    TornEeprom,
    WifiLost,
    Wire,
)
from unosim.modem import PROFILES

SOFT_SHARE = 0.05
INTERVALS_MS = (150, 200, 200, 300, 1_000)
JOIN_BYTES, DIALOGUE_BYTES = 700, 3_000
"""About so many bytes pass by on each wire until the link is open, and until the trouble ends."""

Chance = random.Random


def trial(number: int) -> Trial:
    """Return the trial of a number (0 or more)."""
    chance = Chance(f"whole-system {number}")
    return Trial(
        number=number,
        profile=chance.choice(sorted(PROFILES)),
        soft=chance.random() < SOFT_SHARE,
        interval_ms=chance.choice(INTERVALS_MS),
        ram_fill=chance.randrange(1, 256),
        plan=Plan(_faults(chance), number),
    )


def _faults(chance: Chance) -> tuple[Fault, ...]:
    faults: dict[str, Fault] = {}
    for _ in range(chance.choice((1, 1, 2))):
        moment = chance.choices((_near_a_byte, _near_a_request, _near_a_start), (5, 5, 2))[0]
        for fault in moment(chance):
            faults.setdefault(str(fault), fault)
    for fault in _always_there(chance):
        faults.setdefault(str(fault), fault)
    return tuple(faults.values())


def _near_a_byte(chance: Chance) -> list[Fault]:
    wire = chance.choice(list(Wire))
    offset = chance.randrange(chance.choice((JOIN_BYTES, JOIN_BYTES + 400, DIALOGUE_BYTES)))
    faults = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        faults.append(
            _BYTE_FAULTS[chance.choices(range(len(_BYTE_FAULTS)), _BYTE_WEIGHTS)[0]](chance, wire, offset)
        )
        offset += round(chance.expovariate(1 / 40))
    return faults


def _near_a_request(chance: Chance) -> list[Fault]:
    number = round(chance.expovariate(1 / 3))
    faults = []
    for _ in range(chance.choice((1, 2, 3))):
        kinds = list(_REQUEST_FAULTS)
        kind = chance.choices(kinds, [_REQUEST_FAULTS[one] for one in kinds])[0]
        faults.append(kind(chance, number))
        number += chance.choice((0, 1, 1, 2))
    return faults


def _near_a_start(chance: Chance) -> list[Fault]:
    """Cut the power: soon after a start, in the middle of the joining, or of an outage."""
    faults: list[Fault] = []
    at_s = 0.0
    for _ in range(chance.choice((1, 1, 2, 4))):
        if chance.random() < 0.3:
            faults.append(TornEeprom(chance.randrange(chance.choice((16, 60, 400)))))
        else:
            at_s += chance.choice((0.06, 1.0, 7.0, 12.0)) * chance.random()
            faults.append(PowerCut(round(at_s * CLOCK_HZ) + 1))
    return faults


def _always_there(chance: Chance) -> list[Fault]:
    """Return what is so for the whole trial."""
    drawn: list[tuple[float, Fault]] = [
        (0.1, BootGarbage(chance.randrange(1, 200))),
        (0.1, BaudDrift(chance.choice((-2.0, -1.0, 1.0, 2.0)))),
        (0.08, at_server.RateLimited(chance.choice((1, 2, 5)))),
        (0.06, FlipBit(chance.choice(list(Wire)), chance=chance.choice((1e-3, 1e-2)), until=DIALOGUE_BYTES)),
        (0.06, DropByte(chance.choice(list(Wire)), chance=chance.choice((1e-3, 1e-2)), until=DIALOGUE_BYTES)),
    ]
    return [fault for share, fault in drawn if chance.random() < share]


def _some_seconds(chance: Chance) -> float:
    return round(chance.choice((0.3, 3.0, 12.0, 40.0)) * (0.1 + chance.random()), 3)


_BYTE_WEIGHTS = (3, 3, 2, 2, 5, 2, 3, 3)
_BYTE_FAULTS: tuple[Callable[[Chance, Wire, int], Fault], ...] = (
    lambda _chance, wire, at: FlipBit(wire, at),
    lambda _chance, wire, at: DropByte(wire, at),
    lambda _chance, wire, at: InsertByte(wire, at),
    lambda chance, wire, at: Overrun(wire, at, chance.randrange(1, 60)),
    lambda chance, wire, at: Restart(wire, at, chance.choice(list(Cause))),
    lambda chance, wire, at: BusyStorm(wire, at, _some_seconds(chance)),
    lambda chance, wire, at: WifiLost(wire, at, _some_seconds(chance)),
    lambda _chance, wire, at: LinkClosed(wire, at),
)
_REQUEST_FAULTS: Mapping[Callable[[Chance, int], Fault], float] = {
    lambda chance, at: DnsFailure(at // 2, chance.choice((1, 2))): 1,
    lambda chance, at: Refusal(at // 2, chance.choice((1, 3))): 1,
    lambda _chance, at: AbsentServer(at // 2): 1,
    lambda chance, at: LostRequest(at, chance.choice((1, 2))): 2,
    lambda chance, at: LostAnswer(at, chance.choice((1, 2))): 3,
    lambda _chance, at: LostAck(at): 2,
    lambda chance, at: Reset(at, chance.choice((1, 2))): 2,
    lambda chance, at: HalfAnswer(at, chance.choice((1, 2))): 2,
    lambda chance, at: SlowServer(at, seconds=_some_seconds(chance)): 3,
    lambda chance, at: at_server.ServerRestart(at, seconds=_some_seconds(chance)): 3,
    lambda chance, at: at_server.KilledBeforeCommit(at, seconds=_some_seconds(chance)): 3,
    lambda chance, at: at_server.KilledAfterCommit(at, seconds=_some_seconds(chance)): 4,
    lambda chance, at: at_server.ReadOnly(at, chance.choice((1, 2))): 2,
    lambda chance, at: at_server.DiskFull(at, chance.choice((1, 4))): 2,
    lambda chance, at: at_server.KeysGone(at, chance.choice((1, 1, 2, 3))): 1,
    lambda _chance, at: at_server.KeyRotated(at): 1,
    lambda _chance, at: at_server.ClockBack(at): 1,
}
