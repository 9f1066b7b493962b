"""Makes each of the store's disk calls fail in turn, and looks whether anything acknowledged is missing.

A call fails once, or a row of calls does, with the errors that disks give: input/output error, no space,
read-only. The workload goes on like a device that is answered 503. If the store could not even be opened,
it is started again, as an orchestrator would.
"""

import errno
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from campaign import store_workload
from campaign.disk_record import read_record, spied_environment
from campaign.store_crashes import OFTEN_CHECKPOINTED, harm_to

READINGS_PER_DEVICE = 20
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS)
ROWS = (1, 25)
"""How many calls fail one after the other."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a failing disk did.

    Args:
        plan: As the spy takes it.
        refused: How often the store said that it cannot take readings.
        harm: "" or what is wrong.
    """

    plan: str
    refused: int
    harm: str


def plans(calls: int) -> list[str]:
    """Return every plan for a workload that makes so many disk calls."""
    return [f"{first} {row} {error} 0" for first in range(calls) for error in ERRORS for row in ROWS]


def fail_the_disk(trials: int, folder: Path, spy: Path, *, seed: int = 1) -> Iterator[Outcome]:
    """Yield the outcomes of so many plans, or of all where there are no more.

    Args:
        trials: How many plans to try.
        folder: An empty folder for the stores.
        spy: From `build_spy`.
        seed: Draws the plans.
    """
    whole = folder / "whole"
    _run(whole, spy, record=folder / "record").check_returncode()
    every = plans(sum(1 for _ in read_record(folder / "record")))
    for plan in random.Random(seed).sample(every, min(trials, len(every))):
        yield _outcome(folder / plan.replace(" ", "-"), spy, plan)


def open_on_a_failing_disk(folder: Path, spy: Path, error: int) -> Iterator[Outcome]:
    """Yield the outcomes of letting each call fail that opening a new store makes."""
    _run(folder / "whole", spy, record=folder / "record").check_returncode()
    names = [step.data for step in read_record(folder / "record")]
    opening = names.index(store_workload.ACKNOWLEDGED.encode())
    for first in range(opening):
        yield _outcome(folder / str(first), spy, f"{first} 1 {error} 0")


def _outcome(folder: Path, spy: Path, plan: str) -> Outcome:
    ended = _run(folder, spy, plan=plan)
    refused = ended.stderr.count("cannot be written")
    store = folder / store_workload.STORE
    if ended.returncode != 0 and "StoreError" in ended.stderr:
        if (folder / store_workload.ACKNOWLEDGED).exists():
            return Outcome(plan, refused, "it acknowledged before it was open")
        ended = _run(folder, spy)
    if ended.returncode != 0:
        return Outcome(plan, refused, ended.stderr[-2000:])
    notes = (folder / store_workload.ACKNOWLEDGED).read_text().splitlines()
    acknowledged = {(device, int(seq)) for device, seq in map(str.split, notes)}
    if len(acknowledged) != store_workload.DEVICES * READINGS_PER_DEVICE:
        return Outcome(plan, refused, f"only {len(acknowledged)} readings were taken")
    return Outcome(plan, refused, harm_to(store, acknowledged))


def _run(
    folder: Path, spy: Path, *, record: Path | None = None, plan: str | None = None
) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, store_workload.__file__, folder, "0", str(READINGS_PER_DEVICE), OFTEN_CHECKPOINTED],
        env=spied_environment(spy, folder, record, plan),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
