r"""A modem to which things happen: a wrapper around the engine with the same face.

Theory of operation. Bytes for the module pass a faulty wire on their way in, one by one; the actions that
come back pass another on their way out. Both wires count what passes. When a count reaches the offset of a
fault of the module, the fault strikes through the engine's public methods, and what the engine says to that
leaves like everything else.

Rules: the engine is not looked into. A fault on `esp>uno` strikes when the module hands over the bytes; they
leave the line a little later. `busy-storm` replaces the engine: nothing reaches it, and each line feed is
answered; what arrives meanwhile is not echoed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unosim.clock import NS_PER_S, earliest
from unosim.faults.catalogue import (
    BaudDrift,
    BootGarbage,
    BusyStorm,
    LinkClosed,
    ModemFault,
    Restart,
    WifiLost,
    Wire,
)
from unosim.faults.plan import Plan, generator
from unosim.faults.wire import FaultyWire, Strike
from unosim.modem import Crash
from unosim.modem.actions import Accept, Action, Close, Connect, Kind, NetworkAction, Output, SetBaud
from unosim.modem.events import Connected, NetworkEvent, PeerClosed
from unosim.uart_module import UartModule

_BUSY = b"\r\nbusy p...\r\n"
_LF = ord("\n")


@dataclass(frozen=True)
class _Noise:
    """Bytes that nobody said: they appear on the line and are not counted."""

    data: bytes


class FaultyModem:
    """An ESP8266 that suffers from a plan.

    Args:
        modem: the engine, not yet powered on.
        plan: what is to go wrong.
        strike: told of each stroke.
        ssids: the networks that `wifi-lost` silences.
    """

    def __init__(self, modem: UartModule, plan: Plan, strike: Strike, ssids: Iterable[str]) -> None:
        self._modem = modem
        self._strike = strike
        self._ssids = tuple(ssids)
        self._to_esp = FaultyWire(Wire.TO_ESP, plan, strike)
        self._to_uno = FaultyWire(Wire.TO_UNO, plan, strike)
        drifts = [fault.percent for fault in plan.faults if isinstance(fault, BaudDrift)]
        self._speed = 1 + sum(drifts) / 100
        self._garbage = [
            (fault, generator(plan.seed, fault)) for fault in plan.faults if isinstance(fault, BootGarbage)
        ]
        self._links: set[int] = set()
        self._datagram_links: set[int] = set()
        self._busy_until_ns = 0
        self._wifi_back_ns: int | None = None

    def __repr__(self) -> str:
        """Show the engine's state and how far the wires have come."""
        return f"<Faulty {self._modem!r}, uno>esp {self._to_esp.offset}, esp>uno {self._to_uno.offset}>"

    @property
    def baud(self) -> int:
        """The UART's true rate now, in bits per second."""
        return round(self._modem.baud * self._speed)

    @property
    def patience_bytes(self) -> int:
        """One: a fault may strike before each byte."""
        return 1

    def receive_window(self, link: int) -> int:
        """Return how many bytes the network may deliver on a link (0-4)."""
        return self._modem.receive_window(link)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next thing to do, or None if nothing is under way."""
        due_ns = self._modem.next_deadline()
        return due_ns if self._wifi_back_ns is None else earliest(due_ns, self._wifi_back_ns)

    def power_on(self, now_ns: int) -> list[Action]:
        """Apply power, or cut and apply it."""
        self._busy_until_ns = 0
        return self._emit([*self._noise(now_ns), *self._modem.power_on(now_ns)], now_ns)

    def crash(self, crash: Crash, now_ns: int) -> list[Action]:
        """Let the firmware die, and boot again."""
        return self._emit(self._die(crash, now_ns), now_ns)

    def receive(self, data: bytes, now_ns: int) -> list[Action]:
        """Take bytes from the host, as far as they arrive."""
        actions: list[Action] = []
        for byte in data:
            said: list[Action | _Noise] = []
            while fault := self._to_esp.next_due():
                said += self._suffer(fault, now_ns)
            arriving = self._to_esp.carry(byte, now_ns)
            if now_ns < self._busy_until_ns:
                said += [Output(_BUSY)] * arriving.count(_LF)
            elif arriving:
                said += self._modem.receive(arriving, now_ns)
            actions += self._emit(said, now_ns)
        return actions

    def network(self, event: NetworkEvent, now_ns: int) -> list[Action]:
        """Take what the network reports."""
        if isinstance(event, Connected):
            self._links.add(event.link)
        elif isinstance(event, PeerClosed):
            self._links.discard(event.link)
        return self._emit(self._modem.network(event, now_ns), now_ns)

    def advance(self, now_ns: int) -> list[Action]:
        """Let time pass: run what is due."""
        actions = self._modem.advance(now_ns)
        if self._wifi_back_ns is not None and self._wifi_back_ns <= now_ns:
            self._wifi_back_ns = None
            for ssid in self._ssids:
                actions += self._modem.access_point_back(ssid, now_ns)
        return self._emit(actions, now_ns)

    def access_point_lost(self, ssid: str, now_ns: int) -> list[Action]:
        """Let every access point of a network fall silent."""
        return self._emit(self._modem.access_point_lost(ssid, now_ns), now_ns)

    def access_point_back(self, ssid: str, now_ns: int) -> list[Action]:
        """Let a network be heard again."""
        return self._emit(self._modem.access_point_back(ssid, now_ns), now_ns)

    def guest_joined(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station come to the module's own access point."""
        return self._emit(self._modem.guest_joined(mac, now_ns), now_ns)

    def guest_left(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station leave it."""
        return self._emit(self._modem.guest_left(mac, now_ns), now_ns)

    def _noise(self, now_ns: int) -> list[Action | _Noise]:
        """Return what a floating pin says before a boot."""
        noise: list[Action | _Noise] = []
        for fault, chance in self._garbage:
            self._strike(now_ns, fault)
            noise.append(_Noise(chance.randbytes(fault.count)))
        return noise

    def _die(self, crash: Crash, now_ns: int) -> list[Action | _Noise]:
        """Let the firmware die after what it was about to say; return all that is said."""
        self._busy_until_ns = 0
        due = self._modem.advance(now_ns)
        return [*due, *self._noise(now_ns), *self._modem.crash(crash, now_ns)]

    def _suffer(self, fault: ModemFault, now_ns: int) -> list[Action | _Noise]:
        """Let a fault strike; return what the module says to it."""
        self._strike(now_ns, fault)
        actions: list[Action | _Noise] = []
        match fault:
            case Restart(cause=cause):
                actions = self._die(Crash[cause.name], now_ns)
            case BusyStorm(seconds=seconds):
                self._busy_until_ns = now_ns + round(seconds * NS_PER_S)
            case WifiLost(seconds=seconds):
                self._wifi_back_ns = now_ns + round(seconds * NS_PER_S)
                for ssid in self._ssids:
                    actions += self._modem.access_point_lost(ssid, now_ns)
            case LinkClosed():
                for link in sorted(self._links - self._datagram_links):
                    actions += [*self._modem.network(PeerClosed(link), now_ns), Close(link, abort=True)]
        return actions

    def _emit(self, actions: Sequence[Action | _Noise], now_ns: int) -> list[Action]:
        """Pass actions on, output over the faulty wire."""
        if not actions:
            return []
        emitted: list[Action] = []
        left = deque(actions)
        while left:
            action = left.popleft()
            match action:
                case Output(data):
                    arriving, restarted, more = self._carry_out(data, now_ns)
                    if arriving:
                        emitted.append(Output(arriving))
                    if restarted:  # its words break off; what it asked of the network it has asked
                        left = deque(one for one in left if not isinstance(one, Output | SetBaud))
                    left.extend(more)
                case _Noise(data):
                    emitted.append(Output(data))
                case SetBaud(baud):
                    emitted.append(SetBaud(round(baud * self._speed)))
                case _:
                    self._note(action)
                    emitted.append(action)
        return emitted

    def _note(self, action: NetworkAction) -> None:
        """Keep account of the links that a peer could close; over UDP there is nobody to do so."""
        match action:
            case Connect(link=link, kind=Kind.UDP):
                self._datagram_links.add(link)
            case Connect(link=link) | Accept(link=link):
                self._datagram_links.discard(link)
                if isinstance(action, Accept):
                    self._links.add(link)
            case Close(link=link):
                self._links.discard(link)

    def _carry_out(self, data: bytes, now_ns: int) -> tuple[bytes, bool, list[Action | _Noise]]:
        """Let output pass the wire; return what arrives, whether a restart cut it, and what follows."""
        arriving = bytearray()
        following: list[Action | _Noise] = []
        for byte in data:
            while fault := self._to_uno.next_due():
                said = self._suffer(fault, now_ns)
                if isinstance(fault, Restart):
                    kept = [one for one in following if not isinstance(one, Output | SetBaud)]
                    return bytes(arriving), True, [*kept, *said]
                following += said
            arriving += self._to_uno.carry(byte, now_ns)
        return bytes(arriving), False, following
