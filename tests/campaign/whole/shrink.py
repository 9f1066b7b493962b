"""Takes a failing plan apart until what is left is needed for the failure.

    python -m campaign.whole.shrink CLAIM NUMBER [PLAN]

runs the trial of a number, with its own plan or the one that is given, and if it fails leaves out one fault
after another as long as it still fails. What it prints last can be given as PLAN.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from campaign.uno import device_year, garbled
from campaign.whole import drawing, whole_system
from campaign.whole.server_faults import ALL_FAULTS
from campaign.whole.world import Trial
from unosim.faults import FaultError, Plan

Try = Callable[[Plan], str]
"""Runs a plan and returns what was wrong, or ""."""


class HoldsError(Exception):
    """A plan to be shrunk does not fail."""


def shrink(plan: Plan, attempt: Try) -> tuple[Plan, str]:
    """Return the plan without what is not needed to fail, and what is wrong with that.

    Args:
        plan: One that fails.
        attempt: Runs a plan; the same plan must always come to the same.

    Raises:
        HoldsError: It does not fail.
    """
    harm = attempt(plan)
    if not harm:
        raise HoldsError(f"it holds: {plan}")
    left_out = 0
    while left_out < len(plan.faults):
        smaller = replace(plan, faults=plan.faults[:left_out] + plan.faults[left_out + 1 :])
        if smaller_harm := attempt(smaller):
            plan, harm, left_out = smaller, smaller_harm, 0
        else:
            left_out += 1
    return plan, harm


@dataclass(frozen=True)
class Shrinkable:
    """A claim whose trials have plans.

    Args:
        trial: Returns the trial of a number.
        attempt: Runs a trial and returns what was wrong, or "".
    """

    trial: Callable[[int], Trial]
    attempt: Callable[[Trial], str]


SHRINKABLE: dict[str, Shrinkable] = {
    "whole-system": Shrinkable(drawing.trial, whole_system.try_one),
    "garbled": Shrinkable(garbled.trial, garbled.try_garbled),
    "device-year": Shrinkable(device_year.trial, device_year.try_week),
}


def main() -> int:
    """Run as the module says; 1 if the trial fails."""
    parser = argparse.ArgumentParser(prog="campaign.whole.shrink", description=__doc__.partition("\n")[0])
    parser.add_argument("claim", choices=sorted(SHRINKABLE))
    parser.add_argument("number", type=int)
    parser.add_argument("plan", nargs="?", help='faults with ";" between them, instead of the trial\'s own')
    options = parser.parse_args()
    claim = SHRINKABLE[options.claim]
    trial = claim.trial(options.number)

    def attempt(plan: Plan) -> str:
        harm = claim.attempt(replace(trial, plan=plan))
        sys.stderr.write(f"{'fails' if harm else 'holds'}  {plan}\n")
        return harm

    try:
        plan = trial.plan
        if options.plan is not None:
            plan = Plan.parse(options.plan, seed=plan.seed, catalogue=ALL_FAULTS)
        plan, harm = shrink(plan, attempt)
    except FaultError as error:
        parser.error(str(error))
    except HoldsError as error:
        sys.stdout.write(f"{error}\n")
        return 0
    sys.stdout.write(f"{harm}\nplan  {plan}\n")
    sys.stdout.write(
        f"again PYTHONPATH=tests python -m campaign.whole.shrink {options.claim} {options.number} '{plan}'\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
