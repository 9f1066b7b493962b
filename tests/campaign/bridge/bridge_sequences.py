"""Sequences of trouble for the bridge: unplugged, renamed, asleep, killed, without server, broker or disk.

A sequence is a seed. A simulated node on a simulated cable hands its readings to the bridge (`bridge_life`:
its real code, journal and files), which passes them on to the real ingest application (`bridge_server`) over
real HTTP and, for one seed in ten, through a real Mosquitto. `kill -9` is one, at any question that the
bridge asks of its surroundings, at any of its disk calls, or while the server has its request; a full disk is
made by the spy between the journal and its files. When the troubles are over, the bridge gets time to make
good. Then

- every reading that the node was told to forget is in the store, with its values and its time;
- nothing is stored twice, nothing that was never taken, nothing was put aside;
- the journal is empty, sound, and closed in order, and the bridge was open again within 1 s of its port.

Without a broker a seed makes the same sequence each time: `UNOLINK_SEQUENCES_SAY=1 python
tests/campaign/bridge/bridge_sequences.py SEED` shows it.
"""

import contextlib
import json
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from bridge.device import KEY_TEXT, NAME
from campaign.bridge.bridge_node import NS_PER_MS, NS_PER_S
from campaign.bridge.bridge_server import MODES
from campaign.bridge.bridge_world import KILL, NO_DISK_PLAN, Violation, World, other_name, zygote

TROUBLES_MIN, TROUBLES_MAX = 4, 12
HEALING_S = 7_200
"""Simulated time for making good: the longest `Retry-After` that is obeyed, twice."""
HEALING_WALL_S = 60.0
"""... and real time, with a broker."""
TIME_TOLERANCE_NS = 1_500 * NS_PER_MS
DISK_ERRORS = (28, 28, 5, 30)
"""ENOSPC most often, EIO, EROFS."""

Trouble = Callable[[World, random.Random], None]


def unplug(world: World, chance: random.Random) -> None:
    """Unplug the board, and plug it in again, perhaps elsewhere, perhaps while another program grabs it."""
    name = world.name
    if name is None:
        return
    world.unplug()

    def come_back() -> None:
        world.plug_in(name if chance.random() < 0.4 else other_name(chance, name))
        if chance.random() < 0.2:
            steal(world, chance)

    world.after(_moment(chance), come_back)


def steal(world: World, chance: random.Random) -> None:
    """Let another program open the port, if it is free."""
    if not world.is_open and not world.is_stolen:
        world.note("another program has the port")
        world.is_stolen = True
        world.after(_moment(chance), lambda: setattr(world, "is_stolen", False))


def sleep(world: World, chance: random.Random) -> None:
    """Close the lid for seconds to days."""
    loses_power = chance.random() < 0.5
    long_s = chance.choice((5, 60, 900, 86_400 * 3)) if loses_power else chance.choice((5, 60, 300))
    world.sleep(long_s * chance.uniform(0.5, 1), loses_power=loses_power)


def set_clock(world: World, chance: random.Random) -> None:
    """Let the laptop learn the time of day, or lose it."""
    world.set_clock(chance.choice((-86_400, -3, 3, 3_600, 86_400 * 365)))


def kill(world: World, chance: random.Random) -> None:
    """Kill -9, at one of the next questions, disk calls or requests."""
    match chance.randrange(4):
        case 0:
            world.kill()
        case 1:
            world.kill_in = chance.randrange(60)
        case 2:
            world.plan_disk((chance.randrange(30), 1, KILL))
        case _:
            setattr(world.server, chance.choice(("before", "behind")), world.kill)


def end(world: World, chance: random.Random) -> None:
    """Ask the bridge to end, as systemd does."""
    del chance
    world.ends_soon = True


def serve_badly(world: World, chance: random.Random) -> None:
    """Let the server be away, or wrong."""
    if chance.random() < 0.4:
        world.note("the server is away")
        world.server.go()
        world.after(_moment(chance) * 3, world.server.come)
        return
    mode = chance.choice(MODES)
    world.note(f"the server: {mode}")
    world.server.mode = mode
    world.after(_moment(chance) * 2, lambda: setattr(world.server, "mode", ""))


def fill_disk(world: World, chance: random.Random) -> None:
    """Let the disk be full for some calls, or for some time."""
    error = chance.choice(DISK_ERRORS)
    if chance.random() < 0.5:
        world.plan_disk((chance.randrange(40), chance.choice((1, 3, 40)), error))
        return
    world.full_disk = error
    world.plan_disk((0, -1, error))

    def make_room() -> None:
        world.full_disk = None
        world.plan_disk(NO_DISK_PLAN)

    world.after(_moment(chance), make_room)


def lose_broker(world: World, chance: random.Random) -> None:
    """End the broker and start it again."""
    if world.broker and world.broker.runs:
        world.note("the broker is away")
        world.broker.thaw()
        world.broker.stop()
        world.after(_moment(chance), world.broker.start)


def freeze_broker(world: World, chance: random.Random) -> None:
    """Let the broker take bytes and answer nothing; then let it go on, or kill it.

    It begins when everything has been acknowledged and is on the broker's disk: what it loses of what it has
    acknowledged is not the bridge's fault.
    """
    broker = world.broker
    if broker is None or not broker.runs or broker.is_frozen or world.pending():
        return
    broker.settle()
    world.note("the broker stands still")
    broker.freeze()

    def go_on() -> None:
        if chance.random() < 0.3 or not broker.runs:
            broker.thaw()
            return
        time.sleep(0.02)  # the publisher's threads go at the wall's pace: let it say what it has
        world.note("the broker is killed")
        broker.stop(signal.SIGKILL)
        if chance.random() < 0.7:
            world.kill()  # paho would send again what it has in memory
        world.after(_moment(chance), broker.start)

    world.after(chance.uniform(1, 40), go_on)


def babble(world: World, chance: random.Random) -> None:
    """Let the cable carry garbage."""
    del chance
    world.babble()


TROUBLES: tuple[Trouble, ...] = (
    unplug, unplug, sleep, set_clock, kill, kill, kill, end, serve_badly, serve_badly, fill_disk, babble
)  # fmt: skip

BROKER_TROUBLES: tuple[Trouble, ...] = (lose_broker, freeze_broker, freeze_broker) * 4


def _moment(chance: random.Random) -> float:
    """Return some seconds, mostly few: what goes wrong goes wrong at transitions."""
    return chance.choice((chance.uniform(0, 0.3), chance.uniform(0, 6), chance.uniform(5, 40)))


def run(world: World, kinds: tuple[Trouble, ...] = ()) -> None:
    """Let the troubles come, then give time to make good.

    Args:
        world: where.
        kinds: the troubles that are drawn from; none for the usual ones.

    Raises:
        Violation: it was not enough, or something went wrong on the way.
    """
    chance = world.chance
    kinds = kinds or (*TROUBLES, *(BROKER_TROUBLES if world.broker else ()))
    world.plug_in("/dev/ttyACM0")
    world.start()
    healed = threading.Event()

    def trouble(left: int) -> None:
        if left:
            chance.choice(kinds)(world, chance)
            world.after(_moment(chance), lambda: trouble(left - 1))
        else:
            world.after(45, heal)

    def heal() -> None:
        world.heal()
        healed.set()

    troubles = chance.randrange(TROUBLES_MIN, TROUBLES_MAX + 1)
    world.after(chance.uniform(0, 20), lambda: trouble(troubles))
    while not healed.is_set():
        world.turn()
    _make_good(world)
    world.over = world.ends_soon = True
    while world.runs:
        world.turn()


def _make_good(world: World) -> None:
    """Wait until everything is where it belongs; in real time with a broker, whose pace is the wall's."""
    deadline_ns = world.now_ns + HEALING_S * NS_PER_S
    deadline_s = time.monotonic() + HEALING_WALL_S
    looked_ns = 0
    while True:
        world.turn()
        if world.now_ns - looked_ns < NS_PER_S:
            continue
        looked_ns = world.now_ns
        missing = world.waits()
        if not missing and world.runs:
            return
        if world.broker:
            time.sleep(0.01)
        if time.monotonic() > deadline_s if world.broker else world.now_ns > deadline_ns:
            raise Violation(f"it does not make good: {missing}")


def judge(world: World) -> str:
    """Return which promises were broken, or nothing."""
    node, stored, emitted = world.node, world.server.stored(), world.server.emitted
    rows = {(one.boot, one.seq): one for one in stored}
    acknowledged = {identity for identity, one in node.taken.items() if one.acknowledged}
    lost, strange = acknowledged - rows.keys(), rows.keys() - node.taken.keys()
    wrong = [
        key
        for key, row in rows.items()
        if key in node.taken and json.loads(row.values_json) != {"a0": node.taken[key].value}
    ]
    twice = [key for key, count in Counter(emitted).items() if count > 1]
    broken: dict[str, list[Any]] = {
        "acknowledged readings are lost": sorted(lost),
        "readings are stored that were never taken": sorted(strange),
        "readings are stored with other values": wrong,
        "readings came twice into the store": twice,
        "readings have no log line of their own": []
        if len(emitted) == len(stored) == len(rows)
        else [len(emitted)],
        "good requests were refused": node.refusals,
        "readings have a wrong time": _wrong_times(world),
        "things are wrong with the journal": _troubles_of(world.folder / "journal.db"),
    }
    return "; ".join(f"{len(found)} {what}: {found[0]}" for what, found in broken.items() if found)


def _wrong_times(world: World) -> list[str]:
    """Return whose time is wrong. What was under way when the lid closed may be as much too young."""
    wrong: list[str] = []
    if world.broker:
        return wrong  # what a message waits at the broker is not counted
    for row in world.server.stored():
        reading = world.node.taken[row.boot, row.seq]
        slept = any(
            0 <= slept_ns - asked_ns < 12 * NS_PER_S
            for slept_ns, _ in world.slept_ns
            for asked_ns in reading.asked_ns
        )
        if row.timestamp_ns is None or slept:
            continue
        off_ns = row.timestamp_ns - (world.EPOCH_NS + reading.taken_ns)
        if abs(off_ns) > TIME_TOLERANCE_NS:
            wrong.append(f"that of {reading.identity} is off by {off_ns / NS_PER_S:.3f} s")
    return wrong


def _troubles_of(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as journal:
        found = [row for (row,) in journal.execute("PRAGMA integrity_check") if row != "ok"]
        for table in ("request", "pending", "refused"):
            (left,) = journal.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # our own names
            found += [f"{left} rows are left in {table}"] if left else []
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a sequence.

    Args:
        harm: which promise was broken, or nothing.
        story: what happened.
        lives: how often the bridge was started.
        acknowledged: how many readings the node was told to forget.
        deliveries: how many requests the server was sent.
    """

    harm: str
    story: list[str]
    lives: int
    acknowledged: int
    deliveries: int


def sequence(seed: int, breakage: str = "", kinds: tuple[Trouble, ...] = ()) -> Outcome:
    """Run a sequence.

    Args:
        seed: decides everything.
        kinds: the troubles that are drawn from; none for the usual ones.
        breakage: a name of `bridge_life.BREAKAGES`, to see whether it is noticed.
    """
    folder = zygote().folder / f"{seed}-{breakage}"
    folder.mkdir()
    (folder / "keys").write_text(f"{NAME} {KEY_TEXT}\n")
    with contextlib.closing(World(seed, folder, breakage)) as world:
        try:
            run(world, kinds)
            harm = judge(world)
        except Violation as violation:
            harm = str(violation)
        acknowledged = sum(one.acknowledged for one in world.node.taken.values())
        outcome = Outcome(harm, world.story, world.lives, acknowledged, world.server.deliveries)
    shutil.rmtree(folder)
    return outcome


def try_seed(seed: int) -> str | None:
    """Run a sequence; return which promise was broken, and how it came to that, or None."""
    outcome = sequence(seed)
    return "\n".join([f"seed {seed}: {outcome.harm}", *outcome.story[-40:]]) if outcome.harm else None


def tries(trials: range) -> Iterator[str]:
    """Yield what was broken in each of these sequences."""
    for seed in trials:
        yield try_seed(seed) or ""


def main(first: int, last: int) -> int:
    """Run the seeds from first to last; return how many were broken."""
    began_s = time.monotonic()
    figures: Counter[str] = Counter()
    for seed in range(first, last + 1):
        outcome = sequence(seed)
        figures += Counter(
            broken=bool(outcome.harm),
            lives=outcome.lives,
            acknowledged=outcome.acknowledged,
            deliveries=outcome.deliveries,
        )
        if outcome.harm:
            print("\n".join([f"seed {seed}: {outcome.harm}", *outcome.story[-40:]]), flush=True)
        if seed % 100 == 0 or seed == last:
            print(f"up to {seed}, {time.monotonic() - began_s:.0f} s: {dict(figures)}", flush=True)
    return figures["broken"]


if __name__ == "__main__":
    raise SystemExit(min(1, main(int(sys.argv[1]), int(sys.argv[-1]))))
