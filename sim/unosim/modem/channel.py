"""A connection that the module makes for itself, for MQTT or HTTP: no link of the host's, over the same seam.

Rules: one connection at a time. Its owner is told once how an attempt ended, then of data, then once of the
end, unless the owner closed it. `SEND OK` and windows do not concern it: what arrives is taken at once.
"""

from typing import Protocol

from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.modem.context import Context
from unosim.modem.kernel import Timer
from unosim.modem.link import Phase


class Owner(Protocol):
    """Who uses a channel."""

    def on_open(self) -> None:
        """Take note that the connection is up."""

    def on_data(self, data: bytes) -> None:
        """Take bytes (at least one) from the peer."""

    def on_gone(self) -> None:
        """Take note that there is no connection: it did not come about, or it has ended."""


class Channel:
    """The connection.

    Args:
        context: the shared parts of the engine.
        number: its number on the network's side.
    """

    def __init__(self, context: Context, number: int) -> None:
        self.phase = Phase.FREE
        self.reachable = False
        """Whether the station has an address; without one nothing can be reached."""
        self._context = context
        self._number = number
        self._owner: Owner | None = None
        self._patience: Timer | None = None

    def open(self, owner: Owner, host: str, port: int, *, ssl: bool = False, checks: int = 0) -> None:
        """Connect to a host name or dotted address and a port (0-65535).

        Args:
            owner: is told what comes of it.
            host: where to.
            port: where to.
            ssl: over SSL.
            checks: bit 0 shows the module's certificate, bit 1 verifies the server's.
        """
        self.close()
        self._owner, self.phase = owner, Phase.CONNECTING
        if not self.reachable:
            self._patience = self._context.kernel.after(0, self._end)
            return
        self._patience = self._context.kernel.after(self._context.profile.connect_timeout_ns, self._give_up)
        kind = Kind.SSL if ssl else Kind.TCP
        shows, verifies = bool(checks & 1), bool(checks & 2)
        self._context.kernel.act(
            actions.Connect(self._number, host, port, kind, verify_server=verifies, present_certificate=shows)
        )

    def send(self, data: bytes) -> None:
        """Send bytes (at least one) over an open connection."""
        self._context.kernel.act(actions.Send(self._number, data))

    def close(self) -> None:
        """End the connection, or the attempt, without telling the owner."""
        if self.phase is not Phase.FREE:
            self._context.kernel.act(actions.Close(self._number))
            self._free()

    def reset(self) -> None:
        """Forget the connection without a word to anybody: the module restarts or sleeps."""
        self.reachable = False
        if self.phase is not Phase.FREE:
            self._context.kernel.act(actions.Close(self._number, abort=True))
            self._free()

    def set_reachable(self, *, reachable: bool) -> None:
        """Take note that the station has got an address, or lost it."""
        self.reachable = reachable
        if not reachable and self.phase is not Phase.FREE:
            self._give_up()

    def hear(self, event: events.LinkEvent) -> None:
        """Take what the network reports; what comes too late is ignored."""
        match event, self.phase:
            case events.Connected(), Phase.CONNECTING:
                self._context.kernel.cancel(self._patience)
                self.phase = Phase.OPEN
                if self._owner is not None:
                    self._owner.on_open()
            case events.Received(data=data), Phase.OPEN:
                if self._owner is not None:
                    self._owner.on_data(data)
            case (events.ConnectFailed(), Phase.CONNECTING) | (events.PeerClosed(), Phase.OPEN):
                self._end()

    def _give_up(self) -> None:
        self._context.kernel.act(actions.Close(self._number, abort=True))
        self._end()

    def _end(self) -> None:
        owner = self._owner
        self._free()
        if owner is not None:
            owner.on_gone()

    def _free(self) -> None:
        self._context.kernel.cancel(self._patience)
        self.phase, self._owner = Phase.FREE, None
