"""The file of device keys: one line a key, `DEVICE KEY`, for this user's eyes only.

A device may have several lines, as during a change of its key; each of them is right. Lines that begin with
`#` are for people. A gateway notices when the file changes.

Rules: the file is replaced in one step and synced, so that a power cut leaves the old or the new one.
Messages never show a key.
"""

import os
import tempfile
import threading
from pathlib import Path

import click

from unobridge.errors import BridgeError
from unobridge.signing import DEVICE, key_text, parse_key

DEFAULT_PATH = Path(click.get_app_dir("unobridge")) / "keys"


class KeyFileError(BridgeError):
    """The file of keys cannot be used."""


class Keys:
    """The keys of a file; one that does not exist yet holds none.

    Args:
        path: the file.

    Raises:
        KeyFileError: it cannot be read, or holds a line that is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, list[bytes]] = {}
        self._look()

    def of(self, device: str) -> list[bytes]:
        """Return the keys of a device; none for one that is not known.

        Raises:
            KeyFileError: the file has changed, and is no good any more.
        """
        with self._lock:
            self._look()
            return list(self._keys.get(device, ()))

    def devices(self) -> list[str]:
        """Return the names of all devices."""
        with self._lock:
            return sorted(self._keys)

    def add(self, device: str, key: bytes) -> None:
        """Add a key of a device, on disk.

        Raises:
            KeyFileError: the file cannot be written.
        """
        with self._lock:
            self._look()
            text = self._path.read_text() if self._path.exists() else ""
            ending = "" if not text or text.endswith("\n") else "\n"
            try:
                _replace(self._path, f"{text}{ending}{device} {key_text(key)}\n")
            except OSError as error:
                raise KeyFileError(
                    f"cannot write {self._path}: {error.strerror}",
                    hint="name a file in a folder you may write to: --keys",
                ) from error
            self._look()

    def _look(self) -> None:
        """Read the file if it has changed since the last look."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            self._stamp, self._keys = None, {}
            return
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise KeyFileError(
                f"cannot read {self._path}: {reason}", hint="name the file with --keys"
            ) from error
        self._keys = _parse(self._path, text)
        self._stamp = stamp


def _parse(path: Path, text: str) -> dict[str, list[bytes]]:
    keys: dict[str, list[bytes]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        device, _, written = line.strip().partition(" ")
        key = parse_key(written.strip())
        if not DEVICE.fullmatch(device) or key is None:
            raise KeyFileError(
                f"{path}:{number}: not a device and its key", hint="write NAME, a space, and 43 characters"
            )
        keys.setdefault(device, []).append(key)
    return keys


def _replace(path: Path, text: str) -> None:
    """Put a text in the place of a file, readable by this user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
