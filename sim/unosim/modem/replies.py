r"""Result codes, byte for byte.

Result codes begin with an empty line; information lines do not. A few queries leave out the CR LF of their
information line, so that the one which begins `\r\nOK\r\n` ends it: those are written as `bare`.
"""

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
NOTHING = b""
"""The command has written its answer itself."""
PENDING = None
"""The command is not over; whoever ends it calls `Context.finish`."""

Reply = bytes | None


def line(text: str) -> bytes:
    """Return an information line with its CR LF; text from the host keeps the bytes it had."""
    return text.encode("utf-8", "surrogateescape") + b"\r\n"


def info(text: str) -> bytes:
    """Return an information line and `OK`."""
    return line(text) + OK


def bare(text: str) -> bytes:
    """Return an information text without a CR LF of its own, and `OK`."""
    return text.encode() + OK
