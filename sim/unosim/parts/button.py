"""A push button, whose contacts bounce.

Wired between the pin and ground: pressed is low, and released it needs a pull-up, that of INPUT_PULLUP or
one of its own. Each press and each release is followed by a few milliseconds in which the contact opens and
closes, the same ones for the same seed.
"""

import random
from collections import deque

from unosim.clock import NS_PER_MS
from unosim.parts.part import Part, Wires
from unosim.pins import pin_at

BOUNCE_MS = 5.0
"""How long a contact bounces, in milliseconds: of the order that small switches are specified for."""
BOUNCES_MAX = 6
"""How often it opens and closes again within that time, at the most."""


class Button(Part):
    """A button to ground.

    Args:
        pin: as `unosim.pins.pin_at` has it.
        presses: (instant of the press in ns, how long it is held in ns), known beforehand; `press` and
            `release` do it at any time.
        bounce_ms: how long its contact bounces in milliseconds; 0 for one that does not.
        pull_up: whether a resistor to 5 V is on the pin, too.
        seed: which bounces.

    Raises:
        ValueError: there is no such pin, or a press is over before the one before it.
    """

    def __init__(
        self,
        pin: int | str,
        presses: list[tuple[int, int]] | None = None,
        *,
        bounce_ms: float = BOUNCE_MS,
        pull_up: bool = False,
        seed: int = 0,
    ) -> None:
        self.pins = (pin_at(pin),)
        self._open_level = True if pull_up else None
        self._bounce_ns = round(bounce_ms * NS_PER_MS)
        self._random = random.Random(seed)  # noqa: S311  # repeatable, no secret
        self._moves: deque[tuple[int, bool]] = deque()
        for at_ns, held_ns in presses or []:
            if held_ns <= 0 or (self._moves and at_ns < self._moves[-1][0]):
                raise ValueError(f"the press at {at_ns} ns for {held_ns} ns is not behind the one before it")
            self._moves += (at_ns, True), (at_ns + held_ns, False)
        self._contacts: deque[tuple[int, bool]] = deque()
        self._wanted: bool | None = None

    def press(self) -> None:
        """Press it now: at the next instant at which time passes."""
        self._wanted = True

    def release(self) -> None:
        """Let go of it now."""
        self._wanted = False

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Lie open; the finger does not know of power, so what is planned remains."""
        del now_ns
        self._touch(wires, closed=False)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next contact."""
        if self._wanted is not None:
            return 0
        if self._contacts:
            return self._contacts[0][0]
        return self._moves[0][0] if self._moves else None

    def advance(self, now_ns: int, wires: Wires) -> None:
        """Close or open the contact."""
        if self._wanted is not None:
            self._bounce(now_ns, closed=self._wanted)
            self._wanted = None
        elif not self._contacts and self._moves:
            at_ns, closed = self._moves.popleft()
            self._bounce(at_ns, closed=closed)
        while self._contacts and self._contacts[0][0] <= now_ns:
            self._touch(wires, closed=self._contacts.popleft()[1])

    def _bounce(self, at_ns: int, *, closed: bool) -> None:
        """Plan the contacts of one move: the first at once, the last within the time of bouncing."""
        count = self._random.randint(1, BOUNCES_MAX) if self._bounce_ns else 0
        later = sorted(self._random.sample(range(1, self._bounce_ns + 1), 2 * count))
        contacts = [at_ns, *(at_ns + after_ns for after_ns in later)]
        self._contacts = deque((when_ns, (n % 2 == 0) == closed) for n, when_ns in enumerate(contacts))

    def _touch(self, wires: Wires, *, closed: bool) -> None:
        wires.drive(self.pins[0], level=False if closed else self._open_level)
