"""The outbox: log entries that are on disk with their readings and wait to be delivered to Cloud Logging.

Rules:

* A row is what one request brought: serialised entries as they will be sent (`unoingest.cloud_entry`), their
  number, and when the request was received. It is written in the transaction that stores the readings.
* A row leaves only when each of its entries was accepted, or became a dead letter in the same transaction.
* One sender at a time has an outbox, held by a lock on a file beside the store; rows are taken in order.
* Nothing here expires: what cannot be delivered stays until somebody decides.

Ids may be used again once the outbox was empty, so what is in hand is remembered, not what was taken last.
This module knows neither the network nor the form of an entry.
"""

import contextlib
import fcntl
import sqlite3
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from unoingest.checksum import frames_checksum
from unoingest.errors import StoreError
from unoingest.group_commit import GroupCommit
from unoingest.sqlite_file import connect_reader


# a Struct is made in a sixth of a dataclass's time, and there may be one for each reading
class OutboxRow(msgspec.Struct, frozen=True):
    """The entries of one request.

    Args:
        row_id: Of the row, 1 and up.
        received_at_ns: When the request was received, nanoseconds since the Unix epoch.
        entries: How many entries there are.
        frames: The entries, each as one `entries` field of a serialised WriteLogEntriesRequest.
        is_sound: Whether the checksum is right.
    """

    row_id: int
    received_at_ns: int
    entries: int
    frames: bytes
    is_sound: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry that the service will not take, and why.

    Args:
        received_at_ns: When its request was received, nanoseconds since the Unix epoch.
        failed_at_ns: When it was given up.
        reason: The service's words, or ours.
        frame: The entry, in the form of `OutboxRow.frames`.
        letter_id: Its number in the store, 0 before it has one.
    """

    received_at_ns: int
    failed_at_ns: int
    reason: str
    frame: bytes
    letter_id: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits.

    Args:
        requests: Rows of the outbox.
        entries: Entries in them.
        frames_bytes: Their size.
        oldest_received_at_ns: When the oldest was received, or None if there is none.
        dead_letters: Entries that were given up.
    """

    requests: int
    entries: int
    frames_bytes: int
    oldest_received_at_ns: int | None
    dead_letters: int


def put(connection: sqlite3.Connection, received_at_ns: int, frames: Sequence[bytes]) -> None:
    """Add a row with these entries, within the caller's transaction."""
    joined = b"".join(frames)
    connection.execute(
        "INSERT INTO outbox (received_at_ns, entries, frames, checksum) VALUES (?, ?, ?, ?)",
        (received_at_ns, len(frames), joined, frames_checksum(received_at_ns, joined)),
    )


class Outbox:
    """The outbox as its one sender sees it; safe to call from several threads.

    Args:
        path: The store's file.
        commits: What writes to it.

    Raises:
        StoreError: another sender has the outbox, or the store cannot be read.
    """

    def __init__(self, path: Path, commits: GroupCommit) -> None:
        self._commits = commits
        self._lock_file = _lock(path.with_name(path.name + "-sender"))
        self._reader = connect_reader(path)
        self._guard = threading.Lock()
        # the last row of each batch that was taken and not settled
        self._in_hand: set[int] = set()

    def take(self, *, entries_max: int, frames_bytes_max: int) -> tuple[OutboxRow, ...]:
        """Return the next rows that nobody has in hand, oldest first; none if there are none.

        A row is never divided: a first row beyond the limits is returned alone.

        Raises:
            sqlite3.Error: the store cannot be read now.
        """
        with self._guard:
            rows: list[OutboxRow] = []
            entries = frames_bytes = 0
            with contextlib.closing(
                read_outbox(self._reader, after_id=max(self._in_hand, default=0))
            ) as found:
                for row in found:
                    entries += row.entries
                    frames_bytes += len(row.frames)
                    if rows and (entries > entries_max or frames_bytes > frames_bytes_max):
                        break
                    rows.append(row)
                    if entries >= entries_max:
                        break
            if rows:
                self._in_hand.add(rows[-1].row_id)
            return tuple(rows)

    def settle(self, rows: Sequence[OutboxRow], dead: Sequence[DeadLetter]) -> None:
        """Remove rows that were taken together, and keep the dead letters among their entries.

        Raises:
            StoreUnavailableError: the rows are where they were, and still in hand.
        """
        first_id, last_id = rows[0].row_id, rows[-1].row_id

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM outbox WHERE id BETWEEN ? AND ?", (first_id, last_id))
            connection.executemany(
                "INSERT INTO dead_letter (received_at_ns, failed_at_ns, reason, frame) VALUES (?, ?, ?, ?)",
                [(one.received_at_ns, one.failed_at_ns, one.reason, one.frame) for one in dead],
            )

        self._commits.run(work)
        self.release(rows)

    def release(self, rows: Sequence[OutboxRow]) -> None:
        """Give rows back that were taken together; they stay in the outbox, if they are there still."""
        with self._guard:
            self._in_hand.discard(rows[-1].row_id)

    def close(self) -> None:
        """Let another sender have the outbox; what is in hand stays in it."""
        self._reader.close()
        self._lock_file.close()


def read_outbox(connection: sqlite3.Connection, *, after_id: int = 0) -> Generator[OutboxRow, None, None]:
    """Yield the rows of the outbox behind `after_id`, oldest first; close it if it is not read to the end."""
    found = connection.execute(
        "SELECT id, received_at_ns, entries, frames, checksum FROM outbox WHERE id > ? ORDER BY id",
        (after_id,),
    )
    try:
        for row_id, received_at_ns, entries, frames, checksum in found:
            if isinstance(received_at_ns, int) and isinstance(entries, int) and isinstance(frames, bytes):
                is_sound = frames_checksum(received_at_ns, frames) == checksum
                yield OutboxRow(row_id, received_at_ns, entries, frames, is_sound)
            else:
                # a flipped bit in the head of a row makes another type of a value, or none
                yield OutboxRow(row_id, 0, 0, b"", is_sound=False)
    finally:
        # an open cursor is an open snapshot, which would keep the write-ahead log from being reset
        found.close()


def read_backlog(connection: sqlite3.Connection) -> Backlog:
    """Return what waits; it reads the whole outbox."""
    requests, entries, frames_bytes, oldest_ns = connection.execute(
        "SELECT count(*), total(entries), total(length(frames)), min(received_at_ns) FROM outbox"
    ).fetchone()
    (dead_letters,) = connection.execute("SELECT count(*) FROM dead_letter").fetchone()
    return Backlog(requests, int(entries), int(frames_bytes), oldest_ns, dead_letters)


def read_dead_letters(connection: sqlite3.Connection) -> Iterator[DeadLetter]:
    """Yield every dead letter, the oldest failure first."""
    for row in connection.execute(
        "SELECT received_at_ns, failed_at_ns, reason, frame, id FROM dead_letter ORDER BY id"
    ):
        yield DeadLetter(*row)


def requeue_dead_letters(commits: GroupCommit, *, letters_max: int = 1000) -> int:
    """Put every dead letter back into the outbox, some at a time; return how many there were.

    Raises:
        StoreUnavailableError: the rest are dead letters still.
    """

    def work(connection: sqlite3.Connection) -> int:
        letters = connection.execute(
            "SELECT id, received_at_ns, frame FROM dead_letter ORDER BY id LIMIT ?", (letters_max,)
        ).fetchall()
        for _, received_at_ns, frame in letters:
            put(connection, received_at_ns, [frame])
        connection.executemany("DELETE FROM dead_letter WHERE id = ?", [(one[0],) for one in letters])
        return len(letters)

    return sum(iter(lambda: commits.run(work), 0))


def _lock(path: Path) -> IO[bytes]:
    """Return an open file that nobody else has locked; the lock ends with the file or the process."""
    try:
        file = path.open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            file.close()
            raise
    except BlockingIOError as error:
        raise StoreError(
            f"another sender is delivering from this store (it has {str(path)!r})",
            "Stop it, or let it do the work: `unoingest serve --outbox send` is a sender, too.",
        ) from error
    except OSError as error:
        raise StoreError(
            f"cannot lock {str(path)!r}: {error.strerror}", "The store's directory must be writable."
        ) from error
    return file
