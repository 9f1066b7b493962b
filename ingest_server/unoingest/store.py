"""Where readings are kept: a narrow interface, and SQLite behind it.

Rules: `add` returns only after the readings are on disk (WAL with `synchronous=FULL` syncs the log at each
commit, and callers that wait at the same time share one: `unoingest.group_commit`); a batch is stored whole
or not at all; an identity (device, boot, seq) is stored once, and its values never change.
The store does not validate readings, write log lines or know of HTTP.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from unoingest.checksum import batch_checksum, continued_checksum, reading_checksum
from unoingest.errors import IdentityConflictError, StoreError, StoreUnavailableError
from unoingest.group_commit import GroupCommit
from unoingest.outbox import put
from unoingest.sqlite_file import BUSY_TIMEOUT_MS, connect_reader, open_database
from unoingest.trace_context import TraceContext, format_traceparent, parse_traceparent

# the probe asks for as much room as the largest request body
PROBE_BYTES = 64 * 1024
_CHECK_HINT = "`unoingest check` lists what is damaged."


# a Struct is made in a sixth of a dataclass's time, and there is one for each reading
class NewReading(msgspec.Struct, frozen=True):
    """A reading to be stored.

    Args:
        seq: Sequence number, 0..2^32-1.
        timestamp_ns: Moment of measurement, nanoseconds since the Unix epoch (negative before it), or None if
            the device did not know it.
        values_json: Channel values as canonical JSON; equal values have equal bytes.
        log_line: The reading's structured log line, newline included; it is not stored.
        frame: The reading's entry for the outbox (`unoingest.cloud_entry`), or empty if it goes nowhere.
    """

    seq: int
    timestamp_ns: int | None
    values_json: bytes
    log_line: bytes
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class NewStatus:
    """A device's counters as they came with a request, stored if any reading of the request is new.

    Args:
        counters_json: Name to integer, as JSON.
        log_line: Their structured log line, newline included; it is not stored.
        frame: Their entry for the outbox, or empty if it goes nowhere.
    """

    counters_json: bytes
    log_line: bytes
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """The readings of one request; each sequence number at most once.

    Args:
        device: Device name, 1..32 characters.
        boot: Boot counter, 0..2^32-1.
        received_at_ns: Nanoseconds since the Unix epoch, not negative.
        readings: In the order sent.
        trace: The trace that the request named, if any.
        status: The device's counters, if any came.
    """

    device: str
    boot: int
    received_at_ns: int
    readings: tuple[NewReading, ...]
    trace: TraceContext | None = None
    status: NewStatus | None = None


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading as it lies in the store."""

    device: str
    boot: int
    seq: int
    received_at_ns: int
    timestamp_ns: int | None
    values_json: bytes
    trace: TraceContext | None


class Store(Protocol):
    """What the ingest core needs of a store; safe to call from several threads."""

    def add(self, batch: NewBatch) -> tuple[NewReading, ...]:
        """Store the readings that are not stored yet and return those, in order, after they are on disk.

        Raises:
            IdentityConflictError: a reading is stored with other values; nothing of the batch was stored.
            StoreUnavailableError: nothing of the batch was stored, and a later try may succeed.
        """

    def probe(self) -> None:
        """Write and commit something that is not a reading.

        Raises:
            StoreUnavailableError: the store cannot take readings now.
        """


class SqliteStore:
    """A store in one SQLite file, with one writing connection that commits for all callers together.

    Args:
        path: Database file; it is created if it is missing, its directory is not.
        busy_timeout_ms: How long a commit waits for another process that holds the file's write lock.
        sync_commits: Whether what is added is on disk when the call returns. Only a program that adds no
            readings may do without.

    Raises:
        StoreError: the file cannot be opened, is no unolink store, or is of a newer version.
    """

    def __init__(
        self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, sync_commits: bool = True
    ) -> None:
        self._connection = open_database(path, busy_timeout_ms, sync_commits=sync_commits)
        # a commit goes to the write-ahead log first, so its loss is as bad as that of the file
        self._paths = (path, path.with_name(path.name + "-wal"))
        self._file_ids = [_file_id(one) for one in self._paths]
        self.path = path
        self.commits = GroupCommit(self._connection, self._check_file)

    def add(self, batch: NewBatch) -> tuple[NewReading, ...]:
        """See `Store.add`."""
        return self.commits.run(lambda connection: _insert(connection, batch))

    def probe(self) -> None:
        """See `Store.probe`. The row does not outlive the transaction, but pages must be found for it."""
        self.commits.run(_write_and_delete)

    def close(self) -> None:
        """Close the file, after the commits of all callers that are waiting."""
        self.commits.close()

    def _check_file(self) -> None:
        for path, file_id in zip(self._paths, self._file_ids, strict=True):
            if file_id is None or file_id != _file_id(path):
                raise StoreUnavailableError("a file of the store was replaced or removed while in use")


def _insert(connection: sqlite3.Connection, batch: NewBatch) -> tuple[NewReading, ...]:
    """Insert what is not stored and return it. Raises IdentityConflictError before it writes."""
    identity = (batch.device, batch.boot)
    known = dict(
        connection.execute(
            "SELECT seq, channel_values FROM reading WHERE device = ? AND boot = ?"
            " AND seq IN (SELECT value FROM json_each(?))",
            (*identity, str([reading.seq for reading in batch.readings])),
        )
    )
    for reading in batch.readings:
        if known.get(reading.seq, reading.values_json) != reading.values_json:
            raise IdentityConflictError(reading.seq)
    new = tuple(reading for reading in batch.readings if reading.seq not in known)
    if new:
        _write(connection, batch, new)
    return new


def _write(connection: sqlite3.Connection, batch: NewBatch, new: tuple[NewReading, ...]) -> None:
    """Write the new readings of a batch, its status, and the entries of both for the outbox."""
    device, boot, received_at_ns = batch.device, batch.boot, batch.received_at_ns
    traceparent = format_traceparent(batch.trace) if batch.trace else None
    common = batch_checksum(device, boot, received_at_ns, traceparent)
    connection.executemany(
        "INSERT INTO reading"
        " (device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent, checksum)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(device, boot, r.seq, received_at_ns, r.timestamp_ns, r.values_json, traceparent),
                continued_checksum(common, r.seq, r.timestamp_ns, r.values_json),
            )
            for r in new
        ],
    )
    frames = [reading.frame for reading in new if reading.frame]
    if batch.status is not None:
        # a request that a gateway held back may be older than the status that is there
        connection.execute(
            "INSERT INTO device_status (device, boot, seq, received_at_ns, counters) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device) DO UPDATE SET (boot, seq, received_at_ns, counters)"
            " = (excluded.boot, excluded.seq, excluded.received_at_ns, excluded.counters)"
            " WHERE (excluded.boot, excluded.seq) >= (boot, seq)",
            (device, boot, new[0].seq, received_at_ns, batch.status.counters_json),
        )
        if batch.status.frame:
            frames.append(batch.status.frame)
    if frames:
        put(connection, received_at_ns, frames)


def _write_and_delete(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO probe (filler) VALUES (zeroblob(?))", (PROBE_BYTES,))
    connection.execute("DELETE FROM probe")


def read_readings(path: Path) -> Iterator[StoredReading]:
    """Yield every stored reading by device, boot and seq, without locking out a server that writes.

    A reading whose checksum is wrong is left out, and raised about at the end.

    Raises:
        StoreError: the file is missing, unreadable, no unolink store, of another version, or damaged.
    """
    damaged = 0
    with contextlib.closing(connect_reader(path)) as connection:
        try:
            for row in connection.execute(
                "SELECT device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent,"
                " checksum FROM reading ORDER BY device, boot, seq"
            ):
                if reading_checksum(*row[:-1]) == row[-1]:
                    yield _stored(row)
                else:
                    damaged += 1
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {str(path)!r}: {error}", _CHECK_HINT) from error
    if damaged:
        raise StoreError(f"{damaged} readings in {str(path)!r} are damaged and were left out", _CHECK_HINT)


def _stored(row: tuple[Any, ...]) -> StoredReading:
    device, boot, seq, received_at_ns, timestamp_ns, values_json, traceparent, _ = row
    return StoredReading(
        device, boot, seq, received_at_ns, timestamp_ns, values_json, parse_traceparent(traceparent)
    )


def _file_id(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from another one put in its place, or None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a tenth of Path.stat's cost matters at each commit
    except OSError:
        return None
    return status.st_dev, status.st_ino
