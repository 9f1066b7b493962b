"""The keys as a running server uses them: in memory, and as fresh as the file at each question.

A key that is revoked while the server runs counts for nothing from the next request on. The file tells at the
price of two system calls: SQLite raises the file change counter, bytes 24 to 27, in each transaction that
changes a file with a rollback journal (SQLite, Database File Format, section 1.3.6), and the inode changes
when another file is put in its place.

Secrets are compared in constant time, and a name that is not known costs as much as one that is.
"""

import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from unoingest.errors import KeyFileError, StoreUnavailableError
from unoingest.key_file import KeyFile, Kind, StoredKey
from unoingest.signature import KEY_BYTES, Signer, decode_key

_CHANGE_COUNTER_OFFSET, _CHANGE_COUNTER_BYTES = 24, 4

_Mark = tuple[int, int, bytes]


class SigningKey(msgspec.Struct, frozen=True):
    """A device's key, ready for use.

    Args:
        key_id: 8 hexadecimal digits.
        is_revoked: Whether it counts for nothing any more.
        signer: Makes its tags.
    """

    key_id: str
    is_revoked: bool
    signer: Signer


# stands in for the keys of a name that is not known
_NOBODY = (SigningKey("", is_revoked=True, signer=Signer(secrets.token_bytes(KEY_BYTES))),)


@dataclass(frozen=True, slots=True)
class Keys:
    """What was in the file when it had this mark; no mark, no file."""

    mark: _Mark | None
    signing: Mapping[str, Sequence[SigningKey]]
    bearers: Mapping[bytes, StoredKey]
    names: frozenset[str]

    def signing_keys(self, device: str) -> Sequence[SigningKey]:
        """Return the keys with which `device` may have signed, live ones first, newest first.

        A device that is not known has one all the same, which nobody holds.
        """
        return self.signing.get(device, _NOBODY)

    def bearer(self, token: str) -> StoredKey | None:
        """Return the key that this token is, revoked or not, or None if it is none."""
        try:
            digest = hashlib.sha256(decode_key(token)).digest()
        except ValueError:
            return None
        found = self.bearers.get(digest)
        return found if found is not None and hmac.compare_digest(found.secret, digest) else None

    def knows(self, name: str) -> bool:
        """Tell whether the name has or had a key."""
        return name in self.names


_NO_KEYS = Keys(None, {}, {}, frozenset())


class KeyRing:
    """Reads the file again when it has changed. Safe to use from several threads.

    Args:
        path: The key file, which may come later; or None for a server that knows no keys.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._keys = _NO_KEYS

    def fresh(self) -> Keys:
        """Return the keys as they are in the file now.

        Raises:
            StoreUnavailableError: they cannot be read now.
        """
        try:
            with self._lock:
                if self._keys.mark != self._mark():
                    self._load()
                return self._keys
        except (OSError, KeyFileError) as error:
            raise StoreUnavailableError("the keys cannot be read") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._forget()

    def _mark(self) -> _Mark | None:
        """Return what the file's mark is now, or None if there is no file."""
        if self._path is None:
            return None
        try:
            status = os.stat(self._path)  # noqa: PTH116 - half of Path.stat's cost, at each request
        except FileNotFoundError:
            return None
        if self._descriptor is None:
            return status.st_dev, status.st_ino, b""
        counter = os.pread(self._descriptor, _CHANGE_COUNTER_BYTES, _CHANGE_COUNTER_OFFSET)
        return status.st_dev, status.st_ino, counter

    def _load(self) -> None:
        self._forget()
        if self._path is None:
            return
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return
        # the mark before the keys: a change between the two is found at the next question
        mark = self._mark()
        keys = KeyFile(self._path).read_all()
        signing: dict[str, list[SigningKey]] = {}
        for key in reversed(keys):
            if key.kind is Kind.DEVICE:
                ready = SigningKey(key.key_id, key.revoked_at_ns is not None, Signer(key.secret))
                signing.setdefault(key.name, []).append(ready)
        for of_device in signing.values():
            of_device.sort(key=lambda key: key.is_revoked)
        bearers = {key.secret: key for key in keys if key.kind is not Kind.DEVICE}
        self._keys = Keys(mark, signing, bearers, frozenset(key.name for key in keys))

    def _forget(self) -> None:
        # closing any descriptor of a file drops this process's locks on it (POSIX, fcntl), so this one is
        # closed before SQLite opens its own
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._keys = _NO_KEYS
