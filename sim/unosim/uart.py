"""The wire between two UARTs, one direction: bytes queue up and leave as frames of 10 bit times.

A frame is what an oscilloscope would show: the instant of its start edge and the sender's bit time. The
receiver decides what it makes of it, by sampling the middle of each of its own bits (`sample`), so a wrong
baud rate gives garbage and framing errors without being told to. 8N1 only, least significant bit first.

The line has no limit of its own: it holds what a module has said and not yet shifted out. The modem engine
bounds that.
"""

from collections import deque
from typing import NamedTuple

from unosim.clock import NS_PER_S

FRAME_BITS = 10
"""A start bit, eight data bits and a stop bit."""

Q8 = 256
"""Bit times are given in 1/256 of the receiver's time unit, as whole numbers."""


class Frame(NamedTuple):
    """One character on the wire: its byte, the instant of its start edge in ns, the sender's baud rate."""

    data: int
    start_ns: int
    baud: int

    @property
    def end_ns(self) -> int:
        """Return the instant in ns at which the stop bit is over."""
        return self.start_ns + FRAME_BITS * NS_PER_S // self.baud


class Line:
    """Paces bytes onto the wire at a baud rate, back to back, in the order they were written."""

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._free_ns = 0
        self._frames: deque[Frame] = deque()

    def __len__(self) -> int:
        """Return the number of frames that nobody has taken yet."""
        return len(self._frames)

    @property
    def baud(self) -> int:
        """The rate in bits per second of what is written from now on."""
        return self._baud

    def set_baud(self, baud: int) -> None:
        """Send what is written from now on at another rate in bits per second."""
        self._baud = baud

    def write(self, data: bytes, now_ns: int) -> int:
        """Queue bytes behind what is still leaving; return the instant in ns of their first start edge."""
        start_ns = max(now_ns, self._free_ns)
        for index, byte in enumerate(data):
            self._frames.append(
                Frame(byte, start_ns + index * FRAME_BITS * NS_PER_S // self._baud, self._baud)
            )
        self._free_ns = start_ns + -(-len(data) * FRAME_BITS * NS_PER_S // self._baud)
        return start_ns

    def next_take_ns(self) -> int | None:
        """Return by when the oldest frame should be taken: a frame's time before its start edge."""
        if not self._frames:
            return None
        oldest = self._frames[0]
        return 2 * oldest.start_ns - oldest.end_ns

    def next_end_ns(self) -> int | None:
        """Return the end in ns of the oldest frame that nobody has taken yet."""
        return self._frames[0].end_ns if self._frames else None

    def take_ended(self, now_ns: int) -> list[Frame]:
        """Remove and return the frames that are over at an instant in ns, oldest first."""
        ended = []
        while self._frames and self._frames[0].end_ns <= now_ns:
            ended.append(self._frames.popleft())
        return ended

    def take(self, count: int) -> list[Frame]:
        """Remove and return up to `count` frames, oldest first."""
        return [self._frames.popleft() for _ in range(min(count, len(self._frames)))]


def sample(data: int, sender_bit: int, receiver_bit: int) -> tuple[int, bool]:
    """Return the byte a receiver makes of a frame, and whether it saw no stop bit (a framing error).

    Args:
        data: the byte that was sent, 0-255.
        sender_bit: the sender's bit time, in any unit.
        receiver_bit: the receiver's bit time, in the same unit.
    """
    wave = data << 1 | 1 << (FRAME_BITS - 1)  # start bit 0, data, stop bit 1; the line then idles high

    def level_in_bit(index: int) -> int:
        sent = (2 * index + 1) * receiver_bit // (2 * sender_bit)
        return wave >> sent & 1 if sent < FRAME_BITS else 1

    byte = sum(level_in_bit(index + 1) << index for index in range(8))
    return byte, not level_in_bit(FRAME_BITS - 1)
