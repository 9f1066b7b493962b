"""What a person can repair, and what ends a connection to a board.

`UserError` and `UsageError` come from unosim: a message of one line, a hint of one line, an exit code (1
failed, 2 wrong usage). A command wraps what it does in `reported`.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from unosim.errors import UsageError, UserError
from unosim.errors import reported as reported_by

__all__ = [
    "BridgeError",
    "PortError",
    "PortLostError",
    "UsageError",
    "UserError",
    "check_writable",
    "reported",
]


class BridgeError(UserError):
    """The bridge cannot do what was asked for."""


class PortError(BridgeError):
    """A serial port cannot be opened."""


class PortLostError(Exception):
    """An open serial port has gone: unplugged, renamed, asleep, or taken by another program."""


def reported() -> AbstractContextManager[None]:
    """Turn an error that a person can repair into two lines and an exit code."""
    return reported_by("unobridge")


def check_writable(path: Path, flag: str) -> None:
    """Make sure that a file can be written, before anything is done whose outcome is to go there.

    Raises:
        BridgeError: it cannot.
    """
    try:
        path.open("ab").close()
    except OSError as error:
        raise BridgeError(
            f"cannot write {path}: {error.strerror}", hint=f"name a file in a folder you may write to: {flag}"
        ) from error
