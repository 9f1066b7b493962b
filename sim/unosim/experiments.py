"""Power cuts and other experiments that begin in the middle of a run and leave the run itself alone.

Two ways. `power_cuts` copies the Uno with its parts within this process: a thousand cuts take seconds.
`branch` forks the process, so whatever the simulation consists of, modem, network and server included, is
copied by the operating system.

What `branch` does not do: copy what is outside the process. An open file, socket or database connection is
shared with the branch; leave it alone there, or do without it.
"""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from unosim.board import CLOCK_HZ, Stop
from unosim.clock import ns_at
from unosim.uno import Uno

Result = TypeVar("Result")


class BranchError(Exception):
    """An experiment in a branch has ended without a result."""


class PowerCut(NamedTuple):
    """One experiment: the cycle at which the power went, and the Uno that has just got it back."""

    cycle: int
    uno: Uno


def power_cuts(uno: Uno, cycles: Iterable[int], *, ram_fill: int = 0xA5) -> Iterator[PowerCut]:
    """Run an Uno and cut the power at some of its cycles; the run itself goes on as if nothing had happened.

    Each experiment gets an Uno of its own, with flash and EEPROM as the cut left them, a write in progress
    torn, RAM lost, parts powered on anew. What becomes of it is up to the caller.

    Args:
        uno: the run; it has advanced to the last cut at the end.
        cycles: absolute CPU cycles in rising order; the cut comes at the first instruction boundary at or
            after each.
        ram_fill: what RAM holds afterwards; see `Board.power_cycle`.

    Yields:
        One experiment for each cycle, fewer if the program ends before.
    """
    for cycle in cycles:
        while uno.board.cycle < cycle:
            uno.run(ns_at(cycle, CLOCK_HZ))
            if uno.stop not in {Stop.LIMIT, Stop.EVENT}:
                return
        twin = uno.fork()
        twin.power_cycle(ram_fill)
        yield PowerCut(twin.board.cycle, twin)


def branch(experiment: Callable[[], Result]) -> Result:
    """Run a function in a copy of this process and return its result; here, nothing has happened.

    Args:
        experiment: may do to the simulation what it likes; its result is pickled on its way back.

    Raises:
        BranchError: it has raised an exception, whose text is in the message, or its process has died.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _report(experiment, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        raise BranchError(f"the process of the experiment has died (wait status {status})")
    result, failure = pickle.loads(answer)  # noqa: S301  # from our own child
    if failure:
        raise BranchError(failure)
    return result  # type: ignore[no-any-return]  # what the experiment returned


def _report(experiment: Callable[[], object], pipe: int) -> None:
    """Write a result or a failure as the child of a fork, and end the child without any clean-up."""
    try:
        try:
            answer = pickle.dumps((experiment(), None))
        except BaseException as error:  # noqa: BLE001  # told to the parent, KeyboardInterrupt included
            answer = pickle.dumps((None, f"{type(error).__name__}: {error}"))
        with os.fdopen(pipe, "wb") as file:
            file.write(answer)
    finally:
        os._exit(0)
