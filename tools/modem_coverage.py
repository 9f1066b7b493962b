"""Writes docs/modem-coverage.md: which command forms each profile has, and how many transcripts use them.

The rows come from the engine's own table of commands, the numbers from the transcripts: a case counts for a
form if one of its host lines is that form. Bytes behind a prompt are data and count for nothing.
"""

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "sim"), str(ROOT / "tests")]

from transcripts.reader import CASES, Case, unescape  # noqa: E402  # needs the path above
from unosim.modem import PROFILES, Profile  # noqa: E402  # as above
from unosim.modem.catalog import EVIDENCE, UNMODELLED, UNMODELLED_FORMS, evidence  # noqa: E402  # as above
from unosim.modem.commands import split  # noqa: E402  # as above
from unosim.modem.profile import Dialect  # noqa: E402  # as above

PAGE = ROOT / "docs" / "modem-coverage.md"

_HEAD = """\
# Which AT commands the modem knows

Written by [tools/modem_coverage.py](../tools/modem_coverage.py) from the engine's
[table of commands](../sim/unosim/modem/catalog.py) and the [transcripts](../tests/transcripts); a test fails
when it is out of date, or when a form has neither a transcript nor a reason.

A cell lists the forms that the firmware version knows: T test (`=?`), Q query (`?`), S set (`=`), E execute,
each with the number of transcripts that use it. `-` is a name that this version answers with `ERROR`; struck
through is a form that we do not model.
"""


def commands_of(case: Case) -> set[tuple[str, str]]:
    """Return the (name, form) pairs that a case's host types."""
    used: set[tuple[str, str]] = set()
    prompted = False
    for line in case.lines:
        data = unescape(line.text, case.profile) if line.kind in "<>" else b""
        if line.kind == "<":
            prompted = data.endswith((b"> ", b"\r\n>"))
        elif line.kind == ">" and not prompted and b"AT" in data.upper():
            parts = split(data[data.upper().index(b"AT") + 2 :], case.profile)
            if parts:
                used.add(parts[:2])
    return used


def count(profile: Profile) -> Counter[tuple[str, str]]:
    """Return how many of a profile's cases use each (name, form)."""
    return Counter(pair for case in CASES[profile.name].values() for pair in commands_of(case))


def cell(profile: Profile, counts: Counter[tuple[str, str]], name: str) -> str:
    """Return what a profile's column says of a command."""

    def form(letter: str) -> str:
        unmodelled = name in UNMODELLED or (name, letter) in UNMODELLED_FORMS
        return f"~~{letter}~~" if unmodelled else f"{letter} {counts[name, letter]}"

    return ", ".join(form(letter) for letter in profile.forms.get(name, "")) or "-"


def uncovered() -> list[str]:
    """Return the forms of every profile that have neither a transcript nor a reason to be absent."""
    missing = []
    for profile in PROFILES.values():
        counts = count(profile)
        for name, letters in profile.forms.items():
            missing += [
                f"{profile.name}: AT{name}, form {letter}"
                for letter in letters
                if not counts[name, letter]
                and name not in UNMODELLED
                and (name, letter) not in UNMODELLED_FORMS
            ]
    return missing


def table(profiles: list[Profile]) -> list[str]:
    """Return the rows about the commands of profiles of one dialect."""
    counts = {profile.name: count(profile) for profile in profiles}
    lines = [" | ".join(["| command", *(profile.name for profile in profiles), "evidence |"])]
    lines.append("|---" * (len(profiles) + 2) + "|")
    for name, letters in evidence(profiles[0].name).items():
        cells = (cell(profile, counts[profile.name], name) for profile in profiles)
        lines.append(" | ".join([f"| `AT{name}`", *cells, f"{' '.join(letters)} |"]))
    return lines


def page() -> str:
    """Return the whole page."""
    lines = [_HEAD]
    for dialect in Dialect:
        profiles = [profile for profile in PROFILES.values() if profile.dialect is dialect]
        lines += [f"## {dialect.value}", "", *table(profiles), ""]
    lines += ["## Evidence and gaps", "", "Evidence for the answers; that for the forms is always L.", ""]
    lines += ["| letter | source |", "|---|---|"]
    lines += [f"| {letter} | {source} |" for letter, source in EVIDENCE.items()]
    lines += ["", "Not modelled, and therefore answered with `ERROR`:", "", "| command | why |", "|---|---|"]
    lines += [f"| `AT{name}` | {why} |" for name, why in UNMODELLED.items()]
    lines += [f"| `AT{name}`, form {form} | {why} |" for (name, form), why in UNMODELLED_FORMS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
