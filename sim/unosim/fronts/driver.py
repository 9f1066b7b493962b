"""The loop that runs a wired modem at the pace of the wall clock.

Rules: one thread, one wait, select(2), because it keeps deadlines to the microsecond where epoll rounds up to
milliseconds. The loop never blocks on the host or on the network. `stop` may be called from any thread.

Bytes that the host does not take are lost and counted, as those that overrun a UART.
"""

import select
import socket
import time
from collections.abc import Callable, Mapping

from unosim.clock import NS_PER_S
from unosim.esp01 import Address
from unosim.fronts.punctual import punctual
from unosim.fronts.stream import Stream
from unosim.module_end import Watch
from unosim.network.seam import HasFileno, Network
from unosim.network.sockets import SocketNetwork
from unosim.network.tls import Tls
from unosim.uart_module import UartModule
from unosim.wire import WiredModem

WAKING_NS = 70_000
"""What an operating system takes to wake a thread (20 to 60 us measured, more in virtual machines). The loop
asks to be woken so much earlier and looks at the clock for the rest: bytes are due every 87 us."""


class Driver:
    """Joins a wired modem, a stream and a network of real sockets.

    Args:
        wired: the modem on its wire; instants count from `run`.
        stream: the host.
        network: the network of that modem.
    """

    def __init__(self, wired: WiredModem, stream: Stream, network: SocketNetwork) -> None:
        self.lost_bytes = 0
        self._wired = wired
        self._stream = stream
        self._network = network
        self._bell, self._button = socket.socketpair()
        self._stopped = False
        self._started_ns = 0

    def run(self) -> None:
        """Power the module and run it until `stop`."""
        self._started_ns = time.monotonic_ns()
        self._wired.power_on(0)
        with punctual():
            while not self._stopped:
                ready = self._wait(self._clock_ns())
                self.turn(self._clock_ns(), ready=ready)

    def turn(self, now_ns: int, *, ready: bool) -> None:
        """Let everything happen up to an instant; `ready` says whether the host may have said something."""
        if ready:
            for said in self._stream.read():
                self._wired.say(said.data, said.baud, now_ns)
        self._wired.run(now_ns)
        data = self._wired.heard(self._stream.baud, now_ns)
        if data:
            self.lost_bytes += len(data) - self._stream.write(data)

    @property
    def inbound(self) -> dict[int, Address]:
        """By port of the module, where callers find it."""
        return self._network.inbound

    def stop(self) -> None:
        """Let `run` return soon."""
        self._stopped = True
        self._button.send(b"!")

    def close(self) -> None:
        """Close the network and the stream; `run` has returned."""
        for part in (self._network, self._stream, self._bell, self._button):
            part.close()

    def _wait(self, now_ns: int) -> bool:
        """Wait until something is due or ready; return whether the host may have said something."""
        deadline_ns = self._wired.next_deadline()
        hosts: list[HasFileno] = [*self._stream.readers()] if self._wired.listening else []
        readers, writers = [self._bell, *hosts, *self._network.readers()], self._network.writers()
        wait_s = None
        if deadline_ns is not None:
            wait_s = max(0, deadline_ns - now_ns - WAKING_NS) / NS_PER_S
        ready, _, _ = select.select(readers, writers, [], wait_s)
        while not ready and deadline_ns is not None and self._clock_ns() < deadline_ns:
            ready, written, _ = select.select(readers, writers, [], 0)
            if written:
                break
        return any(one in ready for one in hosts)

    def _clock_ns(self) -> int:
        return time.monotonic_ns() - self._started_ns


def make_driver(
    modem: UartModule,
    stream: Stream,
    routes: Mapping[Address, Address] | None,
    *,
    watch: Watch,
    wrap: Callable[[Network], Network] = lambda network: network,
    tls: Tls | None = None,
    inbound: Mapping[int, Address] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Driver:
    """Put a front together.

    Args:
        modem: the module, not powered yet.
        stream: the host.
        routes: what the module can reach, see `SocketNetwork`.
        watch: is shown everything that is said.
        wrap: what the modem's network is wrapped in, to record or to disturb it.
        tls: whom SSL links trust.
        inbound: where callers find the module, see `SocketNetwork`.
        tell: is told, in one line, why something in the network came to nothing.

    Raises:
        InboundError: an address for callers cannot be had.
    """

    def room(link: int) -> int:
        return wired.room(link)

    network = SocketNetwork(routes, room, tls=tls, inbound=inbound, tell=tell)
    wired = WiredModem(modem, wrap(network), watch)
    return Driver(wired, stream, network)
