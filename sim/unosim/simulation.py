"""An Uno, an ESP-01 on its UART and a network, under one clock.

This is where the parts meet: the board's UART frames become bytes at the modem, the modem's output becomes
frames at the board, and what the modem asks of the network comes back as events. The parts do not know each
other.

Rules: the board runs in leaps up to the earliest instant at which another part has something to do, and
stops early when it has said something. So every part sees every event at its own instant, and a run depends
on the image, the parts and their seeds alone.
"""

from collections.abc import Callable, Iterable, Mapping

from unosim.board import AdcStarted, Board, Event, Stop
from unosim.board_serial import BoardSerial, HardwareSerial
from unosim.clock import NS_PER_MS, NS_PER_S, earliest
from unosim.faults.supply import Supply
from unosim.module_end import ModuleEnd
from unosim.network import Network
from unosim.parts import Analog, Part
from unosim.trace import Channel, Trace
from unosim.uart_module import UartModule
from unosim.uno import Uno

LEAP_NS_MAX = 50 * NS_PER_MS
"""The longest leap of the board, so that a caller's condition on its memory is seen in time."""

AnalogSource = Callable[[int], int]
"""The voltage on an analog pin in mV, as a function of the instant in ns."""

Wiring = Callable[[Board, int], BoardSerial]
"""Wires a module with a rate in bits per second to a UART of the board."""


class SimulationError(Exception):
    """The simulated machine can no longer go on; the message says why, where and when."""


class Simulation:
    """Runs an image on a board that is wired to a modem.

    Args:
        board: the Uno, freshly reset.
        modem: the ESP-01; it is powered on together with the board.
        network: what the modem reaches.
        trace: records every byte.
        analog: what the analog pins see, by channel; an unconnected channel reads 0 V.
        supply: cuts the power; None for one that never does.
        parts: what else is on the pins.
        wiring: which of the board's UARTs the modem is on.
    """

    def __init__(
        self,
        board: Board,
        modem: UartModule,
        network: Network,
        *,
        trace: Trace | None = None,
        analog: Mapping[int, AnalogSource] | None = None,
        supply: Supply | None = None,
        parts: Iterable[Part] = (),
        wiring: Wiring = HardwareSerial,
    ) -> None:
        self.board = board
        self.modem = modem
        self.network = network
        self.trace = trace or Trace()
        self.now_ns = 0
        self.conversions: dict[int, int] = {}
        sources = [Analog(channel, source) for channel, source in (analog or {}).items()]
        self.uno = Uno(board, [*sources, *parts])
        """The board with everything that is on its pins."""
        self._serial = wiring(board, modem.baud)
        self._supply = supply
        self._end = ModuleEnd(modem, network, lambda entry: self.trace.record(*entry))
        self._end.power_on(0)

    def run(self, until: Callable[[], bool], *, limit_s: float) -> bool:
        """Run until a condition holds, which is checked after every event and every `LEAP_NS_MAX`.

        Args:
            until: the condition.
            limit_s: the latest simulated instant in seconds.

        Returns:
            Whether the condition came true within the limit.

        Raises:
            SimulationError: the board can no longer go on.
        """
        limit_ns = round(limit_s * NS_PER_S)
        while not until():
            if self.now_ns >= limit_ns:
                return False
            self._go_on(min(limit_ns, self.now_ns + LEAP_NS_MAX))
        return True

    def run_to(self, limit_s: float) -> None:
        """Run to an instant, in simulated seconds since the first power-on.

        Raises:
            SimulationError: the board can no longer go on.
        """
        limit_ns = round(limit_s * NS_PER_S)
        while self.now_ns < limit_ns:
            self._go_on(limit_ns)

    def _go_on(self, limit_ns: int) -> None:
        stop = self.step(limit_ns)
        if stop is not Stop.LIMIT and stop is not Stop.EVENT:
            at = f"at {self.now_ns / NS_PER_S:.6f} s, pc 0x{2 * self.board.pc:04x}"
            raise SimulationError(f"the board stopped {at}: {stop.name}")

    def step(self, limit_ns: int) -> Stop:
        """Run to the next instant at which something happens, however far it is, and let it happen.

        Args:
            limit_ns: where to stop if nothing happens.

        Returns:
            Why the board came back.
        """
        to_host = self._end.to_host
        if to_host.baud != self._serial.baud:  # a module listens at the rate at which it speaks
            self._serial.set_baud(to_host.baud)
        if to_host:
            self._serial.feed(to_host)
        deadline_ns = earliest(
            limit_ns,
            self._end.next_deadline(),
            to_host.next_take_ns(),
            self._supply.next_deadline(self.now_ns) if self._supply else None,
        )
        events = self.uno.run(deadline_ns or 0)
        self.now_ns = max(self.now_ns, self.uno.now_ns)
        for event in events:
            self._hear(event)
        self._end.settle(self.now_ns)
        if self._supply:
            self._supply.look_after(self)
        return self.uno.stop

    def power_cycle(self, ram_fill: int = 0xA5) -> None:
        """Take power away from everything and give it back, as an unplugged supply does.

        Args:
            ram_fill: what the Uno's RAM holds afterwards; see `Board.power_cycle`.
        """
        self.uno.power_cycle(ram_fill)
        self._end.to_host.cut(self.now_ns)
        self.board.silence_lines()
        self._end.power_on(self.now_ns)

    def _hear(self, event: Event) -> None:
        heard = self._serial.hear(event)
        if heard:
            self.trace.record(heard.at_ns, Channel.UNO_TX, bytes((heard.sent,)), heard.baud)
            self._end.hear(bytes((heard.byte,)), self.now_ns)
        elif isinstance(event, AdcStarted):
            self.conversions[event.channel] = self.conversions.get(event.channel, 0) + 1
