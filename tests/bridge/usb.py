"""The USB cable of the tests: a pseudo-terminal, with a simulated Uno or a test's own words at its far end.

Unplugging closes the pseudo-terminal, plugging in makes another one, under another name; a symbolic link
plays the name that a person gave. The rate that the bridge sets on its end counts: at a wrong one garbage
goes both ways.
"""

import contextlib
import fcntl
import os
import select
import struct
import threading
import time
import tty
from collections.abc import Sequence
from pathlib import Path

from unosim.board import CLOCK_HZ, AdcStarted, Board, Stop, UartSent
from unosim.clock import NS_PER_S, cycles_at
from unosim.lab import room_sensors
from unosim.uart import Q8, Line, sample

WAIT_S = 20.0
WAKE_NS = NS_PER_S
_TCGETS2 = 0x802C542A  # ioctl_tty(2)
_TERMIOS2 = struct.Struct("4I20s2I")


class Cable:
    """A pseudo-terminal and the link by which the bridge knows it."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._far: int | None = None
        self.plug_in()

    @property
    def far(self) -> int:
        assert self._far is not None, "unplugged"
        return self._far

    @property
    def bridge_baud(self) -> int:
        """The rate that the bridge has set."""
        answer = fcntl.ioctl(self.far, _TCGETS2, bytes(_TERMIOS2.size))
        return int(_TERMIOS2.unpack(answer)[-1])

    def plug_in(self) -> None:
        self._far, near = os.openpty()
        tty.setraw(near)
        os.set_blocking(self._far, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(near))
        self._near = near

    def unplug(self) -> None:
        os.close(self._near)
        os.close(self.far)
        self.link.unlink()
        self._far = None

    def write(self, data: bytes) -> None:
        os.write(self.far, data)

    def read(self, wait_s: float = 0.0) -> bytes:
        """Return what the bridge has said, waiting for its first byte."""
        if not select.select([self.far], [], [], wait_s)[0]:
            return b""
        try:
            return os.read(self.far, 65_536)
        except BlockingIOError:
            return b""

    def rest(self) -> None:
        """Be quiet for so long that what follows is another burst."""
        time.sleep(0.05)

    def read_until(self, *ends: bytes, wait_s: float = WAIT_S) -> bytes:
        """Return what the bridge says up to one of these; what comes behind it is not expected."""
        heard = bytearray()
        deadline = time.monotonic() + wait_s
        while not any(end in heard for end in ends):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"expected one of {ends!r}, heard {bytes(heard)!r}"
            heard += self.read(left_s)
        return bytes(heard)

    def ask(self, command: bytes, *ends: bytes) -> bytes:
        self.write(command)
        return self.read_until(*(ends or (b"OK\r\n",)))


class UnoOnCable:
    """The board with an image, at the pace of the wall clock, at the far end of a cable."""

    def __init__(self, cable: Cable, board: Board, *, wakes_by_words: bool = False) -> None:
        """Start the board; `wakes_by_words` resets it at the first words after a silence, as DTR does."""
        self.board = board
        self._wakes_by_words = wakes_by_words
        self._silent_since_ns = -WAKE_NS
        self._lost_cycles = 0
        self.heard = bytearray()
        """What the board has been sent."""
        self._cable = cable
        self._to_board = Line(115_200)
        self._stopped = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def unplug(self) -> None:
        with self._lock:
            self._cable.unplug()

    def plug_in(self) -> None:
        """Power the board again, under another name of the port."""
        with self._lock:
            self.board.power_cycle()
            self._cable.plug_in()

    def _run(self) -> None:
        began_ns = time.monotonic_ns()
        while not self._stopped:
            with self._lock:
                now_ns = time.monotonic_ns() - began_ns
                plugged = self._cable._far is not None
                if plugged:
                    self._listen(now_ns)
                    self._turn(now_ns)
            if plugged:
                with contextlib.suppress(OSError, ValueError):
                    select.select([self._cable.far], [], [], 0.001)
            else:
                time.sleep(0.001)

    def _listen(self, now_ns: int) -> None:
        data = self._cable.read()
        if data:
            if self._wakes_by_words and now_ns - self._silent_since_ns >= WAKE_NS:
                self.board.reset()
            self._silent_since_ns = now_ns
        self.heard += data
        self._to_board.set_baud(self._cable.bridge_baud)
        self._to_board.write(data, now_ns)

    def _turn(self, now_ns: int) -> None:
        target = cycles_at(now_ns, CLOCK_HZ) - self._lost_cycles
        while self.board.cycle < target:
            room = self.board.uart_input_room
            for frame in self._to_board.take(room):
                start = max(cycles_at(frame.start_ns, CLOCK_HZ) - self._lost_cycles, self._free_cycle())
                bit_q8 = CLOCK_HZ * Q8 // frame.baud
                self.board.uart_input(frame.data, start, bit_q8)
                self._next_free = start + 10 * bit_q8 // Q8 + 1
            stop = self.board.run(min(target, self.board.cycle + CLOCK_HZ // 500))
            self._hear(self.board.take_events())
            if stop not in {Stop.LIMIT, Stop.EVENT}:
                self._lost_cycles += target - self.board.cycle  # erased flash: it stands until it is reset
                return

    _next_free = 0

    def _free_cycle(self) -> int:
        return max(self._next_free, self.board.cycle)

    def _hear(self, events: Sequence[object]) -> None:
        said = bytearray()
        for event in events:
            if isinstance(event, UartSent):
                bridge_bit = CLOCK_HZ * Q8 // self._cable.bridge_baud
                said.append(sample(event.data, event.bit_cycles_q8, bridge_bit)[0])
            elif isinstance(event, AdcStarted):
                source = room_sensors().get(event.channel)
                if source:
                    self.board.set_analog_mv(event.channel, source(self.board.cycle * NS_PER_S // CLOCK_HZ))
        if said:
            with contextlib.suppress(OSError):
                self._cable.write(bytes(said))
