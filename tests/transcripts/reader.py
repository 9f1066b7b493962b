r"""Reads transcripts; their syntax is documented in README.md beside this file.

A folder holds the cases of one firmware profile. A profile inherits the cases of the next newer one of its
dialect; a case of its own with the same file and name takes an inherited one's place, and `since:` keeps a
case from versions that are older. So a folder holds exactly what differs from the newer version's, and
`after:` always means the profile's own edition of a case.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from unosim.modem import PROFILES, Profile

TRANSCRIPTS = Path(__file__).parent
MS = 1_000_000
_LINE = re.compile(r"(?:@\+(?P<time>[\d.]+)(?P<unit>ms|s) )?(?P<kind>[><!*]) (?P<text>.*)")
_ROM = re.compile(r"\\\{rom (\d)\}")
_REPEAT = re.compile(r"\\\{(\d+)\*(.)\}")


@dataclass(frozen=True)
class Line:
    """One line of a transcript; `delay_ns` is None where no time is given."""

    number: int
    kind: str
    text: str
    delay_ns: int | None


@dataclass
class Case:
    """One section of a transcript file, for one profile."""

    path: Path
    name: str
    options: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    profile: Profile = PROFILES["nonos-1.7.4"]

    @property
    def key(self) -> str:
        return f"{self.path.stem}: {self.name}"

    @property
    def label(self) -> str:
        return f"{self.profile.name}/{self.key}"

    @property
    def inherited(self) -> bool:
        return self.path.parent.name != self.profile.name

    @property
    def before(self) -> str | None:
        """The key of the case that is replayed first."""
        after = self.options.get("after")
        return after if after is None or ": " in after else f"{self.path.stem}: {after}"


def unescape(text: str, profile: Profile = PROFILES["nonos-1.7.4"]) -> bytes:
    r"""Return the bytes of a transcript's text: Python's escapes, and the reader's own `\{...}`."""
    if match := _ROM.fullmatch(text):
        return profile.rom_text % int(match[1])
    for name, value in (("banner", profile.banner), ("lf", profile.line_feed_echo)):
        text = text.replace(f"\\{{{name}}}", value.decode("latin-1").encode("unicode_escape").decode())
    text = _REPEAT.sub(lambda match: int(match[1]) * match[2], text)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def parse(path: Path, text: str) -> list[Case]:
    """Return the cases of a transcript file."""
    cases: list[Case] = []
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            match = _LINE.fullmatch(line)
            assert match, f"{path.name}:{number}: not a line of a transcript: {line!r}"
            unit_ns = MS if match["unit"] == "ms" else 1_000 * MS
            delay_ns = round(float(match["time"]) * unit_ns) if match["time"] else None
            cases[-1].lines.append(Line(number, match["kind"], match["text"], delay_ns))
        elif line.startswith("## "):
            cases.append(Case(path, line[3:]))
        elif option := re.fullmatch(r"(after|chunks|since): (.*)", line):
            cases[-1].options[option[1]] = option[2]
    assert not fenced, f"{path.name}: the last fence is not closed"
    return cases


def _own_cases(profile: Profile) -> dict[str, Case]:
    """Return the cases of a profile's folder by their keys."""
    cases = [
        case
        for path in sorted((TRANSCRIPTS / profile.name).glob("*.md"))
        for case in parse(path, path.read_text(encoding="utf-8"))
    ]
    keyed = {case.key: replace(case, profile=profile) for case in cases}
    assert len(keyed) == len(cases), f"two cases of a file of {profile.name} have the same name"
    return keyed


def load() -> dict[str, dict[str, Case]]:
    """Return every profile's cases by their keys, inherited ones among them."""
    newest_first = list(PROFILES.values())
    names = [profile.name for profile in newest_first]
    loaded: dict[str, dict[str, Case]] = {}
    cases: dict[str, Case] = {}
    for age, profile in enumerate(newest_first):
        if age and profile.dialect is not newest_first[age - 1].dialect:
            cases = {}
        inherited = {
            key: replace(case, profile=profile)
            for key, case in cases.items()
            if "since" not in case.options or names.index(case.options["since"]) >= age
        }
        cases = inherited | _own_cases(profile)
        loaded[profile.name] = cases
    return loaded


CASES = load()
