"""Cuts the power under the server's store and looks whether every acknowledged reading is there.

Each run records the I/O of the real store while threads write to it (`store_workload.py`), then makes many of
the states in which a power cut can leave its files, opens each with the store's own code, and compares.
"""

import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from campaign import store_workload
from campaign.crash_states import CrashedDisk, moments, write_files
from campaign.disk_record import Step, build_spy, read_record, spied_environment
from unoingest.errors import StoreError
from unoingest.sqlite_file import BUSY_TIMEOUT_MS, open_database

READINGS_PER_DEVICE = 30
STATES_PER_RUN = 2_000
OFTEN_CHECKPOINTED = "wal_autocheckpoint=12"
"""Moves the log into the database every 12 pages, not every 1,000, so that a short run does it often."""

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk that is quick to be filled anew; the name is drawn
"""Where Linux has a folder in memory."""

Identity = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong with one state of the disk, if anything.

    Args:
        run: Number of the run, which its record is named after.
        moment: Behind how many steps of the record the power was cut.
        harm: "" or what is wrong.
    """

    run: int
    moment: int
    harm: str


def crash_the_store(
    states: int, folder: Path, spy: Path, *, seed: int = 1, pragmas: tuple[str, ...] = ()
) -> Iterator[Verdict]:
    """Yield a verdict for each of so many states.

    Args:
        states: How many states of the disk to look at.
        folder: An empty folder, best in memory; it holds the records and the state that was looked at last.
        spy: From `build_spy`.
        seed: Decides what is written and what survives.
        pragmas: Override the store's own, to see whether that is noticed.
    """
    for run in range(-(-states // STATES_PER_RUN)):
        chance = random.Random(f"{seed}/{run}")
        checkpoints = (OFTEN_CHECKPOINTED,) if chance.random() < 0.5 else ()
        steps = _record(folder, spy, f"{seed}-{run}", run, (*pragmas, *checkpoints))
        left = min(STATES_PER_RUN, states - run * STATES_PER_RUN)
        yield from _verdicts(run, steps, folder / "disk", left, chance)


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each of so many states, all from one record or a few."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        folder = Path(name)
        for verdict in crash_the_store(len(trials), folder, build_spy(folder), seed=trials.start):
            yield verdict.harm and f"behind step {verdict.moment}: {verdict.harm}"


def _record(folder: Path, spy: Path, name: str, run: int, pragmas: tuple[str, ...]) -> list[Step]:
    worked, record = folder / f"worked-{run}", folder / f"record-{run}"
    worked.mkdir()
    subprocess.run(
        [sys.executable, store_workload.__file__, worked, name, str(READINGS_PER_DEVICE), *pragmas],
        env=spied_environment(spy, worked, record),
        check=True,
    )
    return list(read_record(record))


def _verdicts(
    run: int, steps: list[Step], disk: Path, states: int, chance: random.Random
) -> Iterator[Verdict]:
    disk.mkdir(exist_ok=True)
    crashed, acknowledged, played = CrashedDisk(chance), set[Identity](), 0
    notes = {step.file for step in steps if step.call == "open" and step.data == b"acknowledged"}
    for moment in moments(steps, states, chance):
        for step in steps[played:moment]:
            if step.file not in notes:
                crashed.play(step)
            elif step.call == "write":
                acknowledged |= _identities(step.data)
        played = moment
        write_files(disk, crashed.crash())
        yield Verdict(run, moment, harm_to(disk / store_workload.STORE, acknowledged))


def _identities(note: bytes) -> set[Identity]:
    return {(device, int(seq)) for device, seq in (line.split() for line in note.decode().splitlines())}


def harm_to(path: Path, acknowledged: set[Identity]) -> str:
    """Return what is wrong with a store in the eyes of its own code, or ""."""
    try:
        connection = open_database(path, BUSY_TIMEOUT_MS)
    except StoreError as error:
        return f"it does not open: {error}"
    try:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        rows = connection.execute("SELECT device, seq, channel_values FROM reading").fetchall()
        (entries,) = connection.execute("SELECT coalesce(sum(entries), 0) FROM outbox").fetchone()
    except sqlite3.Error as error:
        return f"it cannot be read: {error}"
    finally:
        connection.close()
    if sound != "ok":
        return f"it is corrupt: {sound}"
    lost = acknowledged - {(device, seq) for device, seq, _ in rows}
    if lost:
        return f"{len(lost)} acknowledged readings are missing, {min(lost)} among them"
    if entries != len(rows):
        return f"{len(rows)} readings have {entries} entries for the cloud"
    wrong = [(device, seq) for device, seq, values in rows if values != store_workload.values_of(device, seq)]
    return f"{len(wrong)} readings have other values, {wrong[0]} among them" if wrong else ""
