"""Tries what is claimed, on all cores, and keeps the results: `make campaign`.

    python -m campaign [CLAIM ...] [--each-push] [--first N --trials N]

Without names it tries every claim of `claims.py`. A claim that does not hold is printed with the command
that tries it again, and the exit code is then 1. A whole campaign takes about two hours; what it has
finished stays in build/campaign, so that it can be interrupted (Ctrl-C) and taken up again with the same
command, as long as the code is the same commit. `python -m campaign.report` writes docs/reliability.md from
there.
"""

import argparse
import os
import sys

from campaign.claims import CLAIMS
from campaign.results import Results
from campaign.runner import ProcessDiedError, run, summary, tasks_of
from unosim.signals import stopped_by_signal

PROCESSES_MORE = 1
"""Than cores: some claims wait for half of their time."""
INTERRUPTED = 130
"""The exit code then: 128 and SIGINT, as shells have it."""


class _Interruption:
    """What Ctrl-C does: the first lets finish what runs, the second does not."""

    def __init__(self) -> None:
        self.came = False

    def come(self) -> None:
        if self.came:
            os._exit(INTERRUPTED)  # the processes see that nobody waits for them any more, and end
        self.came = True
        os.write(2, b"interrupted: what runs is finished and kept; once more, and it is given up\n")


def main() -> int:
    """Run as the module says."""
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__.partition("\n")[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(one.name for one in CLAIMS))
    parser.add_argument("--each-push", action="store_true", help="as many trials as CI runs")
    parser.add_argument("--first", type=int, default=0, help="the first trial's number")
    parser.add_argument("--trials", type=int, help="how many trials of each claim")
    options = parser.parse_args()
    unknown = set(options.claims) - {claim.name for claim in CLAIMS}
    if unknown:
        parser.error(f"no such claim: {', '.join(sorted(unknown))}")
    claims = [claim for claim in CLAIMS if not options.claims or claim.name in options.claims]
    tasks = [
        task
        for claim in claims
        for task in tasks_of(
            claim, options.first, options.trials or (claim.each_push if options.each_push else claim.campaign)
        )
    ]
    results = Results.of_this_commit(keep=not options.each_push)
    interruption = _Interruption()
    try:
        with stopped_by_signal(interruption.come):
            done = run(tasks, results, (os.cpu_count() or 1) + PROCESSES_MORE, lambda: interruption.came)
    except ProcessDiedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(summary(claims, done)) + "\n")
    if any(tried.violations for tried in done):
        return 1
    return INTERRUPTED if len(done) < len(tasks) else 0


if __name__ == "__main__":
    sys.exit(main())
