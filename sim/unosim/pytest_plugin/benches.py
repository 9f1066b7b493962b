"""What the fixtures hand out: a module, an Uno, or both, powered on and under one simulated clock.

Rules: nothing runs but in `expect`, `expect_exact` and `run_for`; what a test writes is on its way at once
and takes its time on the wire. A bench is for one test.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from unosim.attrace import Session
from unosim.board import Board, Image
from unosim.clock import NS_PER_S, earliest
from unosim.esp01 import Module
from unosim.faults import Happened, Injection, Plan
from unosim.modem import AccessPoint, Modem, Profile
from unosim.module_end import Watch
from unosim.network import Network
from unosim.parts import Part
from unosim.pins import pin_at
from unosim.pytest_plugin.lab_network import LabNetwork
from unosim.pytest_plugin.listener import TIMEOUT_S, Listener
from unosim.pytest_plugin.report import masks_of, report
from unosim.simulation import Simulation
from unosim.terminal import Terminal
from unosim.trace import Channel, Entry, Trace
from unosim.uart_module import UartModule
from unosim.wire import WiredModem

HOST_BAUD = 115_200
"""The rate of the test's own UART until a test sets another; that of a fresh ESP-01, and of many sketches."""


class Bench(ABC):
    """What all have in common: a clock, a trace, a plan of faults, and a voice to listen to.

    Args:
        plan: what is to go wrong.
        title: names the bench in a report.
        names: who speaks on each channel, for the report.
        watch: is shown everything that is said.
    """

    def __init__(
        self, plan: Plan, title: str, names: Mapping[Channel, str], watch: Watch | None = None
    ) -> None:
        self.plan = plan
        self.title = title
        self.trace = Trace(watch)
        self._names = names
        self._injection = Injection(plan)
        self._session: Session | None = None
        self._listener = Listener(self._step, lambda: self.now_ns, self._masked)

    @property
    @abstractmethod
    def now_ns(self) -> int:
        """Simulated nanoseconds since power-on."""

    @property
    def now_s(self) -> float:
        """Simulated seconds since power-on."""
        return self.now_ns / NS_PER_S

    @property
    def unread(self) -> bytes:
        """What was said and not consumed by an earlier `expect`."""
        return self._listener.unread

    @property
    def happened(self) -> list[Happened]:
        """The faults that have struck so far."""
        return self._injection.happened

    def expect(self, pattern: bytes | re.Pattern[bytes], *, timeout_s: float = TIMEOUT_S) -> re.Match[bytes]:
        """Let time pass until a pattern is found in what is said; see `Listener.expect`."""
        __tracebackhide__ = True
        return self._listener.expect(pattern, timeout_s=timeout_s)

    def expect_exact(self, data: bytes, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """Let time pass until these bytes are said; see `Listener.expect_exact`."""
        __tracebackhide__ = True
        return self._listener.expect_exact(data, timeout_s=timeout_s)

    def run_for(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        end_ns = self.now_ns + round(seconds * NS_PER_S)
        while self.now_ns < end_ns:
            self._step(end_ns)

    def report(self, replay_command: str, recording: str = "") -> str:
        """Return what a failing test shows: dialogue, faults, seed, digest, and the command given.

        Args:
            replay_command: runs the test again.
            recording: where the session has been saved.
        """
        return report(self.trace, self._names, self.plan, self.happened, replay_command, recording=recording)

    def save(self, path: Path) -> bool:
        """Write the session to an `.attrace` file; return whether there was a module to record.

        Raises:
            TraceError: the file cannot be written.
        """
        if self._session is None:
            return False
        self._session.save(path)
        return True

    def _record(self, modem: Modem, module: Module, network: Network) -> Network:
        """Remember the session of a modem that is about to be powered; return its network, as disturbed."""
        self._session = Session(modem, module, self.plan)
        return self._session.network(self._injection.network(network))

    def _keep(self, entry: Entry) -> None:
        if self._session:
            self._session.watch(entry)

    def _masked(self, data: bytes) -> bytes:
        return masks_of(self.trace.entries).hide(data)

    @abstractmethod
    def _step(self, limit_ns: int) -> None:
        """Let time pass up to an instant or to the next event, whichever comes first."""


class ModemBench(Bench):
    """An ESP-01 and the test at its UART: `write` to it, `expect` what it says.

    Args:
        plan: what is to go wrong.
        access_point: what the module hears.
        profile: its AT firmware.
        network: what is behind the access point.
    """

    def __init__(self, plan: Plan, access_point: AccessPoint, profile: Profile, network: LabNetwork) -> None:
        names = {
            Channel.UNO_TX: "test",
            Channel.ESP_TX: "esp",
            Channel.NET_TX: "to net",
            Channel.NET_RX: "net",
        }
        super().__init__(plan, f"ESP-01, {profile.name}", names, self._keep)
        self.baud = HOST_BAUD
        """The rate of the test's UART in bits per second."""
        module = Module(profile, (access_point,), plan.seed)
        modem = module.make()
        self._wired = WiredModem(
            self._injection.modem(modem, [access_point.ssid]),
            self._record(modem, module, network.open()),
            lambda entry: self.trace.record(*entry),
        )
        self._now_ns = 0
        self._wired.power_on(0)

    @property
    def now_ns(self) -> int:
        """Simulated nanoseconds since power-on."""
        return self._now_ns

    def write(self, data: bytes) -> None:
        """Say bytes to the module, behind those that are still leaving."""
        self._wired.say(data, self.baud, self._now_ns)

    def station_joins(self, mac: str) -> None:
        """Let a station come to the module's own access point (`AT+CWSAP`), if that is on."""
        self._wired.station_joins(mac, self._now_ns)

    def station_leaves(self, mac: str) -> None:
        """Let a station leave the module's own access point."""
        self._wired.station_leaves(mac, self._now_ns)

    def _step(self, limit_ns: int) -> None:
        due_ns = earliest(limit_ns, self._wired.next_deadline())
        self._now_ns = max(self._now_ns, due_ns or 0)
        self._wired.run(self._now_ns)
        self._listener.hear(self._wired.heard(self.baud, self._now_ns))


class _Uno(Bench):
    """An Uno with an image, and its pins.

    Args:
        plan: what is to go wrong.
        image: what is flashed.
        title: names the bench in a report.
        names: who speaks on each channel.
        watch: is shown everything that is said.
    """

    simulation: Simulation
    """The machine below, for what the bench has no word for."""

    def __init__(
        self,
        plan: Plan,
        image: Image,
        title: str,
        names: Mapping[Channel, str],
        watch: Watch | None = None,
    ) -> None:
        super().__init__(plan, title, names, watch)
        self._board = Board(image.flash, eeprom=image.eeprom)
        self._analog_mv = dict.fromkeys(range(8), 0)

    @property
    def now_ns(self) -> int:
        """Simulated nanoseconds since power-on."""
        return self.simulation.now_ns

    def set_analog_mv(self, channel: int, millivolts: int) -> None:
        """Put a voltage of 0 to 65,535 mV on A0 to A7 (channels 0 to 7)."""
        if channel not in self._analog_mv:
            raise ValueError(f"an Uno has no analog channel {channel!r}; its channels are 0 to 7")
        self._analog_mv[channel] = millivolts

    def attach(self, part: Part) -> None:
        """Put a part (`unosim.parts`) on its pins and give it power."""
        self.simulation.uno.attach(part)

    def drive_pin(self, pin: int | str, *, level: bool | None) -> None:
        """Drive a pin (0 to 13; 14 to 19 or "A0" to "A5") high or low, or let go of it (None)."""
        self.simulation.uno.drive(pin_at(pin), level=level)

    def pin_level(self, pin: int | str) -> bool:
        """Return whether a pin (0 to 13; 14 to 19 or "A0" to "A5") is high now."""
        return self.simulation.uno.level(pin_at(pin))

    def _start(self, module: UartModule, network: Network) -> None:
        analog = {channel: lambda _, channel=channel: self._analog_mv[channel] for channel in self._analog_mv}
        supply = self._injection.supply()
        self.simulation = Simulation(
            self._board, module, network, trace=self.trace, analog=analog, supply=supply
        )

    def _step(self, limit_ns: int) -> None:
        stepped = iter((False, True))  # the condition holds after one step
        self.simulation.run(lambda: next(stepped), limit_s=limit_ns / NS_PER_S)


class UnoBench(_Uno):
    """An Uno whose UART (pins 0 and 1) the test holds: `write` to it, `expect` what it says.

    Args:
        plan: what is to go wrong.
        image: what is flashed.
    """

    def __init__(self, plan: Plan, image: Image) -> None:
        super().__init__(plan, image, "Uno", {Channel.UNO_TX: "uno", Channel.ESP_TX: "test"})
        self._terminal = Terminal(HOST_BAUD, self._listener.hear)
        self._start(self._injection.modem(self._terminal), LabNetwork().open())

    @property
    def baud(self) -> int:
        """The rate of the test's UART in bits per second, both ways: what the sketch's `begin` has."""
        return self._terminal.baud

    @baud.setter
    def baud(self, bits_per_s: int) -> None:
        self._terminal.set_baud(bits_per_s, self.now_ns)

    def write(self, data: bytes) -> None:
        """Say bytes to the Uno, behind those that are still leaving."""
        self._terminal.say(data, self.now_ns)


class WiredUnoBench(_Uno):
    """An Uno with an ESP-01 on its UART. `expect` hears the Uno, `modem.expect` the module.

    Args:
        plan: what is to go wrong.
        image: what is flashed.
        access_point: what the module hears.
        profile: its AT firmware.
        network: what is behind the access point.
    """

    def __init__(
        self, plan: Plan, image: Image, access_point: AccessPoint, profile: Profile, network: LabNetwork
    ) -> None:
        names = {
            Channel.UNO_TX: "uno",
            Channel.ESP_TX: "esp",
            Channel.NET_TX: "to net",
            Channel.NET_RX: "net",
        }
        super().__init__(plan, image, f"Uno with an ESP-01, {profile.name}", names, self._hear)
        self.modem = Listener(self._step, lambda: self.now_ns, self._masked)
        """What the module says to the Uno."""
        module = Module(profile, (access_point,), plan.seed)
        modem = module.make()
        network_behind = self._record(modem, module, network.open())
        self._start(self._injection.modem(modem, [access_point.ssid]), network_behind)

    def _hear(self, entry: Entry) -> None:
        self._keep(entry)
        if entry.channel is Channel.UNO_TX:
            self._listener.hear(entry.data)
        elif entry.channel is Channel.ESP_TX:
            self.modem.hear(entry.data)
