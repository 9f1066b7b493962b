"""What must hold when a trial of the whole system is over."""

import json
from collections.abc import Iterator
from itertools import pairwise

from campaign.uno.witness import RING_READINGS, Identity, Samples
from campaign.whole.server import POWER_ON_NS
from campaign.whole.server_faults import ClockBack
from campaign.whole.world import Life, World
from unoingest.store import StoredReading
from unosim.clock import NS_PER_MS, NS_PER_S

STACK_FREE_BYTES_MIN = 200
EARLY_NS = 20 * NS_PER_MS
"""By how much a reading may seem to be older than it is: the time of a loop, and the milliseconds' grain."""
LATE_NS = 30 * NS_PER_S
"""By how much it may seem to be younger: a request's way to the server, slow sends included."""

Stored = dict[Identity, StoredReading]


def harms(world: World) -> Iterator[str]:
    """Yield what does not hold after a run."""
    if world.ending.hung:
        yield f"the device does not come to rest: {world.ending.hung}"
    stored = world.server.stored()
    yield from _harm_to_acknowledged(world, stored)
    yield from _harm_to_logs(world, stored)
    yield from _harm_to_node(world)
    first_boot = 0
    for life, samples in zip(world.ending.lives, world.witness.lives, strict=True):
        if life.boot:
            yield from _harm_to_life(life, samples, stored)
            if len(world.ending.lives) == 1:
                yield from _harm_to_count(life, samples, stored)
            if life.boot <= first_boot:
                yield f"boot {life.boot} comes after boot {first_boot}"
            first_boot = life.boot
    unknown = {boot for boot, _ in stored} - {life.boot for life in world.ending.lives}
    if unknown:
        yield f"readings of lives that were not: {unknown}"
    if not any(isinstance(fault, ClockBack) for fault in world.trial.plan.faults):
        yield from _harm_to_times(world, stored)


def _harm_to_acknowledged(world: World, stored: Stored) -> Iterator[str]:
    told: set[Identity] = set()
    for life in world.ending.lives:
        acknowledged = [of for tag, of in world.server.acknowledgements.items() if tag in life.heard]
        told_life = set().union(*acknowledged)
        # A life that ended while it forgot a reading leaves it to the next, which is told of it again.
        if life.counters.acked > len(told_life):
            counted, saw = life.counters.acked, len(told_life)
            yield f"boot {life.boot} counts {counted} acknowledgements, the wire saw {saw}"
        told |= told_life
    if told - stored.keys():
        yield f"acknowledged, but not stored: {sorted(told - stored.keys())}"
    for life in world.ending.lives:
        if life.journal.keys() - stored.keys() and not world.ending.hung:
            yield f"was in the journal, and is not stored: {sorted(life.journal.keys() - stored.keys())}"


def _harm_to_logs(world: World, stored: Stored) -> Iterator[str]:
    entries = [json.loads(line) for line in world.server.log_lines]
    readings = [one["reading"] for one in entries if "reading" in one]
    order = [(reading["boot"], reading["seq"]) for reading in readings]
    if any(later <= earlier for earlier, later in pairwise(order)):
        yield f"logged out of order, or twice: {order}"
    bodies = [json.loads(body) for body in world.server.unlogged]
    excused = {(body["boot"], row[0]) for body in bodies for row in body["readings"]}
    if absent := stored.keys() - set(order) - excused:
        yield f"stored, but not logged: {sorted(absent)}"
    values = {identity: json.loads(row.values_json) for identity, row in stored.items()}
    for identity, reading in zip(order, readings, strict=True):
        if reading["values"] != values.get(identity):
            yield f"logged as {reading['values']}, stored as {values.get(identity)}: {identity}"
    ids = world.server.outbox_ids()
    of_readings = [one for one in ids if not one.endswith("-status")]
    if len(set(ids)) != len(ids) or len(of_readings) != len(stored):
        yield f"{len(stored)} readings have {len(of_readings)} entries for the cloud"


def _harm_to_node(world: World) -> Iterator[str]:
    if world.simulation.uno.resets:
        yield f"the chip reset itself: {world.simulation.uno.resets}"
    least = min(life.stack_free_bytes for life in world.ending.lives)
    if least < STACK_FREE_BYTES_MIN:
        yield f"{least} bytes of stack were free"


def _harm_to_life(life: Life, samples: Samples, stored: Stored) -> Iterator[str]:
    of_life = {seq: json.loads(row.values_json) for (boot, seq), row in stored.items() if boot == life.boot}
    in_journal = {seq: values for (boot, seq), values in life.journal.items() if boot == life.boot}
    for where, readings in (("stored", of_life), ("in the journal", in_journal)):
        for seq, values in readings.items():
            if values != samples.values(seq):
                yield f"({life.boot}, {seq}) was {samples.values(seq)}, and is {where} as {values}"
    first, end = samples.first_seq, samples.end_seq if life.cut else max(of_life, default=samples.first_seq)
    missing = end - first - len([seq for seq in of_life if seq < end])
    counted = life.counters.lost + life.counters.rejected + (RING_READINGS + 1) * life.cut
    if missing > counted:
        yield f"boot {life.boot}: {missing} readings are missing, and {counted} are counted: {life.counters}"


def _harm_to_count(life: Life, samples: Samples, stored: Stored) -> Iterator[str]:
    """Yield a line if an only life has counted more readings as lost than are missing."""
    missing = samples.end_seq - samples.first_seq - len(stored)
    counted = life.counters.lost + life.counters.rejected
    if missing < counted:
        yield f"only {missing} readings are missing, and {counted} are counted: {life.counters}"


def _harm_to_times(world: World, stored: Stored) -> Iterator[str]:
    measured = {life.boot: of for life, of in zip(world.ending.lives, world.witness.lives, strict=True)}
    for (boot, seq), row in stored.items():
        if row.timestamp_ns is None or boot not in measured or not measured[boot].values(seq):
            continue
        off_ns = row.timestamp_ns - POWER_ON_NS - measured[boot].taken_ns(seq)
        if not -EARLY_NS <= off_ns <= LATE_NS:
            yield f"({boot}, {seq}) is stored as if taken {off_ns / NS_PER_S:.3f} s later than it was"
