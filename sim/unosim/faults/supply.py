"""The supply of the whole machine: when a plan cuts the power of Uno and module, and gives it back.

Rules: a cut at a cycle comes at the first instruction boundary at or after it. A torn EEPROM byte is a cut in
the middle of a write: the supply looks for one every `LOOK_NS`, less than the shortest write (1.8 ms,
ATmega328P datasheet table 8-2), and counts those it finds.

What it does not do: find the first of two writes to the same address, one right after the other.
"""

from typing import Protocol

from unosim.board import CLOCK_HZ
from unosim.clock import NS_PER_MS, NS_PER_S, earliest
from unosim.faults.catalogue import PowerCut, TornEeprom
from unosim.faults.plan import Plan
from unosim.faults.wire import Strike

LOOK_NS = NS_PER_MS * 3 // 2
_EECR, _EEPE, _EEAR = 0x3F, 0x02, 0x41


class Readable(Protocol):
    """A board, as far as it concerns its supply."""

    def read_data(self, address: int, count: int) -> bytes:
        """Read data space."""


class Powered(Protocol):
    """A simulation, as far as it concerns its supply."""

    @property
    def now_ns(self) -> int:
        """The instant."""

    @property
    def board(self) -> Readable:
        """The Uno."""

    def power_cycle(self) -> None:
        """Take power away from everything and give it back."""


class Supply:
    """Carries out what a plan has for it.

    Args:
        plan: what is to go wrong.
        strike: told of each stroke.
    """

    def __init__(self, plan: Plan, strike: Strike) -> None:
        self._strike = strike
        cuts = [fault for fault in plan.faults if isinstance(fault, PowerCut)]
        self._cuts = sorted(cuts, key=lambda fault: fault.at)
        tears = [fault for fault in plan.faults if isinstance(fault, TornEeprom)]
        self._tears = sorted(tears, key=lambda fault: fault.at)
        self._writes = 0
        self._writing: bytes | None = None

    def next_deadline(self, now_ns: int) -> int | None:
        """Return the instant in ns at which the supply is to be looked after next, or None."""
        cut_ns = _instant(self._cuts[0]) if self._cuts else None
        return earliest(cut_ns, now_ns + LOOK_NS if self._tears else None)

    def look_after(self, machine: Powered) -> None:
        """Cut the power if it is time."""
        if self._cuts and machine.now_ns >= _instant(self._cuts[0]):
            self._strike(machine.now_ns, self._cuts.pop(0))
            machine.power_cycle()
        if self._tears and self._write_began(machine.board):
            self._writes += 1
            if self._tears[0].at < self._writes:
                self._strike(machine.now_ns, self._tears.pop(0))
                machine.power_cycle()

    def _write_began(self, board: Readable) -> bool:
        """Return whether the EEPROM is being written at an address where it was not when last looked at."""
        before, self._writing = self._writing, None
        if board.read_data(_EECR, 1)[0] & _EEPE:
            self._writing = board.read_data(_EEAR, 2)
        return self._writing is not None and self._writing != before


def _instant(cut: PowerCut) -> int:
    return -(-cut.at * NS_PER_S // CLOCK_HZ)
