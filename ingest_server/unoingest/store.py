"""Where readings are kept: a narrow interface, and SQLite behind it.

Rules: `add` returns only after the readings are on disk (WAL with `synchronous=FULL` syncs the log at each
commit, and callers that wait at the same time share one: `unoingest.group_commit`); a batch is stored whole
or not at all; an identity (device, boot, seq) is stored once, and its values never change.
The store does not validate readings, write log lines or know of HTTP.
"""

import contextlib
import functools
import itertools
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from unoingest.checksum import batch_checksum, continued_checksum, reading_checksum
from unoingest.errors import IdentityConflictError, StoreError, StoreUnavailableError
from unoingest.group_commit import C, GroupCommit, Joint, OnEnd, T, Work
from unoingest.outbox import put
from unoingest.sqlite_file import BUSY_TIMEOUT_MS, connect_reader, open_database
from unoingest.trace_context import TraceContext, format_traceparent, parse_traceparent

# the probe asks for as much room as the largest request body
PROBE_BYTES = 64 * 1024
_CHECK_HINT = "`unoingest check` lists what is damaged."


# a Struct is made in a sixth of a dataclass's time, and there is one for each reading
class NewReading(msgspec.Struct, frozen=True, gc=False):
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


class NewStatus(msgspec.Struct, frozen=True, gc=False):
    """A device's counters as they came with a request, stored if any reading of the request is new.

    Args:
        counters_json: Name to integer, as JSON.
        log_line: Their structured log line, newline included; it is not stored.
        frame: Their entry for the outbox, or empty if it goes nowhere.
    """

    counters_json: bytes
    log_line: bytes
    frame: bytes = b""


class NewBatch(msgspec.Struct, frozen=True, gc=False):
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
    """What the server needs of a store; safe to call from several threads."""

    @property
    def path(self) -> Path:
        """The file that readers open (`unoingest.queries`)."""

    def add(self, batch: NewBatch) -> tuple[NewReading, ...]:
        """Store the readings that are not stored yet and return those, in order, after they are on disk.

        Raises:
            IdentityConflictError: a reading is stored with other values; nothing of the batch was stored.
            StoreUnavailableError: nothing of the batch was stored, and a later try may succeed.
        """

    def submit(self, batch: NewBatch, on_end: OnEnd[C, tuple[NewReading, ...]], context: C) -> None:
        """Do as `add` without waiting.

        Args:
            batch: As for `add`.
            on_end: Called from another thread with pairs of a context and the result or exception of `add`,
                one call for all batches that ended together. It must be short, and may not raise.
            context: Says which batch ended.
        """

    def run(self, work: Work[T]) -> T:
        """Do as `add` for work that is more than one batch (`unoingest.points`); raises what it raises."""

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
        self._path = path
        self.commits = GroupCommit(self._connection, self._check_file)

    @property
    def path(self) -> Path:
        """See `Store.path`."""
        return self._path

    def add(self, batch: NewBatch) -> tuple[NewReading, ...]:
        """See `Store.add`."""
        return self.commits.run(Joint(insert_all, batch))

    def submit(self, batch: NewBatch, on_end: OnEnd[C, tuple[NewReading, ...]], context: C) -> None:
        """See `Store.submit`."""
        self.commits.submit(Joint(insert_all, batch), on_end, context)

    def run(self, work: Work[T]) -> T:
        """See `Store.run`."""
        return self.commits.run(work)

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


def insert_all(
    connection: sqlite3.Connection, batches: Sequence[NewBatch]
) -> list[tuple[NewReading, ...] | IdentityConflictError]:
    """Insert what is not stored of each batch and return it, or the conflict for which it is not inserted."""
    sent = [(batch.device, batch.boot, reading.seq) for batch in batches for reading in batch.readings]
    known: dict[tuple[str, int, int], bytes] = {}
    for statement, values in _in_chunks(_SELECT_KNOWN, sent):
        known.update(
            ((device, boot, seq), v) for device, boot, seq, v in connection.execute(statement, values)
        )
    outcomes: list[tuple[NewReading, ...] | IdentityConflictError] = []
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        try:
            new = _new_of(batch, known)
        except IdentityConflictError as error:
            outcomes.append(error)
            continue
        outcomes.append(new)
        if new:
            rows.extend(_rows_of(batch, new))
            _write_beside(connection, batch, new)
    for statement, values in _in_chunks(_INSERT, rows):
        connection.execute(statement, values)
    return outcomes


def _new_of(batch: NewBatch, known: dict[tuple[str, int, int], bytes]) -> tuple[NewReading, ...]:
    """Return the readings that are not known, and from now on are. Raises IdentityConflictError."""
    device, boot = batch.device, batch.boot
    new = []
    for reading in batch.readings:
        stored = known.get((device, boot, reading.seq))
        if stored is None:
            new.append(reading)
        elif stored != reading.values_json:
            raise IdentityConflictError(reading.seq)
    # a later request of the same transaction may send them again
    known.update({(device, boot, reading.seq): reading.values_json for reading in new})
    return tuple(new)


def _rows_of(batch: NewBatch, new: tuple[NewReading, ...]) -> list[tuple[Any, ...]]:
    device, boot, received_at_ns = batch.device, batch.boot, batch.received_at_ns
    traceparent = format_traceparent(batch.trace) if batch.trace else None
    common = batch_checksum(device, boot, received_at_ns, traceparent)
    return [
        (
            *(device, boot, r.seq, received_at_ns, r.timestamp_ns, r.values_json, traceparent),
            continued_checksum(common, r.seq, r.timestamp_ns, r.values_json),
        )
        for r in new
    ]


def _write_beside(connection: sqlite3.Connection, batch: NewBatch, new: tuple[NewReading, ...]) -> None:
    """Write the status of a batch with new readings, and its entries for the outbox."""
    frames = [reading.frame for reading in new if reading.frame]
    if batch.status is not None:
        # a request that a gateway held back may be older than the status that is there
        connection.execute(
            "INSERT INTO device_status (device, boot, seq, received_at_ns, counters) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device) DO UPDATE SET (boot, seq, received_at_ns, counters)"
            " = (excluded.boot, excluded.seq, excluded.received_at_ns, excluded.counters)"
            " WHERE (excluded.boot, excluded.seq) >= (boot, seq)",
            (batch.device, batch.boot, new[0].seq, batch.received_at_ns, batch.status.counters_json),
        )
        if batch.status.frame:
            frames.append(batch.status.frame)
    if frames:
        put(connection, batch.received_at_ns, frames)


_ROWS_A_STATEMENT = 8
"""More in one statement are slower again (measured with SQLite 3.40: 10 us a row with 8, 15 with 16)."""
_SELECT_KNOWN = (
    "WITH sent (device, boot, seq) AS (VALUES {}) SELECT device, boot, seq, channel_values"
    " FROM sent CROSS JOIN reading USING (device, boot, seq)"
)
_INSERT = (
    "INSERT INTO reading"
    " (device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent, checksum) VALUES {}"
)


def _in_chunks(template: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    """Yield statements that have up to `_ROWS_A_STATEMENT` rows as their VALUES, and their parameters."""
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        chunk = rows[start : start + _ROWS_A_STATEMENT]
        yield _statement(template, len(chunk), len(chunk[0])), list(itertools.chain.from_iterable(chunk))


@functools.cache
def _statement(template: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return template.format(",".join([row] * rows))


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
            for row in connection.execute(f"{SELECT_READINGS} ORDER BY device, boot, seq"):
                reading = sound_reading(row)
                if reading is not None:
                    yield reading
                else:
                    damaged += 1
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {str(path)!r}: {error}", _CHECK_HINT) from error
    if damaged:
        raise StoreError(f"{damaged} readings in {str(path)!r} are damaged and were left out", _CHECK_HINT)


SELECT_READINGS = (
    "SELECT device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent, checksum"
    " FROM reading"
)


def sound_reading(row: tuple[Any, ...]) -> StoredReading | None:
    """Return the reading in a row of SELECT_READINGS, or None if its checksum is wrong."""
    device, boot, seq, received_at_ns, timestamp_ns, values_json, traceparent, checksum = row
    if reading_checksum(*row[:-1]) != checksum:
        return None
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
