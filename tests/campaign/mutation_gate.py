"""Breaks the code on purpose, in one place at a time, and looks whether the named test notices.

    python -m campaign.mutation_gate [NAME ...]

The breakages are listed in `mutations.toml`. Each is applied to a copy of the working tree; the tests that
are to catch it run there, first once without any breakage, which must pass. A breakage that no test notices
is a hole in the tests, and the gate ends with exit code 1. So it does when the text that is to be replaced
is not found exactly once: the table has then fallen behind the code.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutations.toml")
LINKED = (".venv", ".tools")
"""What a copy shares with the working tree: nothing in them is built from our sources."""
BUILDS = {"firmware": ["pio", "run", "-s", "-e", "uno"], "": []}
TEST_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Mutation:
    """One breakage.

    Args:
        name: Says what is broken, in words.
        file: Where, from the root of the repository.
        old: The text that is replaced; it stands there exactly once.
        new: What stands there instead.
        caught_by: Tests, one of which must fail, as pytest names them.
        build: What has to be built after it: "firmware" or nothing.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]
    build: str = ""


class StaleTableError(Exception):
    """The table names a text that the code does not hold once, or a test that fails without a breakage."""


def read_table(path: Path = TABLE) -> list[Mutation]:
    """Return the breakages of the table, in its order."""
    entries = tomllib.loads(path.read_text())["mutation"]
    return [Mutation(**{**entry, "caught_by": tuple(entry["caught_by"])}) for entry in entries]


def copy_tree(folder: Path) -> None:
    """Copy what git tracks or would track, the compiled core, and the last build of the image."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    built = [str(path.relative_to(ROOT)) for path in (ROOT / "sim").rglob("*.so")]
    files = [name for name in [*tracked, *built, ".pio"] if name and (ROOT / name).exists()]
    subprocess.run(["cp", "-a", "--parents", *files, folder], cwd=ROOT, check=True)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which Python and PlatformIO work on the copy."""
    packages = os.pathsep.join(str(folder / name) for name in ("sim", "bridge", "ingest_server", "tests"))
    platformio = {
        "PLATFORMIO_CORE_DIR": str(ROOT / ".tools/platformio"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
    }
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}{os.pathsep}{ROOT / '.tools/debian/cxx'}"
    return {**os.environ, **platformio, "PYTHONPATH": packages, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def mutated(source: str, mutation: Mutation) -> str:
    """Return the source with the breakage in it.

    Raises:
        StaleTableError: the text to be replaced is not there, or not once.
    """
    count = source.count(mutation.old)
    if count != 1:
        raise StaleTableError(f"{mutation.name}: {mutation.file} has the text {count} times, not once")
    return source.replace(mutation.old, mutation.new)


def is_caught(folder: Path, mutation: Mutation) -> bool:
    """Apply a breakage to the copy, say whether its tests fail or it does not even build, and undo it."""
    path = folder / mutation.file
    sound = path.read_text()
    path.write_text(mutated(sound, mutation))
    try:
        return not (_built(folder, mutation.build) and _passes(folder, mutation.caught_by))
    finally:
        path.write_text(sound)


def _built(folder: Path, what: str) -> bool:
    command = BUILDS[what]
    return not command or _run(folder, command) == 0


def _passes(folder: Path, tests: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return _run(folder, command) == 0


def _run(folder: Path, command: Sequence[str]) -> int:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TEST_SECONDS_MAX,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def run_gate(mutations: Sequence[Mutation]) -> list[Mutation]:
    """Try breakages, show each verdict, and return those that nobody noticed.

    Raises:
        StaleTableError: the table does not fit the code.
    """
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        copy_tree(folder)
        tests = sorted({test for mutation in mutations for test in mutation.caught_by})
        print(f"{len(tests)} tests without a breakage ...", flush=True)
        if not _passes(folder, tests):
            raise StaleTableError("a test of the table fails without any breakage")
        survivors = []
        for number, mutation in enumerate(mutations, 1):
            started_s = time.monotonic()
            caught = is_caught(folder, mutation)
            verdict = "caught  " if caught else "SURVIVED"
            seconds = time.monotonic() - started_s
            print(f"{number:3}/{len(mutations)} {verdict} {seconds:5.1f} s  {mutation.name}", flush=True)
            survivors += [] if caught else [mutation]
        if any(mutation.build for mutation in mutations):
            _built(folder, "firmware")
        return survivors


def main() -> int:
    """Run the breakages named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="mutation_gate", description="break the code and see a test fail")
    parser.add_argument("names", nargs="*", metavar="NAME", help="breakages whose name contains this")
    names = parser.parse_args().names
    chosen = [one for one in read_table() if not names or any(name in one.name for name in names)]
    try:
        survivors = run_gate(chosen)
    except StaleTableError as error:
        print(f"mutation gate: {error}", file=sys.stderr)
        return 1
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} breakages were caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
