"""Verifying a store: the write-ahead log, SQLite's own structure, then the checksum of everything in it.

It reads and changes nothing, and a server may be running. What it finds it says in one line each; a stored
reading whose checksum is right is exactly what was acknowledged, but for somebody who edited both.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from unoingest.checksum import is_reading_sound
from unoingest.log_check import lost_commits
from unoingest.outbox import read_outbox
from unoingest.sqlite_file import connect_reader


@dataclass(slots=True)
class Tally:
    """What was looked at."""

    readings: int = 0
    outbox_rows: int = 0


Finder = Callable[[sqlite3.Connection, Tally, Callable[[], None]], Iterator[str]]


def check_store(path: Path, tally: Tally, on_row: Callable[[], None]) -> Iterator[str]:
    """Yield one line for each damage found in the store, which counts as looked at in `tally`.

    Args:
        path: The store's file.
        tally: Counts what was looked at, damaged or not.
        on_row: Called for each row, to show progress.

    Raises:
        StoreError: the file cannot be opened as a store at all.
    """
    finders: Sequence[Finder] = (_log, _structure, _readings, _outbox)
    with closing(connect_reader(path)) as connection:
        for find in finders:
            try:
                yield from find(connection, tally, on_row)
            except sqlite3.DatabaseError as error:
                yield f"the file cannot be read on: {error}"


def rows_to_check(path: Path) -> int:
    """Return how many rows `check_store` will look at, or 0 if that cannot be told."""
    with closing(connect_reader(path)) as connection:
        try:
            (rows,) = connection.execute(
                "SELECT (SELECT count(*) FROM reading) + (SELECT count(*) FROM outbox)"
            ).fetchone()
        except sqlite3.DatabaseError:
            # the check itself will say so
            return 0
        return int(rows)


def _log(connection: sqlite3.Connection, _tally: Tally, _on_row: Callable[[], None]) -> Iterator[str]:
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    ((_, _, path),) = connection.execute("PRAGMA database_list")
    # while somebody reads, nobody begins the log anew
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    try:
        commits = lost_commits(Path(f"{path}-wal"), page_bytes)
    finally:
        connection.execute("ROLLBACK")
    if commits:
        yield f"the write-ahead log was damaged, and {commits} commits in it, if not more, are lost"


def _structure(connection: sqlite3.Connection, _tally: Tally, _on_row: Callable[[], None]) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"structure: {line}"


def _readings(connection: sqlite3.Connection, tally: Tally, on_row: Callable[[], None]) -> Iterator[str]:
    # the table itself and not its index, so that a row that the index has lost is seen, too
    for *columns, checksum in connection.execute(
        "SELECT device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent, checksum"
        " FROM reading NOT INDEXED"
    ):
        tally.readings += 1
        on_row()
        if not is_reading_sound(columns, checksum):
            device, boot, seq = columns[:3]
            yield f"reading {device} boot {boot} seq {seq} is not what was stored"


def _outbox(connection: sqlite3.Connection, tally: Tally, on_row: Callable[[], None]) -> Iterator[str]:
    for row in read_outbox(connection):
        tally.outbox_rows += 1
        on_row()
        if not row.is_sound:
            yield f"row {row.row_id} of the outbox is not what was stored"
