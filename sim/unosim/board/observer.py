"""What a debugger or a profiler wants of a running board.

Rules: an observer looks and never touches, so a run is the same with it and without, but for the stops it
asks for. It is no part of the machine: a snapshot does not carry it, and it stays as it is when one is
restored. Observing costs about a fifth of the board's speed.
"""

from array import array
from collections.abc import Sequence

from unosim.board._core import Core


class Observer:
    """Breakpoints, watched bytes, cycles by address, written bytes and the stack's depth; `Board.observer`.

    Args:
        core: the core to observe.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def start(self) -> None:
        """Observe from now on; what was counted before is forgotten, breakpoints and watched bytes stay."""
        self._core.observe(True)

    def stop(self) -> None:
        """Observe no longer. What was counted can still be read; breakpoints do not stop."""
        self._core.observe(False)

    def set_breakpoint(self, pc: int, *, on: bool = True) -> None:
        """Stop with `Stop.BREAKPOINT` before the instruction at a word of flash; `on` False: no longer.

        A run that begins where the one before was stopped by a breakpoint passes it.

        Args:
            pc: address in words, 0..0x3FFF.
            on: whether there shall be one.
        """
        self._core.set_breakpoint(pc, on)

    def set_watchpoint(self, address: int, *, on: bool = True) -> None:
        """Stop with `Stop.WATCHPOINT` after an instruction that writes a byte; `on` False: no longer.

        What counts are stores, OUT, SBI, CBI, PUSH and calls; not arithmetic, and not entering an interrupt.

        Args:
            address: in data space, 0x20..0x8FF.
            on: whether it shall be watched.
        """
        self._core.set_watchpoint(address, on)

    @property
    def watched_address(self) -> int:
        """The data address at which the last `Stop.WATCHPOINT` came."""
        return self._core.watch_hit()

    @property
    def cycles(self) -> Sequence[int]:
        """CPU cycles spent at each word of flash, 16,384 numbers; 0: never executed.

        Entering an interrupt counts at its vector. The rest of the time, up to `Board.cycle`, the CPU slept.
        """
        counts = array("Q")
        counts.frombytes(self._core.observed_cycles())
        return counts

    @property
    def written(self) -> bytes:
        """For each data address 0..0x8FF a 1 if an instruction or an interrupt has stored there, else 0."""
        return self._core.observed_writes()

    @property
    def stack_low(self) -> int:
        """The lowest stack pointer after a push, a call, an interrupt or a write to SPL.

        The stack has used the bytes above it; what the program keeps there without moving SP does not count.
        """
        return self._core.observed_stack_low()
