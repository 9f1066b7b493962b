"""The Wi-Fi station: joins an access point, gets an address, loses both, and comes back by itself.

Theory of operation. `join` makes the station seek a network; from then on it seeks for ever, until `leave`.
An attempt takes its time and is then ACCEPTED or REJECTED. A rejected one is repeated when the access point
(re)appears; for what cannot change in between (a wrong password) the silent repetitions of the real station
are left out, because they print nothing and change nothing.

`TRANSITIONS` holds the states, and whether the host hears of it. `WIFI DISCONNECT` is printed once until the
next `WIFI CONNECTED`, also for a first attempt that fails (AT library of the Espressif NONOS SDK).

What it does not do: lease times, roaming, the access point half of the module.
"""

import enum
from collections.abc import Callable
from dataclasses import replace

from unosim.modem.context import Context
from unosim.modem.kernel import Timer
from unosim.modem.radio import AccessPoint, Encryption, Radio
from unosim.modem.settings import DHCP_STATION, Enterprise, StationAddress


class State(enum.Enum):
    """How far the station has come."""

    IDLE = enum.auto()
    SEEKING = enum.auto()
    ASSOCIATED = enum.auto()
    READY = enum.auto()


class Trigger(enum.Enum):
    """What moves it."""

    JOIN = enum.auto()
    ACCEPTED = enum.auto()
    REJECTED = enum.auto()
    ADDRESSED = enum.auto()
    LOST = enum.auto()
    LEAVE = enum.auto()


class Line(enum.Enum):
    """What the host hears of a transition."""

    NONE = b""
    CONNECTED = b"WIFI CONNECTED\r\n"
    GOT_IP = b"WIFI GOT IP\r\n"
    DISCONNECT = b"WIFI DISCONNECT\r\n"


TRANSITIONS: dict[tuple[State, Trigger], tuple[State, Line]] = {
    (State.IDLE, Trigger.JOIN): (State.SEEKING, Line.NONE),
    (State.IDLE, Trigger.LEAVE): (State.IDLE, Line.NONE),
    (State.SEEKING, Trigger.ACCEPTED): (State.ASSOCIATED, Line.CONNECTED),
    (State.SEEKING, Trigger.REJECTED): (State.SEEKING, Line.DISCONNECT),
    (State.SEEKING, Trigger.LOST): (State.SEEKING, Line.DISCONNECT),
    (State.SEEKING, Trigger.LEAVE): (State.IDLE, Line.NONE),
    (State.ASSOCIATED, Trigger.ADDRESSED): (State.READY, Line.GOT_IP),
    (State.ASSOCIATED, Trigger.LOST): (State.SEEKING, Line.DISCONNECT),
    (State.ASSOCIATED, Trigger.LEAVE): (State.IDLE, Line.DISCONNECT),
    (State.READY, Trigger.LOST): (State.SEEKING, Line.DISCONNECT),
    (State.READY, Trigger.LEAVE): (State.IDLE, Line.DISCONNECT),
}


class JoinFailure(enum.Enum):
    """Why there is no connection yet."""

    TIMEOUT = enum.auto()
    WRONG_PASSWORD = enum.auto()
    NO_ACCESS_POINT = enum.auto()
    OTHER = enum.auto()


class Station:
    """Runs the table against a radio.

    Args:
        context: the shared parts of the engine.
        radio: the access points around.
        on_address: called when the station has got an address.
        on_loss: called when it has lost it, after the line that says so.
    """

    def __init__(
        self, context: Context, radio: Radio, on_address: Callable[[], None], on_loss: Callable[[], None]
    ) -> None:
        self.state = State.IDLE
        self.failure = JoinFailure.TIMEOUT
        self.access_point: AccessPoint | None = None
        """The one it is associated with."""
        self.address = StationAddress()
        self._context = context
        self._radio = radio
        self._on_address = on_address
        self._on_loss = on_loss
        self._out_of_range: set[str] = set()
        self._disconnect_printed = False
        self.started = False
        """Whether it has sought a network since the module started."""
        self._timer: Timer | None = None
        self._persistence: Timer | None = None
        self._leaving: Timer | None = None

    @property
    def ready(self) -> bool:
        """Return whether the station has an address."""
        return self.state is State.READY

    def audible(self) -> list[AccessPoint]:
        """Return the access points in range, in the order in which a scan meets them."""
        return [one for one in self._radio.access_points if one.ssid not in self._out_of_range]

    def reset(self) -> None:
        """Forget everything without a word: the module restarts or sleeps."""
        self._context.kernel.cancel(self._timer)
        self.state, self.access_point, self.address = State.IDLE, None, StationAddress()
        self._disconnect_printed = self.started = False

    def join(self, associate_ns: int) -> None:
        """Seek the network of the running settings; an attempt takes `associate_ns` if it succeeds."""
        self.started = True
        self._fire(Trigger.JOIN)
        self._attempt(associate_ns)

    def leave(self) -> None:
        """Leave the network, or give up seeking it."""
        self._context.kernel.cancel(self._leaving)
        self._context.kernel.cancel(self._persistence)
        self._fire(Trigger.LEAVE)

    def leave_soon(self) -> None:
        """Leave a moment from now; a `leave` that comes before replaces it."""
        self._context.kernel.cancel(self._leaving)
        self._leaving = self._context.kernel.after(self._context.profile.quit_ns, self.leave)

    def access_point_lost(self, ssid: str) -> None:
        """Lose sight of every access point of a network."""
        self._out_of_range.add(ssid)
        if self.state is not State.IDLE and self._context.running.ssid == ssid:
            self.failure = JoinFailure.NO_ACCESS_POINT
            self._fire(Trigger.LOST)
            self._persist()

    def access_point_back(self, ssid: str) -> None:
        """Hear a network again; a station that seeks it joins by itself."""
        if ssid in self._out_of_range:
            self._out_of_range.remove(ssid)
            if self.state is State.SEEKING and self._context.running.ssid == ssid:
                self._attempt(self._context.profile.associate_ns)

    def settle_address(self) -> None:
        """Take the static address if DHCP is off, at once; with DHCP on, keep or await the lease."""
        running = self._context.running
        if running.dhcp & DHCP_STATION or running.static_address == StationAddress():
            return
        if self.state is State.READY:
            self.address = running.static_address
        elif self.state is State.ASSOCIATED:
            self._addressed(running.static_address)

    def _attempt(self, associate_ns: int) -> None:
        """Look for the network and arm the outcome."""
        profile = self._context.profile
        target = self._find()
        if target is None:
            self._reject_after(profile.scan_ns, JoinFailure.NO_ACCESS_POINT)
        elif target.security is Encryption.WPA2_ENTERPRISE and self._identity_of(target) is None:
            self._reject_after(profile.handshake_failure_ns, JoinFailure.OTHER)
        elif target.password != self._password_for(target):
            self._reject_after(profile.handshake_failure_ns, JoinFailure.WRONG_PASSWORD)
        else:
            self.failure = JoinFailure.TIMEOUT
            self._rearm(associate_ns, lambda: self._accepted(target))

    def _find(self) -> AccessPoint | None:
        running = self._context.running
        candidates = [
            one
            for one in self.audible()
            if one.ssid == running.ssid and running.bssid in {"", one.bssid.lower()}
        ]
        welcoming = self._radio.welcoming
        if not candidates and welcoming and running.ssid not in self._out_of_range:
            return replace(welcoming, ssid=running.ssid, password=running.password)
        if running.join_options.authenticated_only:
            candidates = [one for one in candidates if one.security not in {Encryption.OPEN, Encryption.WEP}]
        if not running.join_options.strongest:
            return candidates[0] if candidates else None
        return max(candidates, key=lambda one: one.rssi_dbm, default=None)

    def _identity_of(self, target: AccessPoint) -> Enterprise | None:
        """Return the identity that an enterprise network is to be shown, if there is one for it."""
        enterprise = self._context.running.enterprise
        return enterprise if enterprise and enterprise.ssid == target.ssid else None

    def _password_for(self, target: AccessPoint) -> str:
        """Return what is shown to a network; one that is open takes anything."""
        identity = self._identity_of(target)
        if target.security is Encryption.WPA2_ENTERPRISE and identity:
            return identity.password if identity.method else target.password  # EAP-TLS has none
        return target.password if target.security is Encryption.OPEN else self._context.running.password

    def _persist(self) -> None:
        """Seek the lost network for as long as the options say."""
        options = self._context.running.join_options
        self._context.kernel.cancel(self._persistence)
        if not options.reconnect_s:
            self.leave()
        elif options.reconnects_max:
            patience_s = options.reconnect_s * options.reconnects_max
            self._persistence = self._context.kernel.after(patience_s * 1_000_000_000, self._despair)

    def _despair(self) -> None:
        """Stop seeking, unless an attempt is under way."""
        if self._find() is None:
            self.leave()

    def _accepted(self, access_point: AccessPoint) -> None:
        self.access_point = access_point
        self._fire(Trigger.ACCEPTED)
        if self._context.running.dhcp & DHCP_STATION and not access_point.dhcp_answers:
            self._rearm(self._context.profile.dhcp_timeout_ns, self._without_lease)
        elif self._context.running.dhcp & DHCP_STATION:
            self._rearm(self._context.profile.dhcp_ns, lambda: self._addressed(access_point.lease))
        else:
            self.settle_address()

    def _without_lease(self) -> None:
        """Give up waiting for DHCP, and join anew."""
        self._context.announce(b"DHCP TIMEOUT\r\n")
        self._fire(Trigger.LOST)
        self._attempt(self._context.profile.associate_ns)

    def _addressed(self, address: StationAddress) -> None:
        self._context.kernel.cancel(self._persistence)
        self.address = address
        self._fire(Trigger.ADDRESSED)

    def _reject_after(self, delay_ns: int, failure: JoinFailure) -> None:
        def reject() -> None:
            self.failure = failure
            self._fire(Trigger.REJECTED)

        self.failure = JoinFailure.TIMEOUT
        self._rearm(delay_ns, reject)

    def _rearm(self, delay_ns: int, run: Callable[[], None]) -> None:
        self._context.kernel.cancel(self._timer)
        self._timer = self._context.kernel.after(delay_ns, run)

    def _fire(self, trigger: Trigger) -> None:
        had_address = self.ready
        self._context.kernel.cancel(self._timer)
        self.state, line = TRANSITIONS[self.state, trigger]
        if self.state in {State.IDLE, State.SEEKING}:
            self.access_point, self.address = None, StationAddress()
        if line is not Line.DISCONNECT or not self._disconnect_printed:
            self._context.announce(line.value)
        if line is not Line.NONE:
            self._disconnect_printed = line is Line.DISCONNECT
        if self.ready:
            self._on_address()
        elif had_address:
            self._on_loss()
