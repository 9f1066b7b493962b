"""`unoingest doctor`: what an operator would look at first, looked at.

Each check says what it found and, where that is not good, what to do. It writes nothing but one small file
beside the store, which it removes, and may run beside a server.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from unoingest.errors import KeyFileError, StoreError
from unoingest.key_file import KeyFile, key_path
from unoingest.sqlite_file import connect_reader

SYNCS = 50
SYNC_MS_SLOW = 20.0
MB = 1_000_000


class Finding(msgspec.Struct, frozen=True):
    """What a check found.

    Args:
        check: Its stable name.
        state: "ok", "warning" (works, but look at it) or "error".
        found: One line.
        hint: What to do, or "".
    """

    check: str
    state: str
    found: str
    hint: str = ""


def examine(database: Path, disk_reserve_mb: int) -> Iterator[Finding]:
    """Yield a finding for each check, in the order in which they build upon each other."""
    directory = database.absolute().parent
    if not directory.is_dir():
        yield Finding(
            "directory", "error", f"{directory} is no directory", "Create it, or correct --database."
        )
        return
    yield _directory(directory)
    yield _disk(directory, disk_reserve_mb)
    yield _sync(directory)
    yield _store(database)
    yield _keys(database)
    yield _clock()


def _directory(directory: Path) -> Finding:
    status = directory.stat()
    if not os.access(directory, os.W_OK | os.X_OK):
        hint = f"Run as uid {status.st_uid}, or give uid {os.getuid()} the right to write there."
        return Finding("directory", "error", f"{directory} is not writable by this user", hint)
    return Finding("directory", "ok", f"{directory} is writable")


def _disk(directory: Path, reserve_mb: int) -> Finding:
    free_mb = shutil.disk_usage(directory).free // MB
    if free_mb < reserve_mb:
        hint = "Make room, or keep less: --keep-days. /readyz says 503 until then."
        return Finding("disk", "error", f"{free_mb} MB are free, {reserve_mb} MB are the reserve", hint)
    return Finding("disk", "ok", f"{free_mb} MB are free")


def _sync(directory: Path) -> Finding:
    """Measure what each acknowledgement waits for."""
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".unoingest-doctor-") as file:
            started_s = time.perf_counter()
            for _ in range(SYNCS):
                file.write(bytes(4096))
                file.flush()
                os.fdatasync(file.fileno())
            each_ms = (time.perf_counter() - started_s) * 1000 / SYNCS
    except OSError as error:
        return Finding("sync", "error", f"a file cannot be written: {error.strerror}", "Check the disk.")
    found = f"writing 4 kB through to the disk takes {each_ms:.1f} ms"
    if each_ms > SYNC_MS_SLOW:
        hint = "Each acknowledgement waits so long; use another disk, or send several readings in a request."
        return Finding("sync", "warning", found, hint)
    return Finding("sync", "ok", found)


def _store(database: Path) -> Finding:
    if not database.exists():
        return Finding("store", "ok", "there is none yet; `unoingest serve` creates it")
    try:
        connect_reader(database).close()
    except StoreError as error:
        return Finding("store", "error", str(error), error.hint)
    if not os.access(database, os.W_OK):
        return Finding("store", "error", f"{database} is not writable by this user", "Correct its owner.")
    return Finding("store", "ok", f"{database} can be read; `unoingest check` reads all of it")


def _keys(database: Path) -> Finding:
    try:
        keys = KeyFile(key_path(database)).read_all()
    except KeyFileError as error:
        return Finding("keys", "error", str(error), error.hint)
    live = {key.name for key in keys if key.revoked_at_ns is None}
    if not live:
        return Finding("keys", "warning", "nobody has a key", "Give one out: unoingest devices add NAME.")
    return Finding("keys", "ok", f"{len(live)} devices and clients have keys")


def _clock(now_s: Callable[[], float] = time.time) -> Finding:
    # 2025-01-01: a clock before this release was never set
    if now_s() < 1_735_689_600:
        hint = "Set it: readings get their times from it."
        return Finding("clock", "error", "the clock of this computer is years behind", hint)
    return Finding("clock", "ok", "the clock of this computer is plausible")
