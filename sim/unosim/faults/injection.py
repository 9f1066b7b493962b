"""One run of a plan: the wrappers that carry it out, and the list of what they did."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from unosim.clock import NS_PER_S
from unosim.faults.catalogue import Fault
from unosim.faults.modem import FaultyModem
from unosim.faults.network import FaultyNetwork
from unosim.faults.plan import Plan
from unosim.faults.supply import Supply
from unosim.network import Network
from unosim.uart_module import UartModule


class Happened(NamedTuple):
    """A stroke: the instant in ns, and the fault that struck."""

    at_ns: int
    fault: Fault

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.at_ns / NS_PER_S:.6f} s: {self.fault}"


class Injection:
    """Wraps what a simulation is put together from. To be used for one run.

    Args:
        plan: what is to go wrong.
        tell: is told of each stroke as it happens.
    """

    def __init__(self, plan: Plan, tell: Callable[[Happened], None] = lambda _stroke: None) -> None:
        self.plan = plan
        self._tell = tell
        self.happened: list[Happened] = []
        """What has gone wrong so far, in order."""

    def modem(self, modem: UartModule, ssids: Iterable[str] = ()) -> FaultyModem:
        """Return a modem with the plan's faults on its UART and in itself.

        Args:
            modem: not yet powered on.
            ssids: the networks that `wifi-lost` silences.
        """
        return FaultyModem(modem, self.plan, self.strike, ssids)

    def network(self, network: Network) -> FaultyNetwork:
        """Return a network with the plan's faults in it."""
        return FaultyNetwork(network, self.plan, self.strike)

    def supply(self) -> Supply:
        """Return the supply of an Uno and its module, with the plan's faults in it."""
        return Supply(self.plan, self.strike)

    def strike(self, at_ns: int, fault: Fault) -> None:
        """Take note of a stroke at an instant in ns; also for who carries out faults of their own."""
        self.happened.append(Happened(at_ns, fault))
        self._tell(self.happened[-1])
