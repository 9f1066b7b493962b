"""What a part is: something on the Uno's pins that sees their levels, drives them, or feeds the converter.

Rules: a part is told instants in ns and never looks at a clock. It holds no reference to the board, but is
given the wires whenever it may use them, so a part and its board can be copied together. Randomness comes
from a seed. It shares the board's supply: it is powered on when the board is.
"""

from typing import Protocol

from unosim.pins import Pin


class Wires(Protocol):
    """What a part can do to the pins."""

    def drive(self, pin: Pin, *, level: bool | None) -> None:
        """Drive a pin high or low, or let go of it (None); it shows while the program has it as an input."""

    def level(self, pin: Pin) -> bool:
        """Return whether a pin is high now."""

    def set_analog_mv(self, channel: int, millivolts: int) -> None:
        """Put a voltage of 0 to 65,535 mV on an analog channel (0-7)."""


class Part:
    """A part that does nothing; each kind says what it does where it differs."""

    pins: tuple[Pin, ...] = ()
    """The digital pins it is wired to."""
    channels: tuple[int, ...] = ()
    """The analog channels it is wired to."""

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Begin: power has come, for the first time or again."""

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next thing to do, or None; one that is past means at once."""

    def advance(self, now_ns: int, wires: Wires) -> None:
        """Do what is due at an instant, which is up to a few CPU cycles after `next_deadline`."""

    def see(self, pin: Pin, *, high: bool, now_ns: int, wires: Wires) -> None:
        """Take notice of the level of one of `pins`: it or another pin of its port has changed."""

    def sample(self, channel: int, now_ns: int, wires: Wires) -> None:
        """Give the voltage of one of `channels`: the converter samples it a moment later."""
