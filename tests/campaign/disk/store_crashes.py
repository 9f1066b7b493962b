"""The server's store after a power cut: sound, and with every reading that was acknowledged.

Threads write to it as the server's do (`store_workload.py`), and note what was acknowledged.
"""

import functools
import sqlite3
from dataclasses import replace
from pathlib import Path

from campaign.disk import crash_runs, store_workload
from campaign.disk.crash_runs import Workload
from unoingest.errors import StoreError
from unoingest.sqlite_file import BUSY_TIMEOUT_MS, open_database

Identity = tuple[str, int]


def acknowledged_by(notes: bytes) -> set[Identity]:
    """Return device and seq of the readings that the workload has noted."""
    return {(device, int(seq)) for device, seq in (line.split() for line in notes.decode().splitlines())}


def judge(disk: Path, noted: bytes, _later: bytes) -> str:
    """Return what is wrong with the store on a disk, or ""."""
    return harm_to(disk / store_workload.STORE, acknowledged_by(noted))


def harm_to(path: Path, acknowledged: set[Identity]) -> str:
    """Return what is wrong with a store in the eyes of its own code, or ""."""
    try:
        connection = open_database(path, BUSY_TIMEOUT_MS)
    except StoreError as error:
        return f"it does not open: {error}"
    try:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        rows = connection.execute("SELECT device, seq, channel_values FROM reading").fetchall()
        (entries,) = connection.execute("SELECT coalesce(sum(entries), 0) FROM outbox").fetchone()
    except sqlite3.Error as error:
        return f"it cannot be read: {error}"
    finally:
        connection.close()
    if sound != "ok":
        return f"it is corrupt: {sound}"
    lost = acknowledged - {(device, seq) for device, seq, _ in rows}
    if lost:
        return f"{len(lost)} acknowledged readings are missing, {min(lost)} among them"
    if entries != len(rows):
        return f"{len(rows)} readings have {entries} entries for the cloud"
    wrong = [(device, seq) for device, seq, values in rows if values != store_workload.values_of(device, seq)]
    return f"{len(wrong)} readings have other values, {wrong[0]} among them" if wrong else ""


WORKLOAD = Workload(store_workload.__file__, 30, judge)
SHORT = replace(WORKLOAD, amount=12)
"""For who tries every call of it, in each way."""
tries = functools.partial(crash_runs.tries, WORKLOAD)
