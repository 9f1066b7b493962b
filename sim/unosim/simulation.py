"""An Uno, an ESP-01 on its UART and a network, under one clock.

This is where the parts meet: the board's UART frames become bytes at the modem, the modem's output becomes
frames at the board, and what the modem asks of the network comes back as events. The parts do not know each
other.

Rules: the board runs in leaps up to the earliest instant at which another part has something to do, and
stops early when it has said something. So every part sees every event at its own instant, and a run depends
on the image, the parts and their seeds alone.
"""

from collections.abc import Callable, Mapping

from unosim.board import AdcStarted, Board, Stop, UartSent
from unosim.clock import NS_PER_MS, NS_PER_S, cycles_at, earliest, ns_at
from unosim.faults.supply import Supply
from unosim.module_end import ModuleEnd
from unosim.network import Network
from unosim.trace import Channel, Trace
from unosim.uart import Q8, sample
from unosim.uart_module import UartModule

CLOCK_HZ = 16_000_000
"""The Uno's ceramic resonator, taken as exact."""

LEAP_NS_MAX = 50 * NS_PER_MS
"""The longest leap of the board, so that a caller's condition on its memory is seen in time."""

AnalogSource = Callable[[int], int]
"""The voltage on an analog pin in mV, as a function of the instant in ns."""


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
    ) -> None:
        self.board = board
        self.modem = modem
        self.network = network
        self.trace = trace or Trace()
        self.now_ns = 0
        self.conversions: dict[int, int] = {}
        self._analog = analog or {}
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
        """
        limit_ns = round(limit_s * NS_PER_S)
        while not until():
            if self.now_ns >= limit_ns:
                return False
            self._step(limit_ns)
        return True

    def _step(self, limit_ns: int) -> None:
        """Run the board to the next instant at which something happens, and let it happen."""
        self._feed_board()
        deadline_ns = earliest(
            limit_ns,
            self.now_ns + LEAP_NS_MAX,
            self._end.next_deadline(),
            self._end.to_host.next_take_ns(),
            self._supply.next_deadline(self.now_ns) if self._supply else None,
        )
        stop = self.board.run(cycles_at(max(deadline_ns or 0, self.now_ns), CLOCK_HZ))
        self.now_ns = max(self.now_ns, ns_at(self.board.cycle, CLOCK_HZ))
        for event in self.board.take_events():
            if isinstance(event, UartSent):
                self._hear_board(event)
            elif isinstance(event, AdcStarted):
                self._show_voltage(event)
        if stop not in {Stop.LIMIT, Stop.EVENT}:
            at = f"at {self.now_ns / NS_PER_S:.6f} s, pc 0x{2 * self.board.pc:04x}"
            raise SimulationError(f"the board stopped {at}: {stop.name}")
        self._end.settle(self.now_ns)
        if self._supply:
            self._supply.look_after(self)

    def power_cycle(self, ram_fill: int = 0xA5) -> None:
        """Take power away from everything and give it back, as an unplugged supply does.

        Args:
            ram_fill: what the Uno's RAM holds afterwards; see `Board.power_cycle`.
        """
        self.board.power_cycle(ram_fill)
        self._end.to_host.cut(self.now_ns)
        self._end.power_on(self.now_ns)

    def _feed_board(self) -> None:
        """Put as many frames on the board's RX pin as it can know of in advance."""
        for frame in self._end.to_host.take(self.board.uart_input_room):
            start_cycle = cycles_at(frame.start_ns, CLOCK_HZ)
            self.board.uart_input(frame.data, start_cycle, CLOCK_HZ * Q8 // frame.baud)

    def _hear_board(self, sent: UartSent) -> None:
        modem_bit = CLOCK_HZ * Q8 // self.modem.baud
        byte, framing_error = sample(sent.data, sent.bit_cycles_q8, modem_bit)
        del framing_error  # the ESP8266 driver keeps such a byte
        at_ns = ns_at(sent.end_cycle, CLOCK_HZ)
        baud = CLOCK_HZ * Q8 // sent.bit_cycles_q8
        self.trace.record(at_ns, Channel.UNO_TX, bytes([sent.data]), baud)
        self._end.hear(bytes([byte]), self.now_ns)

    def _show_voltage(self, started: AdcStarted) -> None:
        """Give the pin its voltage of this instant, which the converter samples a moment later."""
        self.conversions[started.channel] = self.conversions.get(started.channel, 0) + 1
        source = self._analog.get(started.channel)
        if source:
            self.board.set_analog_mv(started.channel, source(self.now_ns))
