"""Makes the disk calls of a program fail or take long, and looks whether what it promised is there.

A call fails once, or a row of calls does, with the errors that disks give: input/output error, no space,
read-only; or a row of calls takes long. `TRIALS` trials are every call of the workload in each of these ways,
in an order in which neighbours are far apart. The workload (`crash_runs.Workload`) goes on like somebody who
is answered "later". If its file could not even be opened, it is started again, as an orchestrator would.
"""

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from campaign.disk.crash_runs import IN_MEMORY, OFTEN_CHECKPOINTED, Workload
from campaign.disk.disk_record import build_spy, read_record, spied_environment
from campaign.disk.notes import CANNOT_OPEN, NOTES, REFUSED

FAILURES = (errno.EIO, errno.ENOSPC, errno.EROFS)
ROWS = (1, 25)
"""How many calls fail one after the other."""
SLOW_CALLS, SLOW_US = 40, 20_000
KINDS = (*(f"{row} {error} 0" for error in FAILURES for row in ROWS), f"{SLOW_CALLS} 0 {SLOW_US}")
"""What can begin at a call, as the spy takes it."""
CALLS_MAX = 224
"""A few more than a workload makes; with threads it is not always the same number."""
TRIALS = CALLS_MAX * len(KINDS)
STRIDE = 969
"""Shares no factor with `TRIALS`, and is about its golden section."""
SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a failing disk did.

    Args:
        plan: As the spy takes it.
        refused: How often the program was told to try later.
        harm: "" or what is wrong.
    """

    plan: str
    refused: int
    harm: str


def plan_of(trial: int, calls: int) -> str:
    """Return the plan of a trial for a workload that makes so many disk calls.

    Raises:
        ValueError: `TRIALS` trials would not reach them all.
    """
    if calls > CALLS_MAX:
        raise ValueError(f"the workload makes {calls} disk calls, more than {CALLS_MAX}")
    call, kind = divmod(trial * STRIDE % TRIALS, len(KINDS))
    return f"{call % calls} {KINDS[kind]}"


def fail_the_disk(workload: Workload, trials: range, folder: Path, spy: Path) -> Iterator[Outcome]:
    """Yield the outcome of each trial.

    Args:
        workload: What meets the failing disk.
        trials: Numbers from which the plans follow.
        folder: An empty folder for its files.
        spy: From `build_spy`.
    """
    calls = len(_calls_of(workload, folder, spy))
    for trial in trials:
        yield _outcome(workload, folder / str(trial), spy, plan_of(trial, calls))


def fail_the_opening(workload: Workload, folder: Path, spy: Path, error: int) -> Iterator[Outcome]:
    """Yield the outcomes of letting each call fail that is made before anything is noted."""
    opening = _calls_of(workload, folder, spy).index(NOTES.encode())
    for first in range(opening):
        yield _outcome(workload, folder / str(first), spy, f"{first} 1 {error} 0")


def tries(workload: Workload, trials: range) -> Iterator[str]:
    """Yield what was wrong after each of so many plans."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        folder = Path(name)
        for outcome in fail_the_disk(workload, trials, folder, build_spy(folder)):
            yield outcome.harm and f"with the plan {outcome.plan!r}: {outcome.harm}"


def _calls_of(workload: Workload, folder: Path, spy: Path) -> list[bytes]:
    """Return what was called in a run on a sound disk: for a file that was opened its name."""
    record = folder / "record"
    ended = _run(workload, folder / "whole", spied_environment(spy, folder / "whole", record))
    ended.check_returncode()
    return [step.data for step in read_record(record)]


def _outcome(workload: Workload, folder: Path, spy: Path, plan: str) -> Outcome:
    ended = _run(workload, folder, spied_environment(spy, folder, plan=plan))
    refused = ended.stderr.count(REFUSED)
    notes = folder / NOTES
    if ended.returncode == CANNOT_OPEN:
        if notes.exists():
            return Outcome(plan, refused, "it promised something before it was open")
        ended = _run(workload, folder, spied_environment(spy, folder))
    if ended.returncode != 0:
        return Outcome(plan, refused, ended.stderr[-2000:])
    return Outcome(plan, refused, workload.judge(folder, notes.read_bytes(), b""))


def _run(workload: Workload, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        workload.command(folder, "0", OFTEN_CHECKPOINTED),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
