"""An Uno with parts on its pins: the board and what is wired to it, under one clock in nanoseconds.

Rules: the board runs in leaps up to the earliest instant at which a part has something to do, and stops early
when it has said something. Parts see every level at its own instant and act at the first instruction boundary
at or after theirs, a few cycles late at most. How far one call of `run` goes changes nothing.

What it does not do: two that drive one pin against each other have no short circuit; the program wins over
parts, and of two parts the last to drive.
"""

import copy
from collections.abc import Callable, Iterable

from unosim.board import CLOCK_HZ, AdcStarted, Board, Event, PinChanged, ResetBegan, Stop
from unosim.clock import cycles_at, ns_at
from unosim.parts.part import Part
from unosim.pins import PORT_PINS, Pin

Levels = Callable[[int, str, int], None]
"""Is shown the levels of a port's pins whenever one may have changed: instant in ns, port, byte."""


class Uno:
    """Runs a board with parts.

    Args:
        board: the chip, with its image, not run yet or in the middle of a run.
        parts: what is on the pins; powered on now.
    """

    def __init__(self, board: Board, parts: Iterable[Part] = ()) -> None:
        self.board = board
        self.parts: list[Part] = []
        self._timed: list[Part] = []
        """Those of them that have something to do at instants of their own."""
        self.stop = Stop.LIMIT
        """Why the last `run` came back."""
        self.resets: list[ResetBegan] = []
        """The resets that the chip brought about itself, by its watchdog for instance."""
        self._watched = dict.fromkeys(PORT_PINS, 0)
        self._observers: list[Levels] = []
        for part in parts:
            self.attach(part)

    @property
    def now_ns(self) -> int:
        """Simulated nanoseconds since the first power-on."""
        return ns_at(self.board.cycle, CLOCK_HZ)

    def attach(self, part: Part) -> None:
        """Wire a part to its pins and give it power."""
        self.parts.append(part)
        self._timed = _timed(self.parts)
        for pin in part.pins:
            self.watch(pin)
        self._power_on([part])

    def watch(self, pin: Pin) -> None:
        """Let edges of timers and of the UART at a pin be seen, too, not only those of the program."""
        self._watched[pin.port] |= pin.mask
        self.board.watch_pins(pin.port, self._watched[pin.port])

    def observe(self, levels: Levels) -> None:
        """Show the levels of every port now and whenever one may have changed."""
        self._observers.append(levels)
        self._show_all()

    def run(self, until_ns: int) -> list[Event]:
        """Run to an instant, to the next event or to the next deed of a part, whichever comes first.

        Args:
            until_ns: the instant; one that is not ahead runs nothing.

        Returns:
            What the board has said meanwhile. `stop` says why it came back.
        """
        deadline_ns = until_ns
        for part in self._timed:
            due_ns = part.next_deadline()
            if due_ns is not None and due_ns < deadline_ns:
                deadline_ns = due_ns
        # a cycle that is not ahead runs nothing
        self.stop = self.board.run(cycles_at(max(deadline_ns, 0), CLOCK_HZ))
        events = self.board.take_events()
        for event in events:
            self._hear(event)
        for part in self._timed:
            due_ns = part.next_deadline()
            if due_ns is not None and due_ns <= self.now_ns:
                part.advance(self.now_ns, self)
        return events

    def run_for(self, seconds: float) -> list[Event]:
        """Run for simulated seconds, or until the board can no longer go on; return what it said."""
        end_ns = self.now_ns + round(seconds * 1e9)
        events: list[Event] = []
        while self.now_ns < end_ns:
            events += self.run(end_ns)
            if self.stop not in {Stop.LIMIT, Stop.EVENT}:
                break
        return events

    def reset(self) -> None:
        """Push the reset button: RAM stays, and the parts keep their power."""
        self.board.reset()
        self._show_all()  # at once, not with the next run

    def power_cycle(self, ram_fill: int = 0xA5) -> None:
        """Take power away from board and parts and give it back; see `Board.power_cycle`."""
        self.board.power_cycle(ram_fill)
        self._power_on(self.parts)

    def fork(self) -> "Uno":
        """Return a second Uno in the same state, its parts included; both go on independently.

        Functions that parts were given are shared. Observers stay with the first.
        """
        board = Board(b"")
        board.restore(self.board.snapshot())
        twin = Uno(board)
        twin.parts = copy.deepcopy(self.parts)
        twin._timed = _timed(twin.parts)
        twin.resets = list(self.resets)
        twin._watched = dict(self._watched)
        return twin

    def drive(self, pin: Pin, *, level: bool | None) -> None:
        """Drive a pin from outside, see `Wires`."""
        self.board.drive_pin(pin.port, pin.bit, level=level)
        for show in self._observers:
            show(self.now_ns, pin.port, self.board.pin_levels(pin.port))

    def level(self, pin: Pin) -> bool:
        """Return whether a pin is high now."""
        return bool(self.board.pin_levels(pin.port) & pin.mask)

    def set_analog_mv(self, channel: int, millivolts: int) -> None:
        """Put a voltage of 0 to 65,535 mV on an analog channel."""
        self.board.set_analog_mv(channel, millivolts)

    def _power_on(self, parts: list[Part]) -> None:
        for part in parts:
            part.power_on(self.now_ns, self)
        self._show_all()

    def _hear(self, event: Event) -> None:
        if isinstance(event, PinChanged):
            self._show(event.port, event.value, ns_at(event.cycle, CLOCK_HZ))
        elif isinstance(event, AdcStarted):
            for part in self.parts:
                if event.channel in part.channels:
                    part.sample(event.channel, ns_at(event.cycle, CLOCK_HZ), self)
        elif isinstance(event, ResetBegan):
            self.resets.append(event)

    def _show_all(self) -> None:
        """Show the levels as they are, because a part has come or drives something else."""
        for port in PORT_PINS:
            self._show(port, self.board.pin_levels(port), self.now_ns)

    def _show(self, port: str, levels: int, at_ns: int) -> None:
        for show in self._observers:
            show(at_ns, port, levels)
        for part in self.parts:
            for pin in part.pins:
                if pin.port == port:
                    part.see(pin, high=bool(levels & pin.mask), now_ns=at_ns, wires=self)


def _timed(parts: Iterable[Part]) -> list[Part]:
    """Return the parts whose kind has deadlines: asking the others takes a tenth of a run."""
    return [part for part in parts if type(part).next_deadline is not Part.next_deadline]
