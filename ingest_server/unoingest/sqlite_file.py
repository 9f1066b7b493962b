"""Opening the store's SQLite file: settings, version, upgrade, and what is said when it cannot be opened.

The version is in SQLite's `user_version`; `application_id` tells our file from other programs' databases.
A file of an older version is upgraded when it is opened for writing, one step and one transaction at a time
(`unoingest.migrations`); a reader refuses it, because a reader changes nothing. One of a newer version is
refused by both.
Reading and writing readings is the business of `unoingest.store`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from unoingest.checksum import reading_checksum
from unoingest.errors import StoreError
from unoingest.migrations import MIGRATIONS

APPLICATION_ID = 0x756E6F6C  # "unol"
SCHEMA_VERSION = len(MIGRATIONS)
BUSY_TIMEOUT_MS = 1000
_UNSOUND = "The file is not a sound SQLite database; choose another file or restore it."


def open_database(path: Path, busy_timeout_ms: int, *, sync_commits: bool = True) -> sqlite3.Connection:
    """Return a writing connection in autocommit mode; a missing file is created and made durable.

    Args:
        path: The file.
        busy_timeout_ms: How long a statement waits for another process's lock, milliseconds.
        sync_commits: Whether each commit is on disk when it returns. Without, a power cut may undo the last
            ones, but breaks nothing (SQLite, PRAGMA synchronous).

    Raises:
        StoreError: as documented at `unoingest.store.SqliteStore`.
    """
    with _mapped_errors(path):
        connection = sqlite3.connect(
            # absolute, or the name ":memory:" would be a store that is not on disk
            path.absolute(),
            timeout=busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # the version comes first: WAL mode would already change a file that is not ours
            _version(connection, path)
            # and before the upgrade, which is durable like everything else
            _use_write_ahead_log(connection, path)
            connection.execute(f"PRAGMA synchronous = {'FULL' if sync_commits else 'NORMAL'}")
            # a file that can only be read fails here, not at the first reading
            _upgrade(connection, path)
            _sync_directory(path)
        except BaseException:
            connection.close()
            raise
        return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to an existing store, to be used by one thread at a time.

    Raises:
        StoreError: as documented at `unoingest.store.read_readings`.
    """
    with _mapped_errors(path):
        if not path.exists():
            raise StoreError(f"no store at {str(path)!r}", "Name the file given to `unoingest serve`.")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            version = _version(connection, path)
        except BaseException:
            connection.close()
            raise
        if version != SCHEMA_VERSION:
            connection.close()
            state = "is empty" if version == 0 else f"has version {version}, an older one"
            raise StoreError(f"the store at {str(path)!r} {state}", "Start `unoingest serve` on it.")
        return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version, 0 for an empty file. Raises StoreError for any file we must not touch."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id == 0 and version == 0 and tables == 0:
        return 0
    if application_id != APPLICATION_ID:
        raise StoreError(f"{str(path)!r} is another program's database", "Choose another file.")
    if not 0 < version <= SCHEMA_VERSION:
        raise StoreError(
            f"the store at {str(path)!r} has version {version}, this program knows {SCHEMA_VERSION} at most",
            "Use the unolink release that wrote it, or a newer one.",
        )
    return int(version)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Take the steps that the file lacks; a step is in the file whole or not at all."""
    connection.create_function("reading_checksum", 7, reading_checksum, deterministic=True)
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # read again behind the lock: another process may have taken a step since
            version = _version(connection, path)
            if version == SCHEMA_VERSION:
                return
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL mode. SQLite does not raise where it cannot, it stays in the mode it was in."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"the store {str(path)!r} cannot have a write-ahead log",
            "Put it on a local file system (not a network one), and look for disk errors.",
        )


def _sync_directory(path: Path) -> None:
    """Make the file's name durable: a file whose directory entry is lost in a power cut is lost."""
    descriptor = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _mapped_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"cannot open the store {str(path)!r}: {error}", _hint(error)) from error
    except OSError as error:
        raise StoreError(
            f"cannot open the store {str(path)!r}: {error.strerror}", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        # SQLite quotes the damaged place in its message, which Python's module then cannot read
        raise StoreError(f"cannot open the store {str(path)!r}: its schema is damaged", _UNSOUND) from error


def _hint(error: sqlite3.DatabaseError) -> str:
    # extended result codes carry the primary one in the low byte (SQLite, Result and Error Codes)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return _UNSOUND
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "The file or its directory is not writable by this user."
        case sqlite3.SQLITE_BUSY:
            return "Another process holds the file's lock; only one server may use a store."
        case sqlite3.SQLITE_FULL:
            return "The disk is full."
        case _:
            return "Check that the directory exists and is writable by this user."
