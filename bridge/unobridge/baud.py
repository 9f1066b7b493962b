"""Finds the rate of a board that nobody has told: the right one is that at which its words make sense.

What is heard is judged in bursts, because at a wrong rate a whole command may shrink to a byte or grow to a
page. A command of the AT set or plain text speaks for a rate, anything else against it.

Rules: no I/O and no clock; the caller says when a burst is over. Once a rate has proved right, it takes
`DOUBTS_LATE` bad bursts in a row to leave it: payload is no text either.
"""

RATES = (115_200, 9_600, 57_600, 38_400, 19_200, 74_880, 230_400)
"""In the order in which they are tried (bits per second): the usual ones first."""
BURST_QUIET_NS = 20_000_000
"""A pause of this length ends a burst: longer than between two bytes at 9600 baud, shorter than between
commands."""
DOUBTS_EARLY = 2
DOUBTS_LATE = 8
BURST_BYTES_MAX = 256
_TEXT_SHARE = 0.8


class BaudFinder:
    """Judges what is heard.

    Args:
        first: the rate in bits per second at which listening begins.
    """

    def __init__(self, first: int = RATES[0]) -> None:
        self.baud = first
        self.proven = False
        self._doubts = 0
        self._burst = bytearray()

    @property
    def hearing(self) -> bool:
        """Whether a burst is under way."""
        return bool(self._burst)

    def hear(self, data: bytes) -> None:
        """Take what has arrived."""
        self._burst += data[: BURST_BYTES_MAX - len(self._burst)]

    def burst_ended(self) -> bool:
        """Judge the burst; return whether the rate has been changed."""
        burst, self._burst = bytes(self._burst), bytearray()
        if makes_sense(burst):
            self.proven, self._doubts = True, 0
            return False
        self._doubts += 1
        if self._doubts < (DOUBTS_LATE if self.proven else DOUBTS_EARLY):
            return False
        self.proven, self._doubts = False, 0
        self.baud = RATES[(RATES.index(self.baud) + 1) % len(RATES)] if self.baud in RATES else RATES[0]
        return True


def makes_sense(burst: bytes) -> bool:
    """Return whether bytes look as if they had been heard at the right rate."""
    if b"AT" in burst and b"\r\n" in burst:
        return True
    text = sum(0x20 <= byte < 0x7F or byte in b"\r\n\t" for byte in burst)
    return text >= _TEXT_SHARE * len(burst) and len(burst) > 1
