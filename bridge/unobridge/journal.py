"""The gateway's journal: requests that are to be passed on, in one SQLite file.

Rules: `add` returns when the request is on disk (WAL with `synchronous=FULL` syncs at each commit). A request
is kept until every outlet it was added for is done with it: an outlet is a way out, `http` or `mqtt`. What an
outlet is refused for good goes to the `refused` table, where a person finds it. The size is bounded: a full
journal takes nothing more and forgets nothing.

What it does not do: look into requests, or know what an outlet is.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unobridge.errors import BridgeError
from unobridge.instant import Instant, this_instant

APPLICATION_ID = 0x756E6A72  # "unjr"
VERSION = 1
BYTES_MAX = 256 << 20
"""A year of a reading a minute, by default; an SD card hardly notices."""
PAGE_BYTES = 4_096
BUSY_TIMEOUT_S = 1.0

_SCHEMA = """
CREATE TABLE request (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    device      TEXT    NOT NULL,
    tag         TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    received_ns INTEGER NOT NULL,
    clock       TEXT    NOT NULL,
    clock_ns    INTEGER NOT NULL,
    UNIQUE (device, tag)
) STRICT;
CREATE TABLE pending (
    outlet     TEXT    NOT NULL,
    request_id INTEGER NOT NULL REFERENCES request (id),
    PRIMARY KEY (outlet, request_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    outlet      TEXT    NOT NULL,
    device      TEXT    NOT NULL,
    tag         TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    received_ns INTEGER NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
"""


class JournalError(BridgeError):
    """The journal cannot be opened."""


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
    """Since the oldest was received, in seconds; 0 if there is none."""


class _Readable:
    """What can be asked of a journal that is open, for writing or not."""

    _connection: sqlite3.Connection
    _lock: threading.Lock

    def refused(self) -> list[tuple[str, str, str, bytes]]:
        """Return what was put aside, as (outlet, device, reason, body), oldest first."""
        with self._reading() as connection:
            return list(connection.execute("SELECT outlet, device, reason, body FROM refused ORDER BY id"))

    def backlog(self) -> dict[str, Backlog]:
        """Return what waits, by outlet."""
        now = this_instant()
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT outlet, count(*), min(request_id) FROM pending GROUP BY outlet"
            ).fetchall()
            found = {}
            for outlet, count, oldest in rows:
                received = connection.execute(
                    "SELECT received_ns, clock, clock_ns FROM request WHERE id = ?", (oldest,)
                ).fetchone()
                found[outlet] = Backlog(count, Instant(*received).elapsed_ns(now) / 1e9)
        return found

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
        with _told(path):
            if not path.exists():
                raise JournalError(f"no journal at {path}", hint="name the gateway's file: --journal")
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                _check_ours(self._connection, path)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Journal(_Readable):
    """An open journal; safe to use from several threads.

    Args:
        path: the file; it is created if it is missing, its folder is not.
        bytes_max: its greatest size.

    Raises:
        JournalError: it cannot be opened, or is another program's file.
    """

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._sole = _claim(path)
        try:
            self._connection = _open(path, bytes_max)
        except BaseException:
            self._sole.close()
            raise
        self._files = [path, path.with_name(path.name + "-wal")]
        self._identities = [_identity(one) for one in self._files]
        self.news = threading.Event()
        """Set whenever something has been added; whoever waits for it clears it."""

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
        """Return the oldest request of an outlet that is not of one of some devices."""
        marks = ",".join("?" * len(without))
        with self._reading() as connection:
            row = connection.execute(
                "SELECT id, device, tag, body, received_ns, clock, clock_ns FROM pending"  # noqa: S608  # marks only
                " JOIN request ON id = request_id WHERE outlet = ?"
                f" AND device NOT IN ({marks}) ORDER BY request_id LIMIT 1",
                (outlet, *without),
            ).fetchone()
        return _held(row) if row else None

    def after(self, outlet: str, number: int, count: int) -> list[Held]:
        """Return the requests of an outlet behind one, oldest first, at most `count`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, device, tag, body, received_ns, clock, clock_ns FROM pending"
                " JOIN request ON id = request_id WHERE outlet = ? AND request_id > ?"
                " ORDER BY request_id LIMIT ?",
                (outlet, number, count),
            ).fetchall()
        return [_held(row) for row in rows]

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
                "SELECT id, device, tag, body, received_ns, clock, clock_ns FROM pending"
                " JOIN request ON id = request_id WHERE outlet = ? AND device = ? AND id > ? ORDER BY id",
                (outlet, held.device, held.number),
            ).fetchall()
            _finish(connection, outlet, held.number)
            for tag, body in parts:
                _insert(connection, Held(0, held.device, tag, body, held.received), [outlet])
            for row in later:
                _requeue(connection, outlet, _held(row))
        self.news.set()

    def refuse(self, outlet: str, held: Held, reason: str) -> None:
        """Put a request aside that an outlet will never take.

        Raises:
            JournalUnavailableError: nothing has changed.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO refused (outlet, device, tag, body, received_ns, reason)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (outlet, held.device, held.tag, held.body, held.received.wall_ns, reason),
            )
            _finish(connection, outlet, held.number)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within a transaction that is on disk when it ends."""
        with self._lock:
            if None in self._identities or self._identities != [_identity(one) for one in self._files]:
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


def _held(row: tuple[int, str, str, bytes, int, str, int]) -> Held:
    """Return a request as it was read."""
    number, device, tag, body, wall_ns, clock, clock_ns = row
    return Held(number, device, tag, body, Instant(wall_ns, clock, clock_ns))


def _insert(connection: sqlite3.Connection, held: Held, outlets: Collection[str]) -> None:
    received = held.received
    connection.execute(
        "INSERT INTO request (device, tag, body, received_ns, clock, clock_ns) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (held.device, held.tag, held.body, received.wall_ns, received.clock, received.clock_ns),
    )
    connection.executemany(
        "INSERT INTO pending SELECT ?, id FROM request WHERE device = ? AND tag = ? ON CONFLICT DO NOTHING",
        [(outlet, held.device, held.tag) for outlet in outlets],
    )


def _finish(connection: sqlite3.Connection, outlet: str, number: int) -> None:
    connection.execute("DELETE FROM pending WHERE outlet = ? AND request_id = ?", (outlet, number))
    connection.execute(
        "DELETE FROM request WHERE id = ? AND id NOT IN (SELECT request_id FROM pending)", (number,)
    )


def _requeue(connection: sqlite3.Connection, outlet: str, held: Held) -> None:
    """Move a request behind all others; other outlets that have yet to take it move with it."""
    outlets = [
        name
        for (name,) in connection.execute("SELECT outlet FROM pending WHERE request_id = ?", (held.number,))
    ]
    for name in outlets:
        _finish(connection, name, held.number)
    _insert(connection, held, outlets or [outlet])


def _claim(path: Path) -> sqlite3.Connection:
    """Return what keeps other gateways out: a lock that ends with the process, on any system."""
    with _told(path):
        claim = sqlite3.connect(
            path.absolute().with_name(path.name + "-lock"),
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            claim.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            claim.close()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise JournalError(
                f"another unobridge uses the journal {path}", hint="end it, or choose another file: --journal"
            ) from error
    return claim


def _open(path: Path, bytes_max: int) -> sqlite3.Connection:
    with _told(path):
        connection = sqlite3.connect(
            path.absolute(), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
            connection.execute(f"PRAGMA max_page_count = {max(1, bytes_max // PAGE_BYTES)}")
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the file ours if it is new; lock it, set it up, and put its name on disk."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables == 0:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA}"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
        )
    _check_ours(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":  # SQLite does not raise, it stays in the mode it was in
        raise JournalError(
            f"the journal {path} cannot have a write-ahead log",
            hint="put it on a local file system (not a network one), and look for disk errors: --journal",
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
    if os.name == "posix":
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name of a new file is lost in a power cut otherwise
        finally:
            os.close(folder)


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # which is then read and understood
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, VERSION):
        raise JournalError(
            f"{path} is no journal of this version of unobridge", hint="name another file: --journal"
        )


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # SQLite quotes what is damaged
        raise JournalError(
            f"cannot open the journal {path}: {error}",
            hint="name a file in a folder that exists and that you may write to: --journal",
        ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one in its place, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
