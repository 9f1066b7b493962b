"""What an Uno says to its module, as commands and requests, and what of these has to be the same.

Rules: a command ends with its line feed; what `AT+CIPSEND` announces is one piece, or less if the Uno breaks
off and gives a command. Two pieces are the same if their shapes are. A shape leaves out what another key,
another clock or another room changes: secrets, lengths, the numbers in a body, how many readings it has.
Whether it has a status hangs on the clock, too; where both have one, its names count.
"""

import json
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from unosim.masking import hide

_ANNOUNCED = re.compile(rb"AT\+CIPSEND=(?:\d,)?(\d+)\r\n")
_BROKEN_OFF = re.compile(rb"AT(?:\+\w+[^\r\n]*)?\r\n\Z")
_LENGTHS = re.compile(r"(?m)^(AT\+CIPSEND=(?:\d,)?|Content-Length: )\d+(?=\r$)")
_NUMBERS = re.compile(r"(?<=[:\[,])(?:-?\d+(?:\.\d+)?|null)(?=[,\]}])")
_ROWS = re.compile(r"(\[#(?:,#)*\])(?:,\1)+")
_STATUS = re.compile(r',"status":\{[^}]*\}')


class Batch(NamedTuple):
    """The readings of a request: the first one's identity, and how many there are."""

    boot: int
    seq: int
    readings: int

    def after(self, former: "Batch | None") -> Literal["other", "again", "part"]:
        """Return what it is of the former request's readings: others, the same again, or a part of them."""
        if former is None or self[:2] != former[:2]:
            return "other"
        return "part" if self.readings < former.readings else "again"


class Piece(NamedTuple):
    """A command, or what a command has announced."""

    data: bytes
    instants: list[int]
    """When each byte was heard, in ns."""
    is_request: bool

    @property
    def masked(self) -> str:
        """Return it as text, each secret as stars."""
        return hide(self.data.decode("latin-1"), lambda secret: "*" * len(secret))

    @property
    def shape(self) -> str:
        """Return what has to be the same."""
        text = _LENGTHS.sub(r"\1#", hide(self.data.decode("latin-1"), lambda _: "*"))
        head, end, body = text.partition("\r\n\r\n")
        return head + end + _ROWS.sub(r"\1", _NUMBERS.sub("#", body))

    @property
    def batch(self) -> Batch | None:
        """Return the readings of a request; None for a command, and for a request that is broken."""
        try:
            message = json.loads(self.data.partition(b"\r\n\r\n")[2]) if self.is_request else {}
            return Batch(message["boot"], message["readings"][0][0], len(message["readings"]))
        except (ValueError, LookupError, TypeError):
            return None

    def is_like(self, other: "Piece") -> bool:
        """Return whether two pieces are the same, but for what is bound to differ."""
        one, another = self.shape, other.shape
        if bool(_STATUS.search(one)) != bool(_STATUS.search(another)):
            one, another = _STATUS.sub("", one), _STATUS.sub("", another)
        return one == another


class Position(NamedTuple):
    """A place in what an Uno says: whole pieces, and bytes of the next one."""

    pieces: int
    offset: int


class Dialogue:
    """Cuts the bytes of an Uno into pieces as they come."""

    def __init__(self, heard: Iterable[tuple[int, int]] = ()) -> None:
        self.pieces: list[Piece] = []
        self._data = bytearray()
        self._instants: list[int] = []
        self._announced = 0
        for at_ns, byte in heard:
            self.hear(at_ns, byte)

    @property
    def last_request(self) -> bytes:
        """Return what was announced last and said in full; empty if nothing was."""
        return next((piece.data for piece in reversed(self.pieces) if piece.is_request), b"")

    def hear(self, at_ns: int, byte: int) -> None:
        """Take a byte (0-255) that was over at an instant in ns."""
        self._data.append(byte)
        self._instants.append(at_ns)
        if self._announced:
            self._hear_announced(byte)
        elif byte == 0x0A:
            self._finish_command()

    def instant_of(self, position: Position) -> int | None:
        """Return when a place was reached, in ns; None for one that lies ahead.

        A piece that has ended has passed all places in it, those of a longer one included.
        """
        pieces, offset = position
        if pieces < len(self.pieces):
            instants = self.pieces[pieces].instants
        elif pieces == len(self.pieces) and len(self._instants) >= offset:
            instants = self._instants
        else:
            return None
        if offset:
            return instants[min(offset, len(instants)) - 1]
        return self.pieces[pieces - 1].instants[-1] if pieces else 0

    def _hear_announced(self, byte: int) -> None:
        if self._data.startswith(b"AT"):  # nothing of it was said
            self._announced = 0
        elif len(self._data) == self._announced:
            self._announced = 0
            self._finish(len(self._data), is_request=True)
        elif byte == 0x0A and (command := _BROKEN_OFF.search(self._data)):
            self._announced = 0
            self._finish(command.start(), is_request=True)
            self._finish_command()

    def _finish_command(self) -> None:
        announced = _ANNOUNCED.fullmatch(self._data)
        self._finish(len(self._data), is_request=False)
        self._announced = int(announced[1]) if announced else 0

    def _finish(self, count: int, *, is_request: bool) -> None:
        self.pieces.append(Piece(bytes(self._data[:count]), self._instants[:count], is_request))
        self._data, self._instants = self._data[count:], self._instants[count:]
