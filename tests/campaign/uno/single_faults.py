"""Every single fault at every byte of the canonical dialogue, in both directions, on every profile.

A trial's number stands for a fault, by strides over all of them: neighbouring numbers are far apart, so that
the first hundred are a sample of the whole. How many there are depends on the dialogue; numbers beyond begin
again. A run from power-on costs no more than a copy of a process that stands before the fault already would.
"""

import functools
import math
from collections.abc import Iterator

from campaign.whole.whole_system import images
from system.single_faults import KINDS, dialogue_bytes, suffer
from unosim.faults import Fault
from unosim.modem import PROFILES

AT_ONCE = 100
TRIALS = 63_000
"""A few more than there are faults (62,720 when this was written)."""
GOLDEN = (math.sqrt(5) - 1) / 2


@functools.cache
def all_faults() -> tuple[tuple[str, Fault], ...]:
    """Return every fault, with the profile on which it strikes."""
    return tuple(
        (profile, kind(wire, offset))
        for profile in sorted(PROFILES)
        for wire, length in dialogue_bytes(images()["uno"], profile).items()
        for offset in range(length)
        for kind in KINDS
    )


def fault_of(number: int) -> tuple[str, Fault]:
    """Return the profile and the fault of a trial."""
    faults = all_faults()
    stride = round(len(faults) * GOLDEN)
    while math.gcd(stride, len(faults)) > 1:
        stride += 1
    return faults[number * stride % len(faults)]


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each trial."""
    for number in trials:
        profile, fault = fault_of(number)
        outcome = suffer(images()["uno"], profile, fault)
        yield outcome.complaint and f"{profile}, {fault}: {outcome.complaint}"
