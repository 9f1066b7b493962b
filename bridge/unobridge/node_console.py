"""The console of a node, by docs/provisioning.md: opens it over the cable and carries out commands.

Rules: nothing is answered that a node says before its console is open. Each command waits for its last line.
Secrets are never in a message.
"""

import re
from collections.abc import Callable
from typing import Protocol

from unobridge.errors import BridgeError

BAUD = 115_200
VERSION = 1
"""Of the page."""
OPEN_TRIES = 50
OPEN_WAIT_MS = 200
QUIET_MS = 300
ANSWER_MS = 5_000
"""The node takes 4 s at most."""
VALUE_BYTES_MAX = 64
_GREETING = re.compile(rb"(?:^|\n)unolink console (\d+)\r\n")
_LAST = re.compile(rb"(?:^|\n)(ok|error [^\r\n]*)\r\n$")
_LACKING = re.compile(rb"unolink: not set up: ([^;\r\n]*)")


class ConsoleError(BridgeError):
    """The node does not do what it was told."""


class NodeLine(Protocol):
    """The cable."""

    def write(self, data: bytes) -> None:
        """Say something."""

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        """Return what is heard within a time in ms, or until it is enough."""


class NodeConsole:
    """An open console.

    Args:
        line: the cable, at `BAUD`; opening it has reset the node.

    Raises:
        ConsoleError: no console opens, or one of another version.
    """

    def __init__(self, line: NodeLine) -> None:
        self._line = line
        heard = b""
        for _ in range(OPEN_TRIES):
            line.write(b"\n!unolink\n")
            heard += line.listen(OPEN_WAIT_MS, lambda new: b"unolink console" in new and new.endswith(b"\n"))
            if greeting := _GREETING.search(heard):
                break
        else:
            raise ConsoleError(
                "no console opens on the cable" + (": nothing was heard" if not heard else ""),
                hint="is it an Uno with unolink's firmware, and is the ESP-01 off pins 0 and 1?",
            )
        if int(greeting[1]) != VERSION:
            raise ConsoleError(
                f"the node's console has version {greeting[1].decode()}, this program speaks {VERSION}",
                hint="use the release of unolink that the firmware is of",
            )
        while line.listen(QUIET_MS, lambda _heard: False):
            pass  # greetings to the tries that came too late

    def command(self, text: str) -> list[str]:
        """Carry out a command; return the lines of its answer but the last.

        Raises:
            ConsoleError: the node answers with an error, or not at all.
        """
        self._line.write(text.encode() + b"\n")
        heard = self._line.listen(ANSWER_MS, lambda heard: bool(_LAST.search(heard)))
        last = _LAST.search(heard)
        verb = " ".join(text.split(" ")[:2]) if text.startswith("set ") else text
        if last is None:
            raise ConsoleError(
                f"the node does not answer `{verb}`", hint="press its reset button and try again"
            )
        if last[1] != b"ok":
            raise ConsoleError(
                f"the node refuses `{verb}`: {last[1].decode('ascii', 'replace').removeprefix('error ')}",
                hint="see docs/provisioning.md for what each setting may be",
            )
        return heard[: last.start(1)].decode("utf-8", "replace").splitlines()

    def set(self, name: str, value: str) -> None:
        """Change a setting; an empty value takes it away.

        Raises:
            ConsoleError: the value cannot be said in a line, or the node refuses it.
        """
        if not value.isprintable() or len(value.encode()) > VALUE_BYTES_MAX:
            raise ConsoleError(
                f"{name} cannot be said in a line",
                hint=f"at most {VALUE_BYTES_MAX} bytes, and no control characters",
            )
        self.command(f"set {name} {value}" if value else f"set {name}")

    def settings(self) -> dict[str, str]:
        """Return the settings as the node shows them.

        Raises:
            ConsoleError: it does not.
        """
        pairs = (line.partition(" ") for line in self.command("show"))
        return {name: value for name, _, value in pairs}
