"""The machine as a debugger sees it: registers, memory in one address space, breakpoints, stepping.

Addresses are those of avr-gcc's ELF files: flash from 0, data space from 0x800000, EEPROM from 0x810000.

Rules: stepping passes over interrupts: one that comes up runs to its end before the step is over, so that a
line of the program is followed by the next. Looking changes nothing; time stands still while the program
does.

What it does not do: write to flash or EEPROM, write I/O registers, for which a store has side effects that a
debugger's has not.
"""

from typing import Protocol

from unosim.board import CLOCK_HZ, Board, Stop
from unosim.clock import ns_at

DATA_OFFSET = 0x80_0000
EEPROM_OFFSET = 0x81_0000
_VECTORS = range(2, 52, 2)
"""Where interrupts begin, in words (ATmega328P datasheet, section "Interrupt Vectors")."""
_IO_START, _RAM_END = 0x20, 0x8FF


class Machine(Protocol):
    """What runs the board: a `unosim.simulation.Simulation`."""

    @property
    def board(self) -> Board:
        """The Uno."""

    @property
    def now_ns(self) -> int:
        """Simulated nanoseconds since power-on."""

    def step(self, limit_ns: int) -> Stop:
        """Run to the next instant at which something happens, at most to a limit in ns."""


class AddressError(Exception):
    """There is no such memory, or it cannot be written."""


class Target:
    """A machine under a debugger.

    Args:
        machine: what runs the board.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.board = machine.board
        self.board.observer.start()
        self._breakpoints: set[int] = set()
        self._watched: set[int] = set()

    def registers(self) -> bytes:
        """Return r0 to r31, SREG, SP in two bytes and PC in bytes in four."""
        pc = (2 * self.board.pc).to_bytes(4, "little")
        return (
            self.board.read_data(0, 32) + bytes([self.board.sreg]) + self.board.sp.to_bytes(2, "little") + pc
        )

    def set_registers(self, values: bytes) -> None:
        """Set all registers, as `registers` returns them.

        Raises:
            AddressError: too few, or a PC that is none.
        """
        if len(values) != len(self.registers()):
            raise AddressError(f"{len(values)} bytes of registers")
        pc = int.from_bytes(values[35:39], "little")
        if pc % 2 or pc >= len(self.board.flash):
            raise AddressError(f"no instruction at 0x{pc:x}")
        self.board.write_data(0, values[:32])
        self.board.sreg = values[32]
        self.board.sp = int.from_bytes(values[33:35], "little")
        self.board.pc = pc // 2

    def read(self, address: int, count: int) -> bytes:
        """Return memory, without the side effects of a load; as much of it as there is.

        Raises:
            AddressError: there is none.
        """
        for offset, memory in ((EEPROM_OFFSET, self.board.eeprom), (0, self.board.flash)):
            if offset <= address < offset + len(memory):
                return memory[address - offset : address - offset + count]
        try:
            return self.board.read_data(address - DATA_OFFSET, count)
        except (ValueError, OverflowError) as error:
            raise AddressError(str(error)) from error

    def write(self, address: int, data: bytes) -> None:
        """Write registers or SRAM.

        Raises:
            AddressError: it is something else.
        """
        try:
            self.board.write_data(address - DATA_OFFSET, data)
        except (ValueError, OverflowError) as error:
            raise AddressError(str(error)) from error

    def set_breakpoint(self, address: int, *, on: bool) -> None:
        """Stop before the instruction at a byte address, or no longer.

        Raises:
            AddressError: there is no instruction.
        """
        if address % 2 or not 0 <= address < len(self.board.flash):
            raise AddressError(f"no instruction at 0x{address:x}")
        self.board.observer.set_breakpoint(address // 2, on=on)
        (self._breakpoints.add if on else self._breakpoints.discard)(address // 2)

    def set_watchpoint(self, address: int, count: int, *, on: bool) -> None:
        """Stop after a store to any of some bytes of I/O or SRAM, or no longer.

        Raises:
            AddressError: there are no such bytes.
        """
        first = address - DATA_OFFSET
        if not _IO_START <= first <= first + count <= _RAM_END + 1:
            raise AddressError(f"{count} bytes at 0x{address:x} cannot be watched")
        for byte in range(first, first + count):
            self.board.observer.set_watchpoint(byte, on=on)
            (self._watched.add if on else self._watched.discard)(byte)

    @property
    def watched_address(self) -> int:
        """The address at which the last watchpoint was hit."""
        return DATA_OFFSET + self.board.observer.watched_address

    def release(self) -> None:
        """Take all breakpoints away: the debugger leaves."""
        for pc in self._breakpoints:
            self.board.observer.set_breakpoint(pc, on=False)
        for byte in self._watched:
            self.board.observer.set_watchpoint(byte, on=False)
        self._breakpoints.clear()
        self._watched.clear()

    def run(self, limit_ns: int) -> Stop:
        """Run up to an instant in ns or to a reason to stop; `Stop.LIMIT` if there was none."""
        while self.machine.now_ns < limit_ns:
            stop = self.machine.step(limit_ns)
            if stop not in {Stop.LIMIT, Stop.EVENT}:
                return stop
        return Stop.LIMIT

    def run_to(self, words: set[int], limit_ns: int) -> Stop:
        """Run as `run` does, up to an instruction at some words of flash; `Stop.LIMIT` when it is there."""
        strangers = words - self._breakpoints
        for pc in strangers:
            self.board.observer.set_breakpoint(pc)
        stop = self.run(limit_ns)
        for pc in strangers:
            self.board.observer.set_breakpoint(pc, on=False)
        return Stop.LIMIT if stop is Stop.BREAKPOINT and self.board.pc in strangers else stop

    def run_instruction(self) -> Stop:
        """Execute one instruction or enter one interrupt; `Stop.LIMIT`, or why that was impossible."""
        begin = self.board.cycle
        stop = Stop.LIMIT
        while self.board.cycle == begin and stop in {Stop.LIMIT, Stop.EVENT}:
            stop = self.machine.step(ns_at(begin + 1, CLOCK_HZ))
        return Stop.LIMIT if stop is Stop.EVENT else stop


class Stepping:
    """One instruction of the program, and the interrupts that come before it.

    Args:
        target: the machine.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._interrupted: tuple[int, int] | None = None
        """PC and SP to which an interrupt will return."""

    def run(self, limit_ns: int) -> Stop | None:
        """Go on with the step, up to an instant in ns at the most.

        Returns:
            None if it is not over; `Stop.LIMIT` if it is; otherwise why it ended before.
        """
        board = self._target.board
        while self._target.machine.now_ns < limit_ns:
            here = (board.pc, board.sp)
            asleep = board.asleep
            if self._interrupted:
                stop = self._target.run_to({self._interrupted[0]}, limit_ns)
            elif asleep:
                stop = self._target.run_to({*_VECTORS, board.pc}, limit_ns)
            else:
                stop = self._target.run_instruction()
            if stop is not Stop.LIMIT:
                return stop
            if self._interrupted:
                self._interrupted = None if self._interrupted == (board.pc, board.sp) else self._interrupted
            elif self._entered_from(*here):
                self._interrupted = here
            elif not asleep:
                return Stop.LIMIT
        return None

    def _entered_from(self, pc: int, sp: int) -> bool:
        """Return whether what has just happened is the entry into an interrupt, from a PC and an SP."""
        board = self._target.board
        if board.pc not in _VECTORS or board.sp != sp - 2 or sp > _RAM_END:
            return False
        return int.from_bytes(board.read_data(board.sp + 1, 2), "big") == pc
