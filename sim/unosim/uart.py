"""The wire between two UARTs, one direction: bytes queue up and leave as frames of 10 bit times.

A frame is what an oscilloscope would show: the instant of its start edge and the sender's bit time. The
receiver decides what it makes of it, by sampling the middle of each of its own bits (`sample`), so a wrong
baud rate gives garbage and framing errors without being told to. 8N1 only, least significant bit first.

The line has no limit of its own: it holds what a module has said and not yet shifted out. The modem engine
bounds that.
"""

import functools
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


class Run(NamedTuple):
    """Characters on the wire, back to back."""

    data: bytes
    start_ns: int
    """The start edge of the character before which `first` others have left."""
    baud: int
    """The sender's rate in bits per second."""
    first: int = 0

    def start_of(self, index: int) -> int:
        """Return the instant in ns of a character's start edge; `index` counts those of `data`."""
        return self.start_ns + (self.first + index) * FRAME_BITS * NS_PER_S // self.baud

    def end_of(self, index: int) -> int:
        """Return the instant in ns at which a character's stop bit is over."""
        return self.start_of(index) + FRAME_BITS * NS_PER_S // self.baud


class Line:
    """Paces bytes onto the wire at a baud rate, back to back, in the order they were written."""

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._free_ns = 0
        self._runs: deque[Run] = deque()
        self._taken = 0
        """How many characters of the oldest run are gone."""
        self._waiting = 0

    def __len__(self) -> int:
        """Return the number of characters that nobody has taken yet."""
        return self._waiting

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
        if data:
            self._runs.append(Run(data, start_ns, self._baud))
            self._waiting += len(data)
        self._free_ns = start_ns + -(-len(data) * FRAME_BITS * NS_PER_S // self._baud)
        return start_ns

    def cut(self, now_ns: int) -> None:
        """Drop what nobody has taken yet, as a sender does that loses its power."""
        self._runs.clear()
        self._taken = self._waiting = 0
        self._free_ns = now_ns

    def next_take_ns(self) -> int | None:
        """Return by when the oldest frame should be taken: a frame's time before its start edge."""
        if not self._runs:
            return None
        run = self._runs[0]
        return 2 * run.start_of(self._taken) - run.end_of(self._taken)

    def next_end_ns(self, count: int = 1) -> int | None:
        """Return when up to `count` of the oldest characters are over that leave back to back, in ns."""
        if not self._runs:
            return None
        run = self._runs[0]
        return run.end_of(min(self._taken + count, len(run.data)) - 1)

    def take_ended(self, now_ns: int) -> list[Run]:
        """Remove and return the characters that are over at an instant in ns, oldest first."""
        ended = []
        while self._runs and (count := self._ended(now_ns)):
            ended.append(self._take_run(count))
        return ended

    def take(self, count: int) -> list[Frame]:
        """Remove and return up to `count` frames, oldest first."""
        frames: list[Frame] = []
        while self._runs and len(frames) < count:
            run = self._take_run(min(count - len(frames), len(self._runs[0].data) - self._taken))
            frames += [Frame(byte, run.start_of(index), run.baud) for index, byte in enumerate(run.data)]
        return frames

    def _ended(self, now_ns: int) -> int:
        """Return how many characters of the oldest run are over and not taken yet."""
        run = self._runs[0]
        count = (now_ns - run.start_ns) * run.baud // (FRAME_BITS * NS_PER_S) + 1  # one too many at most
        count = min(count, len(run.data))
        while count > self._taken and run.end_of(count - 1) > now_ns:
            count -= 1
        return max(0, count - self._taken)

    def _take_run(self, count: int) -> Run:
        """Remove and return characters of the oldest run."""
        run, start = self._runs[0], self._taken
        self._waiting -= count
        self._taken += count
        if self._taken == len(run.data):
            self._runs.popleft()
            self._taken = 0
        return Run(run.data[start : start + count], run.start_ns, run.baud, start)


@functools.lru_cache(maxsize=64)
def sampled(sender_bit: int, receiver_bit: int) -> bytes:
    """Return what a receiver makes of each byte (0-255) of a sender; see `sample`."""
    return bytes(sample(byte, sender_bit, receiver_bit)[0] for byte in range(256))


@functools.lru_cache(maxsize=4_096)
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
