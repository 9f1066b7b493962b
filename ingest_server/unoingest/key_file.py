"""The keys of devices and clients, in a file of their own beside the store.

A file of its own, because a copy of the readings is for colleagues and a copy of the keys is for nobody, and
because a change of it can be seen at each request for the price of two system calls (`unoingest.key_ring`).
It is SQLite with a rollback journal, and only its owner can read it.

Rules: a device's key is stored as it is, because both ends need it; of a bearer key only the
SHA-256 is stored. A revoked key stays, so that its
holder can be told apart from a stranger. A name has at most two live keys.
Keys are never logged; an error names a key by its id, the first 8 hexadecimal digits of its SHA-256.
"""

import contextlib
import enum
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unoingest.errors import KeyFileError
from unoingest.signature import KEY_BYTES, encode_key

APPLICATION_ID = 0x756E6F6B  # "unok"
SCHEMA_VERSION = 1
LIVE_KEYS_MAX = 2
BUSY_TIMEOUT_S = 5.0
OTHERS = 0o007

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS key (
    name          TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    key_id        TEXT    NOT NULL,
    secret        BLOB    NOT NULL UNIQUE,
    created_at_ns INTEGER NOT NULL,
    revoked_at_ns INTEGER,
    PRIMARY KEY (name, key_id)
) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class Kind(enum.Enum):
    """What the holder of a key may do."""

    DEVICE = "device"
    """Post readings in its own name, signed."""
    BEARER = "bearer"
    """Post readings in its own name, with the key as a bearer token."""
    READER = "reader"
    """Read everybody's readings, with the key as a bearer token."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key; its repr does not show the secret.

    Args:
        name: Name of the device or client, 1..32 characters.
        kind: What it may do.
        key_id: 8 hexadecimal digits.
        created_at_ns: Nanoseconds since the Unix epoch.
        revoked_at_ns: The same, or None while the key is live.
        secret: The key itself for a device, else its SHA-256.
    """

    name: str
    kind: Kind
    key_id: str
    created_at_ns: int
    revoked_at_ns: int | None
    secret: bytes

    def __repr__(self) -> str:
        """Return everything but the secret."""
        state = "live" if self.revoked_at_ns is None else "revoked"
        return f"StoredKey({self.name!r}, {self.kind.name}, {self.key_id}, {state})"


def key_path(database: Path) -> Path:
    """Return where the keys of the store at `database` are kept."""
    return database.with_name(database.name + "-keys")


def secret_of(kind: Kind, key: bytes) -> bytes:
    """Return what is stored of a key."""
    return key if kind is Kind.DEVICE else hashlib.sha256(key).digest()


class KeyFile:
    """Reads and changes the file; each call is one transaction, on disk when it returns.

    Args:
        path: Created by the first key that is added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, name: str, kind: Kind, at_ns: int, key: bytes | None = None) -> tuple[StoredKey, str]:
        """Give a new name its first key, or a name whose keys are all revoked a new one.

        Args:
            name: Valid, 1..32 characters.
            kind: What it may do.
            at_ns: Present time, nanoseconds since the Unix epoch.
            key: A key that was drawn elsewhere, 32 bytes, or None to draw one.

        Returns:
            The stored key, and its text, which cannot be had again.

        Raises:
            KeyFileError: the name has a live key or is of another kind, or the file cannot be used.
        """
        with self._changing() as connection:
            keys = _keys_of(connection, name)
            if any(one.revoked_at_ns is None for one in keys):
                raise KeyFileError(
                    f"{name} has a key already", f"Give it another one: devices rotate {name}."
                )
            return _insert(connection, keys, StoredKey(name, kind, "", at_ns, None, b""), key)

    def rotate(self, name: str, at_ns: int, key: bytes | None = None) -> tuple[StoredKey, str]:
        """Give a name a second live key; arguments, results and errors are those of `add`."""
        with self._changing() as connection:
            keys = _keys_of(connection, name)
            live = [one for one in keys if one.revoked_at_ns is None]
            if not live:
                raise KeyFileError(f"{name} has no live key", f"Give it one: devices add {name}.")
            if len(live) >= LIVE_KEYS_MAX:
                raise KeyFileError(
                    f"{name} has two live keys already",
                    f"Revoke the old one: devices revoke {name} --key {live[0].key_id}.",
                )
            return _insert(connection, keys, StoredKey(name, live[0].kind, "", at_ns, None, b""), key)

    def revoke(self, name: str, at_ns: int, key_id: str | None = None) -> Sequence[StoredKey]:
        """Revoke a name's live keys, or the one with this id, and return what was revoked.

        Raises:
            KeyFileError: there is no such live key, or the file cannot be used.
        """
        with self._changing() as connection:
            live = [
                key
                for key in _keys_of(connection, name)
                if key.revoked_at_ns is None and key_id in (None, key.key_id)
            ]
            if not live:
                which = "no live key" if key_id is None else f"no live key {key_id}"
                raise KeyFileError(f"{name} has {which}", "See what there is: devices list.")
            connection.executemany(
                "UPDATE key SET revoked_at_ns = ? WHERE name = ? AND key_id = ?",
                [(at_ns, name, key.key_id) for key in live],
            )
            return live

    def read_all(self) -> Sequence[StoredKey]:
        """Return every key by name and age; none if there is no file yet.

        Raises:
            KeyFileError: the file cannot be read.
        """
        if not self._path.exists():
            return ()
        with self._opened() as connection:
            return _select(connection, "ORDER BY name, created_at_ns, rowid")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file, which is made with its schema if it is not there. Maps every error."""
        path = str(self._path)
        try:
            # the mode first: SQLite would make a file that the umask lets others read
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if os.stat(path).st_mode & OTHERS:  # noqa: PTH116 - a pair with the line above
                raise KeyFileError(f"others can read the keys in {path!r}", f"Close it: chmod 600 {path}")
            connection = sqlite3.connect(self._path.absolute(), timeout=BUSY_TIMEOUT_S, isolation_level=None)
            with contextlib.closing(connection):
                # EXTRA: that the journal is gone is on disk, too, so a revoked key stays revoked
                connection.execute("PRAGMA synchronous = EXTRA")
                _check_schema(connection, path)
                yield connection
        except sqlite3.Error as error:
            raise KeyFileError(
                f"cannot use the keys in {path!r}: {error}", "Check the file and the disk."
            ) from error
        except OSError as error:
            raise KeyFileError(
                f"cannot open the keys in {path!r}: {error.strerror}",
                "Run as the user that `unoingest serve` runs as, and check the directory.",
            ) from error


def _check_schema(connection: sqlite3.Connection, path: str) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if (application_id, version, tables) == (0, 0, 0):
        try:
            connection.executescript(_SCHEMA)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    elif (application_id, version) != (APPLICATION_ID, SCHEMA_VERSION):
        raise KeyFileError(
            f"{path!r} holds no keys of this version", "Use the unolink release that wrote it."
        )


def _keys_of(connection: sqlite3.Connection, name: str) -> list[StoredKey]:
    return _select(connection, "WHERE name = ? ORDER BY created_at_ns, rowid", name)


def _select(connection: sqlite3.Connection, rest: str, *values: str) -> list[StoredKey]:
    rows = connection.execute(
        f"SELECT name, kind, key_id, created_at_ns, revoked_at_ns, secret FROM key {rest}",  # noqa: S608 - ours
        values,
    )
    return [StoredKey(name, Kind(kind), *others) for name, kind, *others in rows]


def _insert(
    connection: sqlite3.Connection, keys: Sequence[StoredKey], new: StoredKey, key: bytes | None
) -> tuple[StoredKey, str]:
    if any(one.kind is not new.kind for one in keys):
        raise KeyFileError(f"{new.name} is a {keys[0].kind.value}", "Choose another name.")
    key = secrets.token_bytes(KEY_BYTES) if key is None else key
    stored = StoredKey(
        new.name,
        new.kind,
        hashlib.sha256(key).hexdigest()[:8],
        new.created_at_ns,
        None,
        secret_of(new.kind, key),
    )
    try:
        connection.execute(
            "INSERT INTO key (name, kind, key_id, secret, created_at_ns) VALUES (?, ?, ?, ?, ?)",
            (stored.name, stored.kind.value, stored.key_id, stored.secret, stored.created_at_ns),
        )
    except sqlite3.IntegrityError as error:
        raise KeyFileError(
            f"key {stored.key_id} was given out before", "Draw another one: each key is for one holder, once."
        ) from error
    return stored, encode_key(key)
