"""A light-emitting diode that one can watch: when it was lit, and which code it blinks.

Lit is what the level of the pin says. So a pull-up lights an LED to ground, as it does the Uno's own, which
is behind an amplifier (Arduino Uno R3 schematic); a bare LED would stay dark. An LED to 5 V pulls a pin that
nobody drives high.
"""

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from unosim.clock import NS_PER_MS
from unosim.parts.part import Part, Wires
from unosim.pins import Pin, pin_at

FLASHES_KEPT = 100_000
"""Of the changes, so many are kept, the last ones: a minute of a dimmed LED at 490 Hz has 60,000."""
CODE_PAUSE_MS = 700
"""Flashes with a shorter pause between them belong to one code."""


class Change(NamedTuple):
    """An LED went on or off: the instant in ns, and whether it is lit from then on."""

    at_ns: int
    lit: bool


class Led(Part):
    """An LED between a pin and ground, or between the pin and 5 V.

    Args:
        pin: as `unosim.pins.pin_at` has it; 13 is the Uno's own.
        active_low: it is wired to 5 V and lit while the pin is low.

    Raises:
        ValueError: there is no such pin.
    """

    def __init__(self, pin: int | str = 13, *, active_low: bool = False) -> None:
        self.pins = (pin_at(pin),)
        self._active_low = active_low
        self._changes: deque[Change] = deque([Change(0, lit=False)], FLASHES_KEPT)

    @property
    def lit(self) -> bool:
        """Return whether it is lit now."""
        return self._changes[-1].lit

    @property
    def changes(self) -> list[Change]:
        """Return its history, oldest first: each time it went on or off."""
        return list(self._changes)

    def codes(self, now_ns: int, *, pause_ms: int = CODE_PAUSE_MS) -> list[int]:
        """Return how many times it flashed between pauses, for each code that is complete.

        Args:
            now_ns: the instant: a pause may reach to it.
            pause_ms: milliseconds of darkness that end a code.
        """
        return [count for count, end_ns in self._groups(pause_ms) if now_ns - end_ns >= pause_ms * NS_PER_MS]

    def lit_share(self, begin_ns: int, end_ns: int) -> float:
        """Return for which part of a time it was lit, 0 to 1: the brightness of a dimmed LED.

        Args:
            begin_ns: the instant from which.
            end_ns: the instant up to which; after `begin_ns`.
        """
        edges = [*self._changes, Change(end_ns, lit=False)]
        lit_ns = sum(
            max(0, min(after.at_ns, end_ns) - max(before.at_ns, begin_ns))
            for before, after in pairwise(edges)
            if before.lit
        )
        return lit_ns / (end_ns - begin_ns)

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Pull the pin up, if it is wired to 5 V."""
        del now_ns
        if self._active_low:
            wires.drive(self.pins[0], level=True)

    def see(self, pin: Pin, *, high: bool, now_ns: int, wires: Wires) -> None:
        """Note whether it is lit."""
        del pin, wires
        lit = high is not self._active_low
        if lit is not self.lit:
            self._changes.append(Change(now_ns, lit))

    def _groups(self, pause_ms: int) -> Iterator[tuple[int, int]]:
        """Yield (flashes, end of the last in ns) of what lies between pauses."""
        count, end_ns = 0, 0
        for change in self._changes:
            if not change.lit:
                end_ns = change.at_ns
            elif count and change.at_ns - end_ns >= pause_ms * NS_PER_MS:
                yield count, end_ns
                count = 1
            else:
                count += 1
        if count and not self.lit:
            yield count, end_ns
