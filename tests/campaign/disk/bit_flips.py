"""Flips one bit in the files of the server's store at rest, and looks whether that is found or does no harm.

A flip must be found: by opening the store, by `unoingest check`, or by reading it; or every reading and every
entry of the outbox must be there as it was. SQLite itself would not see it: its pages have no checksums, so
each row has one of ours (`unoingest.checksum`).

The write-ahead log outlives only a server that did not end by itself. SQLite takes a frame with a wrong
checksum for the end of the log, as after a power cut. So a flip in the last commit there may take it back,
and nobody can tell; in any other one it must be found.
"""

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from campaign.disk.crash_runs import IN_MEMORY
from campaign.disk.store_workload import STORE, batch_of
from unoingest.errors import StoreError
from unoingest.outbox import read_outbox
from unoingest.sqlite_file import connect_reader
from unoingest.store import SqliteStore, read_readings
from unoingest.store_check import Tally, check_store

DEVICES = 4
BATCHES = 60
LOG = STORE + "-wal"
PAGE_BYTES, IN_SCHEMA = 4096, 0.2
FOUND, HARMLESS, LAST_TAKEN_BACK = "found", "harmless", "the last commit is taken back"


@dataclass(frozen=True, slots=True)
class Flip:
    """What became of one flipped bit.

    Args:
        where: The file and the bit.
        verdict: FOUND, HARMLESS, LAST_TAKEN_BACK, or what is wrong.
    """

    where: str
    verdict: str


Content = tuple[object, ...]
"""The readings and the outbox, as far as they matter."""


class Specimen:
    """A store whose files lie there, once as after a clean end and once as after a crash.

    Args:
        folder: An empty one.
        seed: Decides what is in the store.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.flipped = folder / "flipped"
        self.sound = {"ended": folder / "ended", "crashed": folder / "crashed"}
        for one in (self.flipped, *self.sound.values()):
            one.mkdir()
        self._past: list[Content] = []
        self._fill(random.Random(seed))

    def _fill(self, chance: random.Random) -> None:
        path = self.sound["ended"] / STORE
        store = SqliteStore(path)
        seqs = dict.fromkeys(range(DEVICES), 0)
        for number in range(BATCHES):
            device = chance.randrange(DEVICES)
            count = chance.choice((1, 2, 10))
            store.add(batch_of(f"device-{device}", seqs[device], count))
            seqs[device] += count
            if number == BATCHES // 2:
                # what follows stays in the log
                with closing(sqlite3.connect(path)) as other:
                    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._past.append(_content(path))
        for name in (STORE, LOG):
            shutil.copy(path.with_name(name), self.sound["crashed"] / name)
        store.close()

    def flip(self, trial: int) -> Flip:
        """Flip the bit that follows from the trial's number, in a copy, and return what becomes of it."""
        chance = random.Random(trial)
        source = self.sound[chance.choice(["ended", "crashed"])]
        for old in self.flipped.iterdir():
            old.unlink()
        files = [shutil.copy(one, self.flipped) for one in sorted(source.iterdir())]
        path = Path(chance.choice(files))
        content = bytearray(path.read_bytes())
        # the schema is in the first page, and what is damaged there shows in other ways
        in_schema = chance.random() < IN_SCHEMA
        bit = chance.randrange(8 * (min(PAGE_BYTES, len(content)) if in_schema else len(content)))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        return Flip(f"bit {bit} of {path.name}, {source.name}", self.verdict(in_log=path.name == LOG))

    def verdict(self, *, in_log: bool) -> str:
        """Say what becomes of the flipped files; a flip in the log may take the last commit back."""
        path = self.flipped / STORE
        try:
            if list(check_store(path, Tally(), lambda: None)):
                return FOUND
            content = _content(path)
        except (StoreError, sqlite3.DatabaseError):
            return FOUND
        if content == self._past[-1]:
            return HARMLESS
        if in_log and content == self._past[-2]:
            return LAST_TAKEN_BACK
        return "what is read is not what was stored"


def _content(path: Path) -> Content:
    with closing(connect_reader(path)) as connection:
        outbox = [(row.received_at_ns, row.frames, row.is_sound) for row in read_outbox(connection)]
    return (*read_readings(path), *outbox)


def flips(trials: range) -> Iterator[Flip]:
    """Yield what became of each flipped bit."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        specimen = Specimen(Path(name), trials.start)
        for trial in trials:
            yield specimen.flip(trial)


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong after each flipped bit."""
    for flip in flips(trials):
        yield "" if flip.verdict in {FOUND, HARMLESS, LAST_TAKEN_BACK} else f"{flip.where}: {flip.verdict}"
