"""The whole system under plans drawn from numbers: everything is simulated but the programs themselves.

The image runs on the simulated Uno, with the modem of any profile, the virtual network, and the real server's
application with its store on a disk in memory. Time is simulated for all of them.
"""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.results import ROOT
from campaign.whole import drawing
from campaign.whole.verdict import harms
from campaign.whole.world import Trial, World
from unosim.board import Image, load_image

AT_ONCE = 25
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk that is quick to be filled anew; the name is drawn


@functools.cache
def images() -> dict[str, Image]:
    """Return both images by their environments."""
    names = ("uno", "uno_softserial")
    return {name: load_image(ROOT / ".pio/build" / name / "firmware.elf") for name in names}


def try_one(
    trial: Trial,
    *,
    eeprom: Callable[[bytes], bytes] = lambda content: content,
    begin: Callable[[World], None] = lambda _world: None,
    also: Callable[[World], Iterator[str]] = lambda _world: iter(()),
) -> str:
    """Run a trial and return what was wrong, or "".

    Args:
        trial: What is to be run.
        eeprom: Changes what the node's EEPROM holds at first.
        begin: Is given the world before it runs.
        also: Yields what else is wrong.
    """
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        world = World(trial, images(), Path(folder), eeprom)
        try:
            begin(world)
            world.run()
            return "; ".join([*harms(world), *also(world)])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs into the report, with its plan
            return f"{type(error).__name__}: {error}"
        finally:
            world.server.close()


def told(claim: str, trial: Trial, harm: str) -> str:
    """Return what was wrong with a trial, "" if nothing was, and what to do with its plan."""
    return harm and (
        f"{harm}\n  plan: {trial.plan}"
        f"\n  alone: make campaign ARGS='{claim} --first {trial.number} --trials 1'"
        f"\n  least: PYTHONPATH=tests .venv/bin/python -m campaign.whole.shrink {claim} {trial.number}"
    )


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each trial, and its plan."""
    for number in trials:
        trial = drawing.trial(number)
        yield told("whole-system", trial, try_one(trial))
