"""The bridge's journal after a power cut: sound, and as it was after the last call that had returned.

The call that the power cut interrupted may have happened or not, but not by half: what the journal holds is
what it held before that call or what it would have held behind it.
"""

import functools
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from campaign.disk import crash_runs, journal_workload
from campaign.disk.crash_runs import Workload
from unobridge.journal import Journal, JournalUnavailableError
from unobridge.journal_file import JournalError


def judge(disk: Path, noted: bytes, later: bytes) -> str:
    """Return what is wrong with the journal on a disk, in the eyes of its own code, or ""."""
    past, future = noted.decode().split(), later.decode().split()
    try:
        with closing(Journal(disk / journal_workload.JOURNAL)) as journal:
            (sound,) = journal._connection.execute("PRAGMA integrity_check").fetchone()
            found = journal_workload.digest(journal)
    except JournalError as error:
        return f"it does not open: {error}"
    except (sqlite3.Error, JournalUnavailableError) as error:
        return f"it cannot be read: {error}"
    if sound != "ok":
        return f"it is corrupt: {sound}"
    if found in {*past[-1:], *future[:1]}:
        return ""
    if found in past:
        return f"it has forgotten {len(past) - 1 - past.index(found)} calls"
    return "it holds what it never held"


WORKLOAD = Workload(journal_workload.__file__, 40, judge)
SHORT = replace(WORKLOAD, amount=12)
"""For who tries every call of it, in each way."""
tries = functools.partial(crash_runs.tries, WORKLOAD)
