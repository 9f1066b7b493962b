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
from unosim.fronts.stream import Stream
from unosim.modem import Modem
from unosim.module_end import Watch
from unosim.network.seam import HasFileno, Network
from unosim.network.sockets import SocketNetwork
from unosim.wire import WiredModem


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

    def run(self) -> None:
        """Power the module and run it until `stop`."""
        started_ns = time.monotonic_ns()
        self._wired.power_on(0)
        while not self._stopped:
            ready = self._wait(time.monotonic_ns() - started_ns)
            now_ns = time.monotonic_ns() - started_ns
            if ready:
                for said in self._stream.read():
                    self._wired.say(said.data, said.baud, now_ns)
            self._wired.run(now_ns)
            data = self._wired.heard(self._stream.baud, now_ns)
            if data:
                self.lost_bytes += len(data) - self._stream.write(data)

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
        wait_s = None if deadline_ns is None else max(0, deadline_ns - now_ns) / NS_PER_S
        hosts: list[HasFileno] = [*self._stream.readers()] if self._wired.listening else []
        readers = [self._bell, *hosts, *self._network.readers()]
        ready, _, _ = select.select(readers, self._network.writers(), [], wait_s)
        return any(one in ready for one in hosts)


def make_driver(
    modem: Modem,
    stream: Stream,
    routes: Mapping[Address, Address] | None,
    *,
    watch: Watch,
    wrap: Callable[[Network], Network] = lambda network: network,
) -> Driver:
    """Put a front together.

    Args:
        modem: the module, not powered yet.
        stream: the host.
        routes: what the module can reach, see `SocketNetwork`.
        watch: is shown everything that is said.
        wrap: what the modem's network is wrapped in, to record it.
    """
    network = SocketNetwork(routes, lambda link: wired.room(link))  # noqa: PLW0108  # wired comes to be below
    wired = WiredModem(modem, wrap(network), watch)
    return Driver(wired, stream, network)
