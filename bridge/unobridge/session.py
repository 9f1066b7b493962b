"""One board on one open port: the modem engine between the serial line and the network, in real time.

Bytes have taken their time on the wire when they arrive here, and take it again when they leave, so nothing
is paced: the engine is told of bytes when they come and what it says is written at once. The loop waits once,
in select(2), for the port, the sockets and the engine's next deadline.

Rules: instants are ns of the monotonic clock since the session began. The peer of a link is paused, through
its TCP window, while `BACKLOG_BYTES_MAX` wait for the line.

What it does not do: what the module says at the rate of its ROM, 74880 baud, is not sent. No firmware reads
it, and some adapters cannot send it.
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from unobridge.baud import BURST_QUIET_NS, BaudFinder
from unosim.clock import NS_PER_S, earliest
from unosim.esp01 import Module
from unosim.modem import AccessPoint, Modem, Profile, Settings, UartFormat
from unosim.modem.actions import Action, Output, Send, SetBaud
from unosim.modem.events import Received
from unosim.network.seam import HasFileno, Network
from unosim.trace import Channel, Entry
from unosim.uart import FRAME_BITS

BACKLOG_BYTES_MAX = 4_096
"""What may wait for the line before peers are paused: the buffer of a serial driver."""
AIR = AccessPoint("unobridge")
"""The one network in the air. It answers to every name: the real one is the laptop's."""

Watch = Callable[[Entry], None]
Wrap = Callable[[Network], Network]
Readers = Sequence[HasFileno]


class Port(Protocol):
    """An open port: `SerialPort`, or a test's."""

    name: str

    @property
    def pending_bytes(self) -> int:
        """How many bytes the system has not taken yet."""

    def readers(self) -> Readers:
        """Return what to wait for until `take` has something."""

    def take(self) -> bytes:
        """Return what has arrived; raises PortLostError once the port has gone."""

    def write(self, data: bytes) -> None:
        """Send bytes, behind those that are still leaving."""

    def set_baud(self, baud: int) -> None:
        """Go on at another rate in bits per second."""

    def close(self) -> None:
        """Give the port back."""


class RealNetwork(Network, Protocol):
    """The network behind the modem: `SocketNetwork`, or a test's."""

    def readers(self) -> Readers:
        """Return what to wait for until it can be read."""

    def writers(self) -> Readers:
        """Return what to wait for until it can be written."""

    def close(self) -> None:
        """Close everything that is open."""


class Clock(Protocol):
    """What time it is, and how to let it pass."""

    def now_ns(self) -> int:
        """Return the instant in ns of a clock that nobody sets."""

    def wait(self, readers: Readers, writers: Readers, wait_s: float | None) -> None:
        """Return when one can be read or written, or after some seconds (None: never)."""


class WallClock:
    """The clock of this computer."""

    def now_ns(self) -> int:
        """Return the instant in ns of the monotonic clock."""
        return time.monotonic_ns()

    def wait(self, readers: Readers, writers: Readers, wait_s: float | None) -> None:
        """Wait in select(2); Windows tells of an attempt to connect that has failed among the exceptions."""
        select.select(readers, writers, writers, wait_s)


def make_module(profile: Profile) -> Module:
    """Return the module that the bridge plays: it joins whatever it is told to."""
    return Module(profile, (AIR,), welcoming=True)


def make_modem(profile: Profile, baud: int) -> Modem:
    """Return its modem, which starts at a rate in bits per second."""
    return make_module(profile).make(Settings(uart=UartFormat(baud=baud)))


class Session:
    """Runs from the opening of a port until it is lost or the bridge is to end.

    Args:
        port: the board's port, open.
        profile: the firmware to be played.
        finder: knows or finds the board's rate; None for a rate that is fixed at `baud`.
        baud: the rate in bits per second at which the port is open.
        network: makes the real network, of a function that tells how many bytes a link (0-4) takes now.
        wrap: what the network is wrapped in: rules, a recorder.
        watch: is shown everything that is said; None for nobody.
        on_end: called when `run` ends.
        clock: the pace.
    """

    def __init__(
        self,
        port: Port,
        profile: Profile,
        *,
        finder: BaudFinder | None,
        baud: int,
        network: Callable[[Callable[[int], int]], RealNetwork],
        wrap: Wrap,
        watch: Watch | None,
        on_end: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        self.modem = make_modem(profile, baud)
        self._profile = profile
        self._port = port
        self._finder = finder
        self._baud = baud
        self._unwatched = watch is None
        self._watch: Watch = watch or (lambda _entry: None)
        self._on_end = on_end
        self._clock = clock or WallClock()
        self._started_ns = self._clock.now_ns()
        self._sockets = network(self._room)
        self._network = wrap(self._sockets)
        self._modem_baud = baud
        self._heard_ns = 0
        self._line_free_ns = 0
        self._burst_ends_ns: int | None = None
        self._bell, self._button = socket.socketpair()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Power the module and run it until `stop`.

        Raises:
            PortLostError: the port has gone.
        """
        try:
            self._apply(self.modem.power_on(0), 0)
            while not self._stopped.is_set():
                self._wait()
                self._step(self._now_ns())
        finally:
            self._on_end()
            self._sockets.close()
            self._bell.close()
            self._button.close()

    def stop(self) -> None:
        """Let `run` return soon; to be called once, from any thread, while it runs."""
        self._stopped.set()
        with contextlib.suppress(OSError):  # it has ended by itself
            self._button.send(b"!")

    def _now_ns(self) -> int:
        return self._clock.now_ns() - self._started_ns

    def _room(self, link: int) -> int:
        window_bytes = self.modem.receive_window(link)
        return max(0, min(window_bytes, BACKLOG_BYTES_MAX - self._port.pending_bytes))

    def _wait(self) -> None:
        deadline_ns = earliest(self.modem.next_deadline(), self._network.next_deadline(), self._burst_ends_ns)
        wait_s = None if deadline_ns is None else max(0, deadline_ns - self._now_ns()) / NS_PER_S
        readers = [self._bell, *self._port.readers(), *self._sockets.readers()]
        self._clock.wait(readers, self._sockets.writers(), wait_s)

    def _step(self, now_ns: int) -> None:
        """Let happen what is due: first what the modem has to do, each at its instant; then what has come."""
        while (due_ns := self.modem.next_deadline()) is not None and due_ns <= now_ns:
            self._apply(self.modem.advance(due_ns), due_ns)
        data = self._port.take()
        if data:
            self._hear_board(data, now_ns)
        elif self._finder and self._burst_ends_ns is not None and self._burst_ends_ns <= now_ns:
            self._burst_ends_ns = None
            if self._finder.burst_ended():
                self._start_at(self._finder.baud, now_ns)
        for event in self._network.poll(now_ns):
            if isinstance(event, Received):
                self._watch(Entry(now_ns, Channel.NET_RX, event.data))
            self._apply(self.modem.network(event, now_ns), now_ns)

    def _hear_board(self, data: bytes, now_ns: int) -> None:
        frame_ns = FRAME_BITS * NS_PER_S // self._baud
        for left, byte in () if self._unwatched else zip(range(len(data) - 1, -1, -1), data, strict=True):
            # gathered bytes came one after the other, the last of them now
            at_ns = max(now_ns - left * frame_ns, self._heard_ns)
            self._watch(Entry(at_ns, Channel.UNO_TX, bytes([byte]), self._baud))
        self._heard_ns = now_ns
        if self._finder:
            self._finder.hear(data)
            self._burst_ends_ns = now_ns + BURST_QUIET_NS
        self._apply(self.modem.receive(data, now_ns), now_ns)

    def _start_at(self, baud: int, now_ns: int) -> None:
        """Start the module anew at another rate: the one before was not the board's."""
        self._apply(self.modem.power_on(now_ns), now_ns)  # ends its links
        self.modem = make_modem(self._profile, baud)
        self._apply(self.modem.power_on(now_ns), now_ns)
        self._set_baud(baud)

    def _apply(self, actions: list[Action], at_ns: int) -> None:
        """Carry out what the modem asks for."""
        for action in actions:
            match action:
                case Output(data):
                    start_ns = max(at_ns, self._line_free_ns)
                    self._line_free_ns = start_ns + len(data) * FRAME_BITS * NS_PER_S // self._modem_baud
                    self._watch(Entry(start_ns, Channel.ESP_TX, data, self._modem_baud))
                    if self._modem_baud != self._profile.rom_baud:
                        self._port.write(data)
                case SetBaud(baud):
                    self._modem_baud = baud
                    if baud != self._profile.rom_baud:
                        self._set_baud(baud)
                case _:
                    if isinstance(action, Send):
                        self._watch(Entry(at_ns, Channel.NET_TX, action.data))
                    self._network.perform(action, at_ns)

    def _set_baud(self, baud: int) -> None:
        if baud != self._baud:
            self._baud = baud
            self._port.set_baud(baud)
