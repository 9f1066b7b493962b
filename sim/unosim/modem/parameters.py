"""Reads the parameters of a set command, one after the other.

Rules of the 1.x parsers: numbers are decimal digits with an optional minus; there are no spaces. Strings
stand in double quotes, and a backslash takes the meaning from a comma, a quote or a backslash. The last
parameter must be followed by CR at once; what lies between that CR and the line's LF is not looked at.

Those of ESP-AT 2 are `lenient`: numbers may be hexadecimal (`0x1F`), and an optional parameter may be left
empty between its commas. The LF must follow the CR.

Every method raises `CommandError`, which becomes a plain `ERROR`; a command with its own diagnosis names it.
The error's code says which field was wrong, and whether it was malformed or out of range.
"""

import re

from unosim.modem.errors import CommandError

OUT_OF_RANGE = 0x01070000
MALFORMED = 0x01080000
"""Error codes of a field, whose number from 0 is added (ESP-AT 2.2 library)."""

_NUMBER = {
    False: re.compile(rb"-?[0-9]{1,10}(?![0-9])"),
    True: re.compile(rb"0[xX][0-9a-fA-F]{1,8}(?![0-9a-fA-F])|-?[0-9]{1,10}(?![0-9])"),
}
"""By `lenient`. No parameter needs more digits than a 32-bit number has."""
_QUOTE, _COMMA, _CR, _BACKSLASH = b'",\r\\'
_ESCAPABLE = b',"\\'


class Parameters:
    """A cursor over the bytes behind the `=` of a command line, up to and including its LF."""

    def __init__(self, text: bytes, *, lenient: bool = False) -> None:
        self._text = text
        self._at = 0
        self._field = 0
        self._lenient = lenient

    def number(self, lowest: int, highest: int, diagnosis: str = "") -> int:
        """Return the number at the cursor; it must lie within the bounds, both included."""
        match = _NUMBER[self._lenient].match(self._text, self._at)
        if not match:
            raise self._error(MALFORMED, diagnosis)
        self._at = match.end()
        value = int(match[0], 16 if b"x" in match[0].lower() else 10)
        if not lowest <= value <= highest:
            raise self._error(OUT_OF_RANGE, diagnosis)
        return value

    def optional_number(self, lowest: int, highest: int, default: int) -> int:
        """Return the number of the next parameter, or the default if it is left out."""
        return self.number(lowest, highest) if self.given() else default

    def optional_string(self, longest_bytes: int, default: str) -> str:
        """Return the string of the next parameter, or the default if it is left out."""
        return self.string(longest_bytes) if self.given() else default

    def string(self, longest_bytes: int, diagnosis: str = "") -> str:
        """Return the quoted string at the cursor, unescaped; what is not UTF-8 survives as surrogates."""
        if self._peek() != _QUOTE:
            raise self._error(MALFORMED, diagnosis)
        self._at += 1
        value = bytearray()
        while (byte := self._peek()) != _QUOTE:
            if byte == _BACKSLASH and self._peek(1) in _ESCAPABLE:
                self._at += 1
                byte = self._peek()
            elif self._ended():
                raise self._error(MALFORMED, diagnosis)
            value.append(byte)
            self._at += 1
        self._at += 1
        if len(value) > longest_bytes:
            raise self._error(OUT_OF_RANGE, diagnosis)
        return value.decode("utf-8", "surrogateescape")

    def comma(self, diagnosis: str = "") -> None:
        """Step over the comma at the cursor."""
        if not self.more():
            self._field += 1
            raise self._error(MALFORMED, diagnosis)

    def more(self) -> bool:
        """Step over a comma if there is one, and say whether there was: another parameter follows."""
        found = self._peek() == _COMMA
        self._at += found
        self._field += found
        return found

    def empty(self) -> bool:
        """Return whether the parameter at the cursor is left empty, where that is allowed."""
        return self._lenient and self._peek() in {_COMMA, _CR}

    def given(self) -> bool:
        """Step over a comma if there is one, and say whether a parameter stands behind it."""
        return self.more() and not self.empty()

    def end(self, diagnosis: str = "") -> None:
        """Demand the CR that ends the parameters."""
        if self._peek() != _CR or (self._lenient and self._text[self._at :] != b"\r\n"):
            self._field += 1
            raise self._error(MALFORMED, diagnosis)

    def _error(self, code: int, diagnosis: str) -> CommandError:
        return CommandError(diagnosis, code | self._field)

    def _ended(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self, ahead: int = 0) -> int:
        at = self._at + ahead
        return self._text[at] if at < len(self._text) else 0
