"""The module's end of a UART: a modem with its network, and the line on which it speaks.

Whoever has the other end, a simulated board or a host in real time, gives it bytes and instants and takes the
frames that leave on `to_host`. This is the one place where the modem's actions are carried out.

Rules: time is an argument and never runs backwards. At one instant the network is heard before the modem's
own timers.
"""

from collections.abc import Callable

from unosim.clock import earliest
from unosim.modem.actions import Action, Output, Send, SetBaud
from unosim.modem.events import Received
from unosim.network.seam import Network
from unosim.trace import Channel, Entry
from unosim.uart import Line
from unosim.uart_module import UartModule

Watch = Callable[[Entry], None]


class ModuleEnd:
    """Runs a modem with its network.

    Args:
        modem: the module, not powered yet.
        network: what it reaches.
        watch: is shown what the module says on either side, and what the network brings.
    """

    def __init__(self, modem: UartModule, network: Network, watch: Watch) -> None:
        self.modem = modem
        self.network = network
        self.to_host = Line(modem.baud)
        self._watch = watch

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event at the module; frames that leave have their own."""
        return earliest(self.modem.next_deadline(), self.network.next_deadline())

    def power_on(self, now_ns: int) -> None:
        """Apply power to the module, or cut and apply it."""
        self.apply(self.modem.power_on(now_ns), now_ns)

    def hear(self, data: bytes, now_ns: int) -> None:
        """Give the modem what its UART has made of the host's frames."""
        self.apply(self.modem.receive(data, now_ns), now_ns)

    def settle(self, now_ns: int) -> None:
        """Let happen what is due at an instant."""
        for event in self.network.poll(now_ns):
            if isinstance(event, Received):
                self._watch(Entry(now_ns, Channel.NET_RX, event.data))
            self.apply(self.modem.network(event, now_ns), now_ns)
        deadline_ns = self.modem.next_deadline()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self.apply(self.modem.advance(now_ns), now_ns)

    def apply(self, actions: list[Action], now_ns: int) -> None:
        """Carry out what the modem asks for."""
        for action in actions:
            match action:
                case Output(data):
                    start_ns = self.to_host.write(data, now_ns)
                    self._watch(Entry(start_ns, Channel.ESP_TX, data, self.to_host.baud))
                case SetBaud(baud):
                    self.to_host.set_baud(baud)
                case _:
                    if isinstance(action, Send):
                        self._watch(Entry(now_ns, Channel.NET_TX, action.data))
                    self.network.perform(action, now_ns)
