"""Writes docs/reliability.md from the results of a campaign: `python -m campaign.report`.

    python -m campaign.report [COMMIT ...]

Nothing in the document's table is written by hand: claims and bars come from `claims.py`, figures from the
results of the commits that are named there. Trials that were tried again, because a judge was mended, have
the result of the first commit on the command line that tried them.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from campaign.claims import CLAIMS, Claim
from campaign.results import FOLDER, ROOT, Results, Tried, commit

REPORT = ROOT / "docs" / "reliability.md"
HEAD = """\
# Reliability: what is claimed, and how often it was tried

Written by `python -m campaign.report` after `make campaign`; do not edit. On {cores} cores, in {hours:.1f}
hours of processes; each row names the commits that were tried.

A trial is a number from which everything in it follows: what is written, what is said, what goes wrong and
when. A trial that fails prints the command that tries it again. CI tries the first of each claim (`make
campaign ARGS=--each-push`); a campaign tries them all and can be interrupted and taken up again.

| claim | what must hold | trials | of | numbers | violations | a trial, ms | commit |
|---|---|---:|---:|---|---:|---:|---|
"""
TAIL = """
## What the trials do not cover

- The store's disk is a model: what was synced is there, anything else may be there whole, in sectors, or not
  at all. A disk that says that it synced and did not loses readings, and nothing above it can help.
- A crash state that is byte for byte the one judged before it, with the same acknowledgements, counts as a
  trial and is not opened again: 46 of 100 states of the store.
- The simulated Uno and ESP-01 stand for their kind ([simulated Uno](simulated-uno.md), [simulated
  ESP-01](simulated-esp01.md), [fidelity](sim-fidelity.md)): a board with a broken crystal is another board.
- The simulated network loses no segments and keeps their order, as TCP does for what is above it; servers
  and requests fail as a whole. The application is the real one; the server's own HTTP front has claims of
  its own.
- A device-year is told in weeks that begin where a device is after weeks, months or years. The hours in
  between are not run, and the EEPROM does not wear out.
- Time on the way to the cloud log is not simulated: the sender has a torture run of its own (`make torture`).
"""


def numbers(of_it: Sequence[Tried]) -> str:
    """Return the ranges of trial numbers, adjoining ones joined."""
    ranges: list[list[int]] = []
    for tried in sorted(of_it, key=lambda one: one.first):
        if ranges and tried.first <= ranges[-1][1]:
            ranges[-1][1] = max(ranges[-1][1], tried.first + tried.trials)
        else:
            ranges.append([tried.first, tried.first + tried.trials])
    return ", ".join(f"{first:,} to {end - 1:,}" for first, end in ranges) or "none"


def row(claim: Claim, of_it: Sequence[Tried], commits: Sequence[str]) -> str:
    """Return a claim's row of the table."""
    trials, violations = sum(one.trials for one in of_it), sum(len(one.violations) for one in of_it)
    each_ms = 1000 * sum(one.wall_s for one in of_it) / trials if trials else 0
    cells = (
        claim.name,
        claim.statement,
        f"{trials:,}",
        f"{claim.campaign:,}",
        numbers(of_it),
        str(violations),
        f"{each_ms:,.0f}" if each_ms >= 100 else f"{each_ms:.3g}",
        ", ".join(f"`{one}`" for one in commits) or "none",
    )
    return f"| {' | '.join(cells)} |\n"


def report(claims: Sequence[Claim], results: Mapping[str, Sequence[Tried]]) -> str:
    """Return the document.

    Args:
        claims: What is claimed.
        results: By commit. A range of trials has that of the first that tried it.
    """
    return "".join(_parts(claims, results))


def _parts(claims: Sequence[Claim], results: Mapping[str, Sequence[Tried]]) -> Iterator[str]:
    told = {claim.name: _of_claim(claim, results) for claim in claims}
    hours = sum(one.wall_s for of_it in told.values() for _, one in of_it) / 3600
    yield HEAD.format(cores=os.cpu_count(), hours=hours)
    violated = list[str]()
    for claim in claims:
        commits = dict.fromkeys(of_commit for of_commit, _ in told[claim.name])
        of_it = [one for _, one in told[claim.name]]
        yield row(claim, of_it, list(commits))
        violated += [f"- {claim.name}, {violation}\n" for one in of_it for violation in one.violations]
    if violated:
        yield "\n## Violations\n\n"
        yield from violated
    yield TAIL


def _of_claim(claim: Claim, results: Mapping[str, Sequence[Tried]]) -> list[tuple[str, Tried]]:
    """Return the result of each range of a claim's trials, and of which commit it is.

    A part of a range does not count; somebody has looked into something.
    """
    chosen: dict[int, tuple[str, Tried]] = {}
    for of_commit, of_all in results.items():
        for one in of_all:
            whole = min(claim.at_once, claim.campaign - one.first)
            if one.claim == claim.name and one.first % claim.at_once == 0 and one.trials == whole:
                chosen.setdefault(one.first, (of_commit, one))
    return list(chosen.values())


def main() -> int:
    """Write the document; 1 if there are no results."""
    parser = argparse.ArgumentParser(prog="campaign.report", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "commits", nargs="*", metavar="COMMIT", default=[commit()], help="as in the names of build/campaign"
    )
    results = {one: list(Results(FOLDER / f"{one}.jsonl").read()) for one in parser.parse_args().commits}
    without = [one for one, of_it in results.items() if not of_it]
    if without:
        sys.stderr.write(f"there are no results of {', '.join(without)}; make campaign first\n")
        return 1
    REPORT.write_text(report(CLAIMS, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
