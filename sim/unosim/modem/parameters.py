"""Reads the parameters of a set command, one after the other, as the 1.x parsers do.

Rules: numbers are decimal digits with an optional minus; there are no spaces. Strings stand in double quotes,
and a backslash takes the meaning from a comma, a quote or a backslash. The last parameter must be followed by
CR at once; what lies between that CR and the line's LF is not looked at.

Every method raises `CommandError`, which becomes a plain `ERROR`; a command with its own diagnosis names it.
"""

from unosim.modem.errors import CommandError

NUMBER_DIGITS = 10
"""No parameter needs more digits than a 32-bit number has."""
_QUOTE, _COMMA, _CR, _BACKSLASH = b'",\r\\'
_ESCAPABLE = b',"\\'


class Parameters:
    """A cursor over the bytes behind the `=` of a command line, up to and including its LF."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0

    def number(self, lowest: int, highest: int, diagnosis: str = "") -> int:
        """Return the number at the cursor; it must lie within the bounds, both included."""
        start = self._at
        if self._peek() == ord("-"):
            self._at += 1
        digits = self._at
        while chr(self._peek()) in "0123456789":
            self._at += 1
        if not 1 <= self._at - digits <= NUMBER_DIGITS:
            raise CommandError(diagnosis)
        value = int(self._text[start : self._at])
        if not lowest <= value <= highest:
            raise CommandError(diagnosis)
        return value

    def string(self, longest_bytes: int, diagnosis: str = "") -> str:
        """Return the quoted string at the cursor, unescaped; what is not UTF-8 survives as surrogates."""
        if self._peek() != _QUOTE:
            raise CommandError(diagnosis)
        self._at += 1
        value = bytearray()
        while (byte := self._peek()) != _QUOTE:
            if byte == _BACKSLASH and self._peek(1) in _ESCAPABLE:
                self._at += 1
                byte = self._peek()
            elif self._ended():
                raise CommandError(diagnosis)
            value.append(byte)
            self._at += 1
        self._at += 1
        if len(value) > longest_bytes:
            raise CommandError(diagnosis)
        return value.decode("utf-8", "surrogateescape")

    def comma(self, diagnosis: str = "") -> None:
        """Step over the comma at the cursor."""
        if not self.more():
            raise CommandError(diagnosis)

    def more(self) -> bool:
        """Step over a comma if there is one, and say whether there was: another parameter follows."""
        found = self._peek() == _COMMA
        self._at += found
        return found

    def end(self, diagnosis: str = "") -> None:
        """Demand the CR that ends the parameters."""
        if self._peek() != _CR:
            raise CommandError(diagnosis)

    def _ended(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self, ahead: int = 0) -> int:
        at = self._at + ahead
        return self._text[at] if at < len(self._text) else 0
