"""Runs ranges of trials side by side in processes, and shows what comes of them."""

import gc
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread

from campaign.claims import CLAIMS, Claim
from campaign.results import Results, Tried

TASKS_OF_A_PROCESS = 100
"""Then it ends, and with it whatever it did not give back."""
LOOK_S = 0.5
"""How often a run looks whether it is to stop, when nothing finishes."""
SHOWN = 5
"""How many violations of a claim are printed."""


class ProcessDiedError(Exception):
    """A process was killed, or crashed; the message has the commands that try again what ran then."""


@dataclass(frozen=True, slots=True)
class Task:
    """A range of a claim's trials, for one process."""

    claim: str
    trials: range


def tasks_of(claim: Claim, first: int, trials: int) -> Iterator[Task]:
    """Yield the ranges that make up so many trials from `first` on."""
    end = first + trials
    while first < end:
        behind = min(end, (first // claim.at_once + 1) * claim.at_once)
        yield Task(claim.name, range(first, behind))
        first = behind


def run_task(task: Task) -> Tried:
    """Run trials and return what came of them; an exception is a violation as well."""
    (claim,) = (one for one in CLAIMS if one.name == task.claim)
    started_s = time.monotonic()
    violations, trials = list[str](), 0
    try:
        for trials, violation in enumerate(claim.tries(task.trials), start=1):
            if violation:
                violations.append(f"trial {task.trials[trials - 1]}: {violation}")
        if trials != len(task.trials):
            violations.append(f"{trials} trials were run instead of {len(task.trials)}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs into the report, with its trial
        violations.append(f"trial {task.trials[trials]}: {type(error).__name__}: {error}")
    return Tried(task.claim, task.trials.start, len(task.trials), violations, time.monotonic() - started_s)


def run(
    tasks: Sequence[Task], results: Results, processes: int, stopping: Callable[[], bool] = lambda: False
) -> list[Tried]:
    """Run tasks side by side, keep and show each result, and return all, those of an earlier run included.

    Args:
        tasks: What is to be run.
        results: Where results are kept.
        processes: How many tasks run side by side.
        stopping: Whether no more tasks are to begin; those that run are finished and kept.

    Raises:
        ProcessDiedError: The tasks that ran then are not kept.
    """
    known = {(tried.claim, tried.first, tried.trials): tried for tried in results.read()}
    done = [known[key] for task in tasks if (key := _key(task)) in known]
    left = [task for task in tasks if _key(task) not in known]
    for tried in _tried(left, processes, stopping):
        results.add(tried)
        done.append(tried)
        _show(tried, len(done), len(tasks))
    return done


def _tried(tasks: Sequence[Task], processes: int, stopping: Callable[[], bool]) -> Iterator[Tried]:
    """Yield what came of each task, in processes that are replaced from time to time.

    The executor's own `max_tasks_per_child` stands still for ever when both processes reach it together
    (Python issue gh-115634).
    """
    left = iter(tasks)
    while not stopping() and (some := list(itertools.islice(left, processes * TASKS_OF_A_PROCESS))):
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin) as pool:
            waiting = iter(some)
            running = {pool.submit(run_task, task): task for task in itertools.islice(waiting, processes)}
            try:
                while running:
                    finished, _ = wait(running, LOOK_S, FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
                        del running[future]
                    more = 0 if stopping() else len(finished)
                    running |= {pool.submit(run_task, task): task for task in itertools.islice(waiting, more)}
            except BrokenProcessPool as error:
                again = "".join(f"\n  {_again(task.claim, task.trials)}" for task in running.values())
                raise ProcessDiedError(f"a process died in one of these:{again}") from error


def _begin() -> None:
    """Begin a process: with all that its trials start out of reach of Ctrl-C, and gone with its parent."""
    gc.freeze()  # what is imported stays, and need not be looked through by the garbage collector
    os.setpgid(0, 0)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def _key(task: Task) -> tuple[str, int, int]:
    return task.claim, task.trials.start, len(task.trials)


def _again(claim: str, trials: range) -> str:
    return f"make campaign ARGS='{claim} --first {trials.start} --trials {len(trials)}'"


def _show(tried: Tried, number: int, of: int) -> None:
    sys.stderr.write(f"{number}/{of} {tried.claim} {tried.first}+{tried.trials} {tried.wall_s:.1f} s\n")
    for violation in tried.violations[:SHOWN]:
        again = _again(tried.claim, range(tried.first, tried.first + tried.trials))
        sys.stderr.write(f"VIOLATED {tried.claim}: {violation}\n  again: {again}\n")
    sys.stderr.flush()


def summary(claims: Sequence[Claim], done: Sequence[Tried]) -> Iterator[str]:
    """Yield a line for each claim."""
    for claim in claims:
        of_it = [tried for tried in done if tried.claim == claim.name]
        trials, violations = sum(one.trials for one in of_it), sum(len(one.violations) for one in of_it)
        cpu_s = sum(one.wall_s for one in of_it)
        yield f"{claim.name:20} {trials:>9,} trials  {violations} violations  {cpu_s:.0f} s of processes"
