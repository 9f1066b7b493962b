"""Opening the store's SQLite file: settings, schema, version, and what is said when it cannot be opened.

The version is in SQLite's `user_version`; `application_id` tells our file from other programs' databases.
Reading and writing readings is the business of `unoingest.store`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from unoingest.errors import StoreError

APPLICATION_ID = 0x756E6F6C  # "unol"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 1000

_SCHEMA = """
CREATE TABLE reading (
    device         TEXT    NOT NULL,
    boot           INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    received_at_ns INTEGER NOT NULL,
    timestamp_ns   INTEGER NOT NULL,
    channel_values BLOB    NOT NULL,
    log_line       BLOB    NOT NULL,
    PRIMARY KEY (device, boot, seq)
) STRICT;
CREATE TABLE probe (filler BLOB NOT NULL) STRICT;
"""


def open_database(path: Path, busy_timeout_ms: int) -> sqlite3.Connection:
    """Return a writing connection in autocommit mode; a missing file is created and made durable.

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
            if _version(connection, path) == 0:
                _create(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            # a file that can only be read fails here, not at the first reading
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            _sync_directory(path)
        except BaseException:
            connection.close()
            raise
        return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to an existing store.

    Raises:
        StoreError: as documented at `unoingest.store.read_readings`.
    """
    with _mapped_errors(path):
        if not path.exists():
            raise StoreError(f"no store at {str(path)!r}", "Name the file given to `unoingest serve`.")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            version = _version(connection, path)
        except BaseException:
            connection.close()
            raise
        if version == 0:
            connection.close()
            raise StoreError(f"the store at {str(path)!r} is empty", "Start `unoingest serve` on it.")
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
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"the store at {str(path)!r} has version {version}, this program reads version {SCHEMA_VERSION}",
            "Use the unolink release that wrote it, or a newer one.",
        )
    return SCHEMA_VERSION


def _create(connection: sqlite3.Connection) -> None:
    """Create the schema in one transaction: a file has all of it or none."""
    connection.executescript(
        f"BEGIN IMMEDIATE; {_SCHEMA}"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
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


def _hint(error: sqlite3.DatabaseError) -> str:
    # extended result codes carry the primary one in the low byte (SQLite, Result and Error Codes)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return "The file is not a sound SQLite database; choose another file or restore it."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "The file or its directory is not writable by this user."
        case sqlite3.SQLITE_BUSY:
            return "Another process holds the file's lock; only one server may use a store."
        case sqlite3.SQLITE_FULL:
            return "The disk is full."
        case _:
            return "Check that the directory exists and is writable by this user."
