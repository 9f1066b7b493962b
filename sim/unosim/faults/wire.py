"""What happens to the bytes of one direction of the UART: flipped, dropped, inserted, and counted."""

import random
from collections.abc import Callable

from unosim.faults.catalogue import ByteFault, DropByte, Fault, FlipBit, InsertByte, ModemFault, Overrun, Wire
from unosim.faults.plan import Plan, generator

Strike = Callable[[int, Fault], None]
"""Told of each stroke: the instant in ns and the fault."""


class FaultyWire:
    """One direction of the UART.

    Args:
        wire: which.
        plan: the faults; those that concern this wire are picked out.
        strike: told of each stroke.
    """

    def __init__(self, wire: Wire, plan: Plan, strike: Strike) -> None:
        self.offset = 0
        """The number of bytes that have passed by, struck or not."""
        self._byte_faults = [
            (fault, generator(plan.seed, fault))
            for fault in plan.faults
            if isinstance(fault, ByteFault) and fault.wire is wire
        ]
        self._overruns = [fault for fault in plan.faults if isinstance(fault, Overrun) and fault.wire is wire]
        self._modem_faults = [
            fault for fault in plan.faults if isinstance(fault, ModemFault) and fault.wire is wire
        ]
        self._strike = strike

    def next_due(self) -> ModemFault | None:
        """Remove and return a fault of the module that strikes before the next byte, if there is one."""
        for fault in self._modem_faults:
            if fault.at == self.offset:
                self._modem_faults.remove(fault)
                return fault
        return None

    def carry(self, byte: int, now_ns: int) -> bytes:
        """Let a byte (0-255) pass; return what arrives in its place: none, one, or several."""
        if not self._byte_faults and not self._overruns:
            self.offset += 1
            return bytes((byte,))
        before, arriving = bytearray(), [byte]
        if any(one.at <= self.offset < one.at + one.count for one in self._overruns):
            arriving = []
        for overrun in self._overruns:
            if overrun.at == self.offset:
                self._strike(now_ns, overrun)
        for fault, chance in self._byte_faults:
            if not (self._is_noisy(fault, chance) if fault.at is None else fault.at == self.offset):
                continue
            self._strike(now_ns, fault)
            match fault:
                case FlipBit(bit=bit):
                    arriving = [one ^ 1 << (chance.randrange(8) if bit is None else bit) for one in arriving]
                case DropByte():
                    arriving = []
                case InsertByte(byte=inserted):
                    before.append(chance.randrange(256) if inserted is None else inserted)
        self.offset += 1
        return bytes(before) + bytes(arriving)

    def _is_noisy(self, fault: ByteFault, chance: random.Random) -> bool:
        """Return whether a fault that strikes with a chance strikes now."""
        return (fault.until is None or self.offset < fault.until) and chance.random() < fault.chance
