"""Breaks the code on purpose, in one place at a time, and looks whether the named test notices.

    python -m campaign.mutation.mutation_gate NAME ...

The breakages are listed in `mutations.toml`. Each is applied to a copy of the working tree, in which what is
compiled from the broken file is compiled anew; then the test that is to catch it runs there. It must have
passed in the copy before. A breakage that its test does not notice is a hole in the tests. It is a mistake in
the table, and no catch, if the broken code does not compile or the test cannot even be collected.

What it does not do: invent breakages, or try every test on each; a breakage is caught by the test named.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TABLE = Path(__file__).with_name("mutations.toml")
SHARED = (".venv", ".tools")
"""What a copy shares with the working tree: nothing in them is built from our sources."""
AT_ONCE = 15
"""Breakages that share a copy; those of the host tests, which take half a minute to compile, fill two."""
BUILD_SECONDS_MAX = 300
TEST_SECONDS_MAX = 120
"""A test that takes longer than this hangs, and so does not pass."""

PYTHON_FOLDERS = ("sim", "bridge", "ingest_server", "tests")
FIRMWARE, HOST_TESTS, BOARD = "firmware/", "firmware/test/", "sim/unosim/board/"
HOST_PROGRAM = ".pio/build/native/program"
IMAGE = ".pio/build/uno/firmware.elf"
PYTEST_FAILED = 1
"""Exit code of a run in which tests failed; others say that it did not come so far."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One breakage.

    Args:
        name: Says what is broken, in words.
        file: Where, from the root of the repository.
        old: The text that is replaced; it stands there exactly once.
        new: What stands there instead.
        caught_by: The test that must fail, FILE::NAME; for the firmware's host tests NAME is the test case's.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str

    @property
    def on_host(self) -> bool:
        """Whether it is a host test of the firmware that is to catch it."""
        return self.caught_by.startswith(HOST_TESTS)

    @property
    def case(self) -> str:
        """The test's name."""
        return self.caught_by.partition("::")[2]


class StaleTableError(Exception):
    """The table does not fit the code: no such text or test, or what comes of it proves nothing."""


def read_table(path: Path = TABLE) -> list[Mutation]:
    """Return the breakages of the table, in its order."""
    return [Mutation(**entry) for entry in tomllib.loads(path.read_text())["mutation"]]


def mutated(source: str, mutation: Mutation) -> str:
    """Return the source with the breakage in it.

    Raises:
        StaleTableError: the text to be replaced is not there, or not once.
    """
    count = source.count(mutation.old)
    if count != 1:
        raise StaleTableError(f"{mutation.file} has the text to be replaced {count} times, not once")
    return source.replace(mutation.old, mutation.new)


def tries(trials: range) -> Iterator[str]:
    """Yield for each breakage, by its place in the table, what was wrong: its test did not notice it."""
    table = read_table()
    yield from try_out([table[number] for number in trials])


def try_out(mutations: Sequence[Mutation]) -> Iterator[str]:
    """Yield for each breakage "" if it was caught, or that it was not."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        tree = Tree(Path(name))
        tree.prepare(mutations)
        for mutation in mutations:
            try:
                caught = tree.catches(mutation)
            except StaleTableError as error:
                yield f"{mutation.name}: {error}"
            else:
                yield "" if caught else f"{mutation.name}: {mutation.caught_by} does not notice"


class Tree:
    """A copy of the working tree in which things may be broken.

    Args:
        folder: An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copy()
        self._environment = self._make_environment()

    def prepare(self, mutations: Sequence[Mutation]) -> None:
        """Build what the breakages' tests need, and see them all pass.

        Raises:
            StaleTableError: something does not build, or a test fails in sound code.
        """
        if any(mutation.on_host for mutation in mutations):
            self._build_host_tests()
        of_pytest = [mutation.caught_by for mutation in mutations if not mutation.on_host]
        if of_pytest and any(mutation.file.startswith(FIRMWARE) for mutation in mutations):
            # PlatformIO's first build in a folder throws away what was copied there
            self._build_images()
        if of_pytest:
            self._must("-m", "pytest", "-q", "-p", "no:cacheprovider", *dict.fromkeys(of_pytest))
        for mutation in mutations:
            if mutation.on_host and not self._host_test_passes(mutation):
                raise StaleTableError(f"{mutation.caught_by} fails in sound code")

    def catches(self, mutation: Mutation) -> bool:
        """Apply a breakage, say whether its test fails, and undo it.

        Raises:
            StaleTableError: it cannot be applied or compiled, or the test does not get so far as to fail.
        """
        path = self._folder / mutation.file
        sound = path.read_text()
        path.write_text(mutated(sound, mutation))
        built = self._built_of(mutation)
        for one in built:
            shutil.copy2(one, self._folder / one.name)
        try:
            self._build(mutation)
            return not self._passes(mutation)
        finally:
            path.write_text(sound)
            for one in built:
                (self._folder / one.name).replace(one)

    def _passes(self, mutation: Mutation) -> bool:
        if mutation.on_host:
            return self._host_test_passes(mutation)
        ended = self._run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.caught_by]
        )
        if ended is not None and ended.returncode not in (0, PYTEST_FAILED):
            raise StaleTableError(f"its test does not run:\n{ended.stdout[-2000:]}")
        return ended is not None and ended.returncode == 0

    def _host_test_passes(self, mutation: Mutation) -> bool:
        # doctest reads a comma as the end of a name; ? stands for any character
        pattern = mutation.case.replace(",", "?")
        ended = self._run([self._folder / HOST_PROGRAM, f"--test-case={pattern}", "--no-colors=true"])
        if ended is None:
            return False
        counted = re.search(r"test cases: +(\d+) \|", ended.stdout)
        # a sanitizer's finding ends the program before it counts
        if counted and counted[1] != "1":
            raise StaleTableError(f"{mutation.caught_by} names {counted[1]} test cases")
        return ended.returncode == 0

    def _built_of(self, mutation: Mutation) -> list[Path]:
        """Return what is compiled from the broken file, and used by tests of other breakages, too."""
        if mutation.file.startswith(FIRMWARE) and not mutation.on_host:
            return [self._folder / IMAGE]
        return list((self._folder / BOARD).glob("_core*.so")) if mutation.file.startswith(BOARD) else []

    def _build(self, mutation: Mutation) -> None:
        if mutation.on_host:
            self._build_host_tests()
        elif mutation.file.startswith(FIRMWARE):
            self._build_images()
        elif mutation.file.startswith(BOARD):
            self._must("setup.py", "-q", "build_ext", "--inplace")

    def _build_host_tests(self) -> None:
        self._must("-m", "platformio", "test", "-e", "native", "--without-testing")

    def _build_images(self) -> None:
        self._must("-m", "platformio", "run", "-s", "-e", "uno", "-e", "uno_softserial")

    def _must(self, *arguments: str) -> None:
        """Run Python. Raises StaleTableError if it fails."""
        ended = self._run([sys.executable, *arguments], BUILD_SECONDS_MAX)
        if ended is None or ended.returncode:
            said = ended.stdout[-2000:] if ended else "no end in sight"
            raise StaleTableError(f"{' '.join(arguments[:4])} fails:\n{said}")

    def _run(
        self, command: Sequence[str | Path], seconds_max: float = TEST_SECONDS_MAX
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a command in the copy; None if it had to be ended, with all that it had started."""
        with subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=seconds_max)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None
        return subprocess.CompletedProcess(command, process.returncode, said)

    def _copy(self) -> None:
        """Copy what git tracks or would track, and what was compiled: it fits as long as times are kept."""
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split(
            "\0"
        )
        compiled = [*(ROOT / BOARD).glob("*.so"), ROOT / ".pio"]
        for package in PYTHON_FOLDERS:
            compiled += (ROOT / package).rglob("__pycache__")
        names = [*tracked, *(str(path.relative_to(ROOT)) for path in compiled)]
        files = [name for name in names if name and (ROOT / name).exists()]
        subprocess.run(["cp", "-a", "--parents", *files, self._folder], cwd=ROOT, check=True)
        for name in SHARED:
            (self._folder / name).symlink_to(ROOT / name)

    def _make_environment(self) -> dict[str, str]:
        """Return an environment in which Python and PlatformIO work on the copy."""
        headers = ROOT / ".tools/debian/usr/include"
        settings = {
            "PLATFORMIO_CORE_DIR": str(ROOT / ".tools/platformio"),
            "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
            "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            # the others take three quarters of the time of a small test
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_mock",
            "PYTHONPATH": os.pathsep.join(str(self._folder / name) for name in PYTHON_FOLDERS),
            # where the interpreter has no headers of its own, tools/install_package.sh has put them there
            "C_INCLUDE_PATH": os.pathsep.join(
                map(str, [headers / Path(sysconfig.get_path("include")).name, headers])
            ),
            "PATH": os.pathsep.join(
                [str(ROOT / ".tools/debian/cxx"), str(ROOT / ".venv/bin"), os.environ["PATH"]]
            ),
        }
        return {**os.environ, **settings}


def main() -> int:
    """Try the breakages whose name contains one of the words on the command line."""
    parser = argparse.ArgumentParser(prog="mutation_gate", description="break the code and see a test fail")
    parser.add_argument("names", nargs="+", metavar="NAME", help="breakages whose name contains this")
    names = parser.parse_args().names
    chosen = [one for one in read_table() if any(name in one.name for name in names)]
    survived = 0
    started_s = time.monotonic()
    for mutation, harm in zip(chosen, try_out(chosen), strict=True):
        survived += bool(harm)
        print(f"{time.monotonic() - started_s:6.1f} s  {harm or 'caught: ' + mutation.name}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} breakages were caught")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
