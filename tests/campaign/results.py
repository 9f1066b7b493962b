"""Results of a campaign, a line of JSON for each range of trials, in a file named after the commit."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "campaign"
CHANGED = "-changed"
"""Behind the commit of a working tree that is not as it was committed."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a range of trials.

    Args:
        claim: Name of the claim.
        first: Number of the first trial.
        trials: How many, from there on.
        violations: What was wrong, a text each.
        wall_s: How long the process took.
    """

    claim: str
    first: int
    trials: int
    violations: list[str]
    wall_s: float


class Results:
    """A file of results, or none: then nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @classmethod
    def of_this_commit(cls, *, keep: bool) -> Self:
        """Return the results of the code as it is; of code that is no commit's, nothing is kept."""
        name = commit()
        return cls(FOLDER / f"{name}.jsonl" if keep and not name.endswith(CHANGED) else None)

    def read(self) -> Iterator[Tried]:
        """Yield what is there; a last line that was cut short is left out."""
        if self._path and self._path.exists():
            for line in self._path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    yield Tried(**json.loads(line))

    def add(self, tried: Tried) -> None:
        """Append a result."""
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(tried)) + "\n")


def commit() -> str:
    """Return the commit of the working tree, with "-changed" behind it if it was changed since."""
    described = ["git", "describe", "--always", "--abbrev=12", f"--dirty={CHANGED}", "--exclude=*"]
    return subprocess.run(described, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
