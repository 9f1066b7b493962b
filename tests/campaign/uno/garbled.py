"""A UART with noise: each byte of either direction may be changed, lost, or joined by another.

A trial is the whole system under nothing but noise, one byte in 10,000 or one in 100, up to a byte of the
dialogue that is drawn; from there on the line is clean. Everything must be delivered, and as it was measured:
during the noise or after it. The node measures so rarely that no outage fills its memory.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from campaign.whole.whole_system import told, try_one
from campaign.whole.world import Trial, World
from unosim.faults import DropByte, Fault, FlipBit, InsertByte, Plan, Wire
from unosim.modem import PROFILES

AT_ONCE = 50
SHARES: tuple[tuple[type[FlipBit | DropByte | InsertByte], float], ...] = (
    (FlipBit, 0.5),
    (DropByte, 0.3),
    (InsertByte, 0.2),
)


@dataclass(frozen=True)
class Noise:
    """How noisy it is, and for how long.

    Args:
        chance: Of each byte.
        bytes_max: Of the noise on a wire.
        interval_ms: The node's.
        trouble_s: When the world is left alone at the latest.
    """

    chance: float
    bytes_max: int
    interval_ms: int
    trouble_s: float


NOISES = (Noise(1e-4, 4_000, 1_000, 60), Noise(1e-2, 1_500, 10_000, 25))
"""Little noise for ten requests, and much for the joining and the first of them. Longer, most trials would
wait for five minutes again and again, because a garbled request is one with a wrong tag (401)."""


def trial(number: int) -> Trial:
    """Return the trial of a number (0 or more): even ones have little noise, odd ones have much."""
    chance = random.Random(f"garbled {number}")
    noise = NOISES[number % 2]
    faults: list[Fault] = []
    for wire in Wire:
        until = chance.randrange(100, noise.bytes_max)
        faults += [kind(wire, chance=noise.chance * share, until=until) for kind, share in SHARES]
    return Trial(
        number=number,
        profile=chance.choice(sorted(PROFILES)),
        soft=False,
        interval_ms=noise.interval_ms,
        ram_fill=chance.randrange(1, 256),
        plan=Plan(tuple(faults), number),
        trouble_s=noise.trouble_s,
    )


def given_up(world: World) -> Iterator[str]:
    """Yield a line if the node gave a reading up."""
    for life in world.ending.lives:
        if life.counters.lost or life.counters.rejected:
            yield f"readings were given up: {life.counters}"


def try_garbled(one: Trial) -> str:
    """Run a trial and return what was wrong, or ""."""
    return try_one(one, also=given_up)


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each trial, and its plan."""
    for number in trials:
        one = trial(number)
        yield told("garbled", one, try_garbled(one))
