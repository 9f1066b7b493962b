"""Where readings are kept: a narrow interface, and SQLite behind it.

Rules: `add` returns only after the readings are on disk (WAL with `synchronous=FULL` syncs the log at each
commit, and callers that wait at the same time share one: `unoingest.group_commit`); a batch is stored whole
or not at all; an identity (device, boot, seq) is stored once, and its values never change.
The store does not validate readings, write log lines or know of HTTP.
"""

import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from unoingest.checksum import batch_checksum, continued_checksum, is_reading_sound
from unoingest.errors import IdentityConflictError, StoreError, StoreUnavailableError
from unoingest.group_commit import GroupCommit, Joint, T, Work, may_be_one_pieces_fault
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


Outcome = tuple[NewReading, ...] | Exception
"""What came of a batch: the readings of it that are new, or why nothing of it was stored."""


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

    def add_all(self, batches: Sequence[NewBatch]) -> Sequence[Outcome]:
        """Return for each batch what `add` would return or raise, after one commit for all of them."""

    def run(self, work: Work[T]) -> T:
        """Do as `add` for work that is more than one batch (`unoingest.points`); raises what it raises."""

    def call_together(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make calls, which may not raise, in this thread, with one commit for all that add something."""

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
        (outcome,) = self.commits.run(Joint(insert_all, [batch]))
        if isinstance(outcome, IdentityConflictError):
            raise outcome
        return outcome

    def add_all(self, batches: Sequence[NewBatch]) -> Sequence[Outcome]:
        """See `Store.add_all`."""
        try:
            return self.commits.run(Joint(insert_all, batches))
        except Exception as error:  # noqa: BLE001 - it is the outcome of each
            if len(batches) > 1 and may_be_one_pieces_fault(error):
                return [outcome for batch in batches for outcome in self.add_all([batch])]
            return [error] * len(batches)

    def run(self, work: Work[T]) -> T:
        """See `Store.run`."""
        return self.commits.run(work)

    def call_together(self, calls: Iterable[Callable[[], object]]) -> None:
        """See `Store.call_together`."""
        self.commits.call_together(calls)

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
    known = _known(connection, batches)
    outcomes: list[tuple[NewReading, ...] | IdentityConflictError] = []
    rows: list[Any] = []
    for batch in batches:
        try:
            new = _new_of(batch, known[batch.device, batch.boot])
        except IdentityConflictError as error:
            outcomes.append(error)
            continue
        outcomes.append(new)
        if new:
            _add_rows(rows, batch, new)
            _write_beside(connection, batch, new)
    for statement, values in _in_chunks(_INSERT, _INSERT_COLUMNS, rows):
        connection.execute(statement, values)
    return outcomes


def _known(
    connection: sqlite3.Connection, batches: Sequence[NewBatch]
) -> dict[tuple[str, int], dict[int, bytes]]:
    """Return the stored values of the batches' readings, and maybe of others, by device and boot, by seq."""
    known: dict[tuple[str, int], dict[int, bytes]] = {(batch.device, batch.boot): {} for batch in batches}
    wanted: list[Any] = []
    for batch in batches:
        device, boot = batch.device, batch.boot
        seqs = [reading.seq for reading in batch.readings]
        # a device numbers its readings without gaps, and one range is found faster than each of its numbers
        if len(seqs) > 1 and max(seqs) - min(seqs) < 2 * len(seqs):
            found = connection.execute(_SELECT_RANGE, (device, boot, min(seqs), max(seqs)))
            known[device, boot].update(found)
        else:
            for seq in seqs:
                wanted += (device, boot, seq)
    for statement, parameters in _in_chunks(_SELECT_KNOWN, _SELECT_COLUMNS, wanted):
        for device, boot, seq, values_json in connection.execute(statement, parameters):
            known[device, boot][seq] = values_json
    return known


def _new_of(batch: NewBatch, known: dict[int, bytes]) -> tuple[NewReading, ...]:
    """Return the readings that are not known, and from now on are. Raises IdentityConflictError."""
    new = []
    for reading in batch.readings:
        stored = known.get(reading.seq)
        if stored is None:
            new.append(reading)
        elif stored != reading.values_json:
            raise IdentityConflictError(reading.seq)
    # a later request of the same transaction may send them again
    known.update({reading.seq: reading.values_json for reading in new})
    return tuple(new)


def _add_rows(rows: list[Any], batch: NewBatch, new: tuple[NewReading, ...]) -> None:
    """Add the columns of each new reading."""
    device, boot, received_at_ns = batch.device, batch.boot, batch.received_at_ns
    traceparent = format_traceparent(batch.trace) if batch.trace else None
    common = batch_checksum(device, boot, received_at_ns, traceparent)
    for reading in new:
        seq, timestamp_ns, values_json = reading.seq, reading.timestamp_ns, reading.values_json
        checksum = continued_checksum(common, seq, timestamp_ns, values_json)
        rows += (device, boot, seq, received_at_ns, timestamp_ns, values_json, traceparent, checksum)


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


_ROWS_A_STATEMENT = 32
"""Each statement gives up the interpreter's lock; more in one gain nothing (SQLite 3.40: 2.7 us a row with 1,
2.1 with 8, 1.9 with 32, 1.8 with 64)."""
_SELECT_COLUMNS, _INSERT_COLUMNS = 3, 8
_SELECT_RANGE = (
    "SELECT seq, channel_values FROM reading WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ?"
)
_SELECT_KNOWN = (
    "WITH sent (device, boot, seq) AS (VALUES {}) SELECT device, boot, seq, channel_values"
    " FROM sent CROSS JOIN reading USING (device, boot, seq)"
)
_INSERT = (
    "INSERT INTO reading"
    " (device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent, checksum) VALUES {}"
)


def _in_chunks(template: str, columns: int, values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield statements that have up to `_ROWS_A_STATEMENT` rows as their VALUES, and their parameters."""
    for start in range(0, len(values), columns * _ROWS_A_STATEMENT):
        chunk = values[start : start + columns * _ROWS_A_STATEMENT]
        yield _statement(template, len(chunk) // columns, columns), chunk


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
    if not is_reading_sound(row[:-1], checksum):
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
