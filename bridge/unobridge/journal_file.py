"""The gateway's journal as a file: opened, locked, made or brought up to date, and on disk by its name.

Rules: one gateway at a time has it; a file that is not ours, or that cannot have a write-ahead log, is
refused before anything is promised. What is in it is the business of `journal`.
"""

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from unobridge.errors import BridgeError

APPLICATION_ID = 0x756E6A72  # "unjr"
VERSION = 2
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
    checksum    INTEGER NOT NULL,
    UNIQUE (device, tag)
) STRICT;
CREATE TABLE pending (
    outlet     TEXT    NOT NULL,
    request_id INTEGER NOT NULL REFERENCES request (id),
    PRIMARY KEY (outlet, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_of_request ON pending (request_id);
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


def checksum_of(  # noqa: PLR0917 - an SQL function has no names for its arguments
    device: str, tag: str, body: bytes, received_ns: int, clock: str, clock_ns: int
) -> int:
    """Return the checksum of a request (CRC-32): SQLite does not check the bytes of a value."""
    return zlib.crc32(body, zlib.crc32(f"{device}/{tag}/{received_ns}/{clock}/{clock_ns}/".encode()))


def claim(path: Path) -> sqlite3.Connection:
    """Return what keeps other gateways out: a lock that ends with the process, on any system."""
    with told(path):
        lock = sqlite3.connect(
            path.absolute().with_name(path.name + "-lock"),
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise JournalError(
                f"another unobridge uses the journal {path}", hint="end it, or choose another file: --journal"
            ) from error
    return lock


def open_for_writing(path: Path, bytes_max: int) -> sqlite3.Connection:
    """Return the file, ready for use from any thread, in autocommit mode."""
    with told(path):
        connection = sqlite3.connect(
            path.absolute(), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.text_factory = _text
            _prepare(connection, path)
            connection.execute(f"PRAGMA max_page_count = {max(1, bytes_max // PAGE_BYTES)}")
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return the file, which a gateway may be at work on."""
    with told(path):
        if not path.exists():
            raise JournalError(f"no journal at {path}", hint="name the gateway's file: --journal")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.text_factory = _text
            _check_ours(connection, path)
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
    _upgrade(connection)
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


def _upgrade(connection: sqlite3.Connection) -> None:
    """Give a journal of version 1 its checksums and its index."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, 1):
        return
    connection.create_function("checksum_of", 6, checksum_of, deterministic=True)
    connection.executescript(
        "BEGIN IMMEDIATE; ALTER TABLE request ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
        "UPDATE request SET checksum = checksum_of(device, tag, body, received_ns, clock, clock_ns);"
        "CREATE INDEX pending_of_request ON pending (request_id);"
        "PRAGMA user_version = 2; COMMIT;"
    )


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # which is then read and understood
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, VERSION):
        raise JournalError(
            f"{path} is no journal of this version of unobridge", hint="name another file: --journal"
        )


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say of the file into a JournalError."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # SQLite quotes what is damaged
        raise JournalError(
            f"cannot open the journal {path}: {error}",
            hint="name a file in a folder that exists and that you may write to: --journal",
        ) from error


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one in its place, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _text(stored: bytes) -> str:
    """Return a stored text; what a flipped bit has made of it is told by the checksum."""
    return stored.decode(errors="replace")
