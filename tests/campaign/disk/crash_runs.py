"""Cuts the power under a program that keeps something on disk, and looks at what it finds afterwards.

Each run records the I/O of the real code while a workload drives it, then makes many of the states in which a
power cut can leave its files (`crash_states.py`), and lets the workload's judge look at each. A state that is
byte for byte one that was judged before, after the same notes, has the verdict of that one.

A workload is a program, `python PROGRAM FOLDER NAME AMOUNT [PRAGMA ...]`, that writes what it knows to be on
disk into its notes (`notes.py`), as it goes. The judge gets what had been noted when the power was cut,
and what was noted later.
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from campaign.disk.crash_states import CrashedDisk, moments, write_files
from campaign.disk.disk_record import Step, build_spy, read_record, spied_environment
from campaign.disk.notes import NOTES

STATES_PER_RUN = 2_000
OFTEN_CHECKPOINTED = "wal_autocheckpoint=12"
"""Moves the log into the database every 12 pages, not every 1,000, so that a short run does it often."""

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk that is quick to be filled anew; the name is drawn
"""Where Linux has a folder in memory."""

Judge = Callable[[Path, bytes, bytes], str]
"""Says what is wrong with a folder of files, given what was noted before and behind the power cut, or ""."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is done to which code, and who says whether that was right.

    Args:
        program: A Python file, run as the module says.
        amount: How much it is to do in one run.
        judge: Looks at what is left.
    """

    program: str
    amount: int
    judge: Judge

    def command(self, folder: Path, name: str, *pragmas: str) -> list[str]:
        """Return the command that runs it in a folder; what it does follows from the name."""
        return [sys.executable, self.program, str(folder), name, str(self.amount), *pragmas]


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


def cut_the_power(
    workload: Workload, states: int, folder: Path, spy: Path, *, seed: int = 1, pragmas: tuple[str, ...] = ()
) -> Iterator[Verdict]:
    """Yield a verdict for each of so many states.

    Args:
        workload: What runs when the power is cut.
        states: How many states of the disk to look at.
        folder: An empty folder, best in memory; it holds the records and the state that was looked at last.
        spy: From `build_spy`.
        seed: Decides what is written and what survives.
        pragmas: Override the program's own, to see whether that is noticed.
    """
    for run in range(-(-states // STATES_PER_RUN)):
        chance = random.Random(f"{seed}/{run}")
        checkpoints = (OFTEN_CHECKPOINTED,) if chance.random() < 0.5 else ()
        worked, record = folder / f"worked-{run}", folder / f"record-{run}"
        worked.mkdir()
        command = workload.command(worked, f"{seed}-{run}", *pragmas, *checkpoints)
        subprocess.run(command, env=spied_environment(spy, worked, record), check=True)
        left = min(STATES_PER_RUN, states - run * STATES_PER_RUN)
        for moment, harm in _judged(workload.judge, list(read_record(record)), folder / "disk", left, chance):
            yield Verdict(run, moment, harm)


def tries(workload: Workload, trials: range) -> Iterator[str]:
    """Yield what was wrong with each of so many states, all from one record or a few."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        folder = Path(name)
        for verdict in cut_the_power(workload, len(trials), folder, build_spy(folder), seed=trials.start):
            yield verdict.harm and f"behind step {verdict.moment}: {verdict.harm}"


def _judged(
    judge: Judge, steps: list[Step], disk: Path, states: int, chance: random.Random
) -> Iterator[tuple[int, str]]:
    disk.mkdir(exist_ok=True)
    notes = {step.file for step in steps if step.call == "open" and step.data == NOTES.encode()}
    noted = b"".join(step.data for step in steps if step.file in notes and step.call == "write")
    crashed, played, noted_bytes = CrashedDisk(chance), 0, 0
    known: dict[frozenset[tuple[str, bytes]], str] = {}
    for moment in moments(steps, states, chance):
        for step in steps[played:moment]:
            if step.file not in notes:
                crashed.play(step)
            elif step.call == "write":
                noted_bytes += len(step.data)
                known.clear()
        played = moment
        files = crashed.crash()
        state = frozenset(files.items())
        if state not in known:
            write_files(disk, files)
            known[state] = judge(disk, noted[:noted_bytes], noted[noted_bytes:])
        yield moment, known[state]
