"""The gateway's journal: requests that are to be passed on, in one SQLite file.

Rules: `add` returns when the request is on disk (WAL with `synchronous=FULL` syncs at each commit). A request
is kept until every outlet it was added for is done with it: an outlet is a way out, `http` or `mqtt`. What an
outlet is refused for good goes to the `refused` table, where a person finds it, and so does a request whose
checksum is wrong: it is not passed on. The size is bounded: a full journal takes nothing more and forgets
nothing.

What it does not do: look into requests, or know what an outlet is.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unobridge import journal_file
from unobridge.instant import Instant, this_instant
from unobridge.journal_file import checksum_of

BYTES_MAX = 256 << 20
"""A year of a reading a minute, by default; an SD card hardly notices."""
DAMAGED = "damaged on this computer's disk"
"""Why a request was put aside, if no outlet has refused it."""

_COLUMNS = "id, device, tag, body, received_ns, clock, clock_ns, checksum"
_TYPES = [int, str, str, bytes, int, str, int, int]
# only names of columns are put into these texts
_PENDING = f"SELECT {_COLUMNS} FROM pending JOIN request ON id = request_id WHERE outlet = ?"  # noqa: S608
_OLDEST = f"{_PENDING} ORDER BY request_id LIMIT 1"
_NOBODYS = f"SELECT {_COLUMNS} FROM request WHERE NOT EXISTS (SELECT * FROM pending WHERE request_id = id)"  # noqa: S608
_REFUSE = "INSERT INTO refused (outlet, device, tag, body, received_ns, reason) VALUES (?, ?, ?, ?, ?, ?)"


class JournalUnavailableError(Exception):
    """Nothing can be put on disk now; a later try may succeed."""


@dataclass(frozen=True)
class Held:
    """A request in the journal."""

    number: int
    device: str
    tag: str
    body: bytes
    received: Instant


@dataclass(frozen=True)
class Backlog:
    """What waits for an outlet."""

    requests: int
    oldest_s: float
    """Since the oldest was received, in seconds; 0 if there is none, or it is damaged."""


class _Readable:
    """What can be asked of a journal that is open, for writing or not."""

    _connection: sqlite3.Connection
    _lock: threading.Lock

    def refused(self) -> list[tuple[str, str, str, bytes]]:
        """Return what was put aside, as (outlet, device, reason, body), oldest first."""
        with self._reading() as connection:
            rows = connection.execute("SELECT outlet, device, reason, body FROM refused ORDER BY id")
            return [
                (str(outlet), str(device), str(reason), _bytes(body)) for outlet, device, reason, body in rows
            ]

    def backlog(self) -> dict[str, Backlog]:
        """Return what waits, by outlet."""
        now = this_instant()
        with self._reading() as connection:
            counts = connection.execute("SELECT outlet, count(*) FROM pending GROUP BY outlet").fetchall()
            oldest = {outlet: connection.execute(_OLDEST, (outlet,)).fetchone() for outlet, _ in counts}
        held = {outlet: _held(row) if row else None for outlet, row in oldest.items()}
        return {
            outlet: Backlog(count, one.received.elapsed_ns(now) / 1e9 if (one := held[outlet]) else 0.0)
            for outlet, count in counts
        }

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalUnavailableError(str(error)) from error


class Reader(_Readable):
    """A journal that is looked at, while a gateway may be at work on it.

    Args:
        path: the file.

    Raises:
        JournalError: there is none, or it is another program's file.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = journal_file.open_for_reading(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Journal(_Readable):
    """An open journal; safe to use from several threads.

    Args:
        path: the file; it is created if it is missing, its folder is not.
        bytes_max: its greatest size.
        tell: is told, in one line, of damage that was found.

    Raises:
        JournalError: it cannot be opened, or is another program's file.
    """

    def __init__(
        self, path: Path, *, bytes_max: int = BYTES_MAX, tell: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tell = tell
        self._sole = journal_file.claim(path)
        try:
            self._connection = journal_file.open_for_writing(path, bytes_max)
        except BaseException:
            self._sole.close()
            raise
        self._files = [path, path.with_name(path.name + "-wal")]
        self._identities = self._identities_now()
        self.news = threading.Event()
        """Set whenever something has been added; whoever waits for it clears it."""
        self._set_aside_what_nobody_waits_for()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
            self._sole.close()

    def add(self, device: str, tag: str, body: bytes, outlets: Collection[str], received: Instant) -> None:
        """Put a request on disk; one that is there already stays as it is.

        Raises:
            JournalUnavailableError: nothing has been stored.
        """
        with self._transaction() as connection:
            _insert(connection, Held(0, device, tag, body, received), outlets)
        self.news.set()

    def next(self, outlet: str, without: Collection[str] = ()) -> Held | None:
        """Return the oldest request of an outlet that is not of one of some devices.

        Raises:
            JournalUnavailableError: it cannot be read, or one before it is damaged and cannot be put aside.
        """
        marks = ",".join("?" * len(without))
        while True:
            with self._reading() as connection:
                row = connection.execute(
                    f"{_PENDING} AND device NOT IN ({marks}) ORDER BY request_id LIMIT 1", (outlet, *without)
                ).fetchone()
            if row is None:
                return None
            held = _held(row)
            if held is not None:
                return held
            self._set_aside(row)

    def after(self, outlet: str, number: int, count: int) -> list[Held]:
        """Return the requests of an outlet behind one, oldest first, at most `count`.

        Raises:
            JournalUnavailableError: as `next` does.
        """
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    f"{_PENDING} AND request_id > ? ORDER BY request_id LIMIT ?", (outlet, number, count)
                ).fetchall()
            found = [_held(row) for row in rows]
            sound = [held for held in found if held is not None]
            if len(sound) == len(found):
                return sound
            for row, held in zip(rows, found, strict=True):
                if held is None:
                    self._set_aside(row)

    def done(self, outlet: str, number: int) -> None:
        """Let an outlet be done with a request.

        Raises:
            JournalUnavailableError: it will come again.
        """
        with self._transaction() as connection:
            _finish(connection, outlet, number)

    def split(self, outlet: str, held: Held, parts: Sequence[tuple[str, bytes]]) -> None:
        """Put requests, as (tag, body), in the place of one that an outlet has refused as a whole.

        They take its turn as far as the order within the device goes: what came later is put behind them.

        Raises:
            JournalUnavailableError: nothing has changed.
        """
        with self._transaction() as connection:
            later = connection.execute(
                f"{_PENDING} AND device = ? AND id > ? ORDER BY id", (outlet, held.device, held.number)
            ).fetchall()
            _finish(connection, outlet, held.number)
            for tag, body in parts:
                _insert(connection, Held(0, held.device, tag, body, held.received), [outlet])
            for row in later:
                next_held = _held(row)
                # a damaged one stays where it is, in front: it is put aside when its turn comes
                if next_held is not None:
                    _requeue(connection, outlet, next_held)
        self.news.set()

    def refuse(self, outlet: str, held: Held, reason: str) -> None:
        """Put a request aside that an outlet will never take.

        Raises:
            JournalUnavailableError: nothing has changed.
        """
        with self._transaction() as connection:
            kept = (held.device, held.tag, held.body, held.received.wall_ns)
            connection.execute(_REFUSE, (outlet, *kept, reason))
            _finish(connection, outlet, held.number)

    def _identities_now(self) -> list[tuple[int, int] | None]:
        return [journal_file.identity(one) for one in self._files]

    def _set_aside(self, row: Sequence[Any]) -> None:
        """Put a damaged request aside for every outlet that waits for it; that none does is damage, too."""
        number, device, tag, body, received_ns, *_ = row
        kept = (str(device), str(tag), _bytes(body), received_ns if isinstance(received_ns, int) else 0)
        with self._transaction() as connection:
            for outlet in _outlets_of(connection, number) or [""]:
                connection.execute(_REFUSE, (outlet, *kept, DAMAGED))
                _finish(connection, outlet, number)
        self._tell(f"{device}: a request in the journal is damaged; it is kept aside")

    def _set_aside_what_nobody_waits_for(self) -> None:
        try:
            with self._reading() as connection:
                rows = connection.execute(_NOBODYS).fetchall()
            for row in rows:
                self._set_aside(row)
        except JournalUnavailableError as error:
            # the sound requests go on their way, and the next start tries again
            self._tell(f"damage in the journal cannot be put aside: {error}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within a transaction that is on disk when it ends."""
        with self._lock:
            if None in self._identities or self._identities != self._identities_now():
                raise JournalUnavailableError("a file of the journal was replaced or removed while in use")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise JournalUnavailableError(str(error)) from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _held(row: Sequence[Any]) -> Held | None:
    """Return a request as it was read, or None if it is not what was stored.

    A flipped bit in the head of a row makes another type of a value, or none.
    """
    number, device, tag, body, wall_ns, clock, clock_ns, checksum = row
    if [type(value) for value in row] != _TYPES:
        return None
    if checksum_of(device, tag, body, wall_ns, clock, clock_ns) != checksum:
        return None
    return Held(number, device, tag, body, Instant(wall_ns, clock, clock_ns))


def _bytes(stored: object) -> bytes:
    """Return what was stored as bytes, whatever a flipped bit has made of it."""
    return stored if isinstance(stored, bytes) else str(stored).encode()


def _insert(connection: sqlite3.Connection, held: Held, outlets: Collection[str]) -> None:
    received = held.received
    stored = (held.device, held.tag, held.body, received.wall_ns, received.clock, received.clock_ns)
    connection.execute(
        "INSERT INTO request (device, tag, body, received_ns, clock, clock_ns, checksum)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (*stored, checksum_of(*stored)),
    )
    connection.executemany(
        "INSERT INTO pending SELECT ?, id FROM request WHERE device = ? AND tag = ? ON CONFLICT DO NOTHING",
        [(outlet, held.device, held.tag) for outlet in outlets],
    )


def _finish(connection: sqlite3.Connection, outlet: str, number: int) -> None:
    connection.execute("DELETE FROM pending WHERE outlet = ? AND request_id = ?", (outlet, number))
    connection.execute(
        "DELETE FROM request WHERE id = ? AND NOT EXISTS (SELECT * FROM pending WHERE request_id = id)",
        (number,),
    )


def _outlets_of(connection: sqlite3.Connection, number: int) -> list[str]:
    """Return who waits for a request."""
    rows = connection.execute("SELECT outlet FROM pending WHERE request_id = ?", (number,))
    return [outlet for (outlet,) in rows]


def _requeue(connection: sqlite3.Connection, outlet: str, held: Held) -> None:
    """Move a request behind all others; other outlets that have yet to take it move with it."""
    outlets = _outlets_of(connection, held.number)
    for name in outlets:
        _finish(connection, name, held.number)
    _insert(connection, held, outlets or [outlet])
