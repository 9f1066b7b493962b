"""Deleting old readings, so that a store does not grow for ever.

Rules:

* Age counts from when the server received a reading: devices' clocks decide nothing.
* Readings go in the order in which they were stored, a page a transaction, so that nobody waits long for the
  disk; the pages become free for new readings, and the file does not shrink.
* The outbox and the dead letters are not touched: what has not been delivered is not old.

A reading that is deleted is no longer known: sent again, it would be stored again. So readings are to be kept
longer than any device or gateway holds a request.
"""

import sqlite3
import threading
import time
from collections.abc import Callable

from unoingest.errors import StoreUnavailableError
from unoingest.group_commit import GroupCommit
from unoingest.structured_log import encode_event, write_stderr

PAGE_READINGS = 500
"""About a megabyte, and a millisecond of the writer's time."""
PERIOD_S = 3600.0
NS_PER_DAY = 24 * 3600 * 1_000_000_000


def delete_older(commits: GroupCommit, before_ns: int) -> int:
    """Delete what was received before a moment, and return how many readings that were.

    It stops at the first page that has nothing to delete.

    Raises:
        StoreUnavailableError: some are left.
    """
    deleted = 0
    after_rowid = -1
    while True:
        of_page, after_rowid = commits.run(_page(after_rowid, before_ns))
        deleted += of_page
        if not of_page:
            return deleted


def _page(after_rowid: int, before_ns: int) -> Callable[[sqlite3.Connection], tuple[int, int]]:
    def work(connection: sqlite3.Connection) -> tuple[int, int]:
        (last_rowid,) = connection.execute(
            "SELECT max(rowid) FROM (SELECT rowid FROM reading WHERE rowid > ? ORDER BY rowid LIMIT ?)",
            (after_rowid, PAGE_READINGS),
        ).fetchone()
        if last_rowid is None:
            return 0, after_rowid
        deleted = connection.execute(
            "DELETE FROM reading WHERE rowid > ? AND rowid <= ? AND received_at_ns < ?",
            (after_rowid, last_rowid, before_ns),
        ).rowcount
        return deleted, last_rowid

    return work


class Retention:
    """Deletes old readings now and then, in a thread of its own.

    Args:
        commits: What writes to the store.
        keep_days: How long readings are kept, in days, 1 or more.
        clock_ns: Present time, nanoseconds since the Unix epoch.
        log: Takes the service's own log lines; may not raise.
    """

    def __init__(
        self,
        commits: GroupCommit,
        keep_days: int,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        log: Callable[[bytes], None] = write_stderr,
    ) -> None:
        self._commits = commits
        self._keep_days = keep_days
        self._clock_ns = clock_ns
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after what is under way."""
        self._stop.set()
        self._thread.join()

    def delete_old(self) -> None:
        """Delete what is too old now."""
        now_ns = self._clock_ns()
        try:
            deleted = delete_older(self._commits, now_ns - self._keep_days * NS_PER_DAY)
        except StoreUnavailableError as error:
            message = f"old readings cannot be deleted now: {error}"
            self._log(encode_event("WARNING", "retention_failed", message, now_ns))
            return
        if deleted:
            message = f"{deleted} readings older than {self._keep_days} days were deleted"
            self._log(encode_event("INFO", "readings_deleted", message, now_ns, {"count": deleted}))

    def _run(self) -> None:
        while True:
            self.delete_old()
            if self._stop.wait(PERIOD_S):
                return
