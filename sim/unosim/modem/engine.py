"""The modem: UART bytes, network events and instants in, actions out.

Rules: no socket, thread, sleep or clock. Every call carries the instant in ns, which never goes back, and
returns what the caller is to do now, in order. The engine is deterministic: equal calls give equal actions.
Between calls the caller lets time pass up to `next_deadline()` and then calls `advance`; being late merges
what would have happened earlier.

What it does not do: it does not pace output (the caller's line does), and it adds no network delay: what it
is told has arrived, has arrived.
"""

import functools

from unosim.modem import commands
from unosim.modem.actions import Action
from unosim.modem.chunker import Chunker
from unosim.modem.core import Core
from unosim.modem.crashes import POWER_ON_CAUSE, Crash
from unosim.modem.events import Incoming, NetworkEvent, Pong, Resolved, TimeTold
from unosim.modem.line import Effect, State
from unosim.modem.profile import Profile
from unosim.modem.profiles import NONOS_1_7_4
from unosim.modem.radio import Radio
from unosim.modem.replies import PENDING
from unosim.modem.settings import Settings

PROCESSING = 0x010B0000
NO_COMMAND = 0x01030000
"""Error codes of what comes while a command runs, and of a line that is none (ESP-AT user guide)."""

_TEXTS = {
    Effect.BUSY_PROCESSING: b"\r\nbusy p...\r\n",
    Effect.BUSY_SENDING: b"\r\nbusy s...\r\n",
    Effect.SEND_CANCELLED: b"\r\nSEND Canceled\r\n",
    Effect.FORCE_RESTART: b"\r\nWill force to restart!!!\r\n",
}
"""What the line machine's complaints say."""


class Modem:
    """An ESP8266 with AT firmware, silent until `power_on`.

    Args:
        profile: the firmware version.
        radio: the access points around.
        settings: what flash holds at first; an erased flash if None.
        factory_mac: the station's MAC address, six hexadecimal pairs with colons.
    """

    def __init__(
        self,
        profile: Profile = NONOS_1_7_4,
        *,
        radio: Radio,
        settings: Settings | None = None,
        factory_mac: str = "5c:cf:7f:aa:bb:cc",
    ) -> None:
        self._core = Core(profile, radio, settings or profile.factory, factory_mac)
        self._chunker = Chunker(profile.chunk_bytes)

    def __repr__(self) -> str:
        """Show the profile and the states one asks for when something is stuck."""
        core = self._core
        phases = "".join(link.phase.name[0] for link in core.links.links)
        return (
            f"<Modem {core.profile.name} at {core.kernel.now_ns} ns: line {core.line.state.name}, "
            f"station {core.station.state.name}, links {phases}>"
        )

    @property
    def baud(self) -> int:
        """The UART's rate now, in bits per second."""
        return self._core.baud

    @property
    def settings(self) -> Settings:
        """What flash holds."""
        return self._core.flash

    @property
    def patience_bytes(self) -> int:
        """How many bytes that arrive back to back may be given at the instant of the last: up to a chunk.

        When some wait for their chunk already, each further one puts off the instant at which the line counts
        as idle, and is to be given at its own.
        """
        return 1 if len(self._chunker) else self._core.profile.chunk_bytes

    def receive_window(self, link: int) -> int:
        """Return how many bytes the network may deliver on a link (0-6) before its peer would be paused."""
        links = self._core.links
        if link in self._core.channels:
            return self._core.profile.window_bytes  # what arrives there is taken at once
        return links.receive_window(links.links[link])

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next thing to do, or None if nothing is under way."""
        idle_at_ns, due_ns = self._chunker.deadline_ns, self._core.kernel.next_deadline()
        if idle_at_ns is None or due_ns is None:
            return due_ns if idle_at_ns is None else idle_at_ns
        return min(idle_at_ns, due_ns)

    def power_on(self, now_ns: int) -> list[Action]:
        """Apply power, or cut and apply it: the module boots from flash.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._chunker.flush()
        self._core.boot(POWER_ON_CAUSE)
        return self._core.kernel.take_actions()

    def receive(self, data: bytes, now_ns: int) -> list[Action]:
        """Take bytes that the module's UART has received, the last of them at this instant.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        if data and self._core.line.state is not State.DEAF:
            uart = self._core.running.uart
            idle_ns = uart.character_ns * self._core.profile.chunk_idle_characters
            for chunk in self._chunker.receive(data, now_ns + idle_ns):
                self._take_chunk(chunk)
        return self._core.kernel.take_actions()

    def network(self, event: NetworkEvent, now_ns: int) -> list[Action]:
        """Take what the network reports; an event that comes too late for its link is ignored.

        Raises:
            LocalProtocolError: time ran backwards, or the network ignores the receive window.
        """
        self._pass_time(now_ns)
        match event:
            case Resolved() | Pong():
                self._core.hear_answer(event)
            case Incoming():
                self._core.server.hear(event)
            case TimeTold(unix_s):
                self._core.sntp.hear(unix_s)
            case _ if event.link in self._core.channels:
                self._core.channels[event.link].hear(event)
            case _:
                self._core.links.hear(event)
        return self._core.kernel.take_actions()

    def access_point_lost(self, ssid: str, now_ns: int) -> list[Action]:
        """Let every access point of a network fall silent; a station on it notices at once.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.station.access_point_lost(ssid)
        return self._core.kernel.take_actions()

    def access_point_back(self, ssid: str, now_ns: int) -> list[Action]:
        """Let a network be heard again.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.station.access_point_back(ssid)
        return self._core.kernel.take_actions()

    def guest_joined(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station come to the module's own access point, if that is on.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.softap.guest_joined(mac)
        return self._core.kernel.take_actions()

    def guest_left(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station leave the module's own access point.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.softap.guest_left(mac)
        return self._core.kernel.take_actions()

    def wps_button_pushed(self, ssid: str, now_ns: int) -> list[Action]:
        """Let somebody push the WPS button of a network's access point; heard after `AT+WPS=1`.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.provisioning.hear_button(ssid)
        return self._core.kernel.take_actions()

    def smart_config(self, ssid: str, password: str, now_ns: int) -> list[Action]:
        """Let a telephone broadcast a network by smart config; heard after `AT+CWSTARTSMART`.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._core.provisioning.hear_telephone(ssid, password)
        return self._core.kernel.take_actions()

    def crash(self, crash: Crash, now_ns: int) -> list[Action]:
        """Let the firmware die as it does in the field, and boot again; without power nothing happens.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        self._chunker.flush()
        self._core.crash(crash)
        return self._core.kernel.take_actions()

    def advance(self, now_ns: int) -> list[Action]:
        """Let time pass: run what is due.

        Raises:
            LocalProtocolError: time ran backwards.
        """
        self._pass_time(now_ns)
        return self._core.kernel.take_actions()

    def _pass_time(self, now_ns: int) -> None:
        kernel = self._core.kernel
        idle_at_ns = self._chunker.deadline_ns
        if idle_at_ns is not None and idle_at_ns <= now_ns:
            kernel.advance(idle_at_ns)
            self._take_chunk(self._chunker.flush())
        kernel.advance(now_ns)

    def _take_chunk(self, chunk: bytes) -> None:
        """Run a chunk through the line machine and do what comes of it."""
        core = self._core
        if core.line.state is State.DEAF:
            return
        for effect, data in core.line.feed(chunk):
            core.kernel.write(self._complaint(effect))
            match effect:
                case Effect.ECHO:
                    echo = data.replace(b"\n", core.profile.line_feed_echo)
                    core.kernel.write(echo if core.session.echo else b"")
                case Effect.COMMAND:
                    core.kernel.after(core.profile.command_ns, functools.partial(self._run, data))
                case Effect.DATA_COMPLETE:
                    core.links.release_news()
                    core.take_data(data)
                case Effect.PASS_ON:
                    core.pass_through.take(data)
                case Effect.SEND_CANCELLED:
                    core.links.sender.forget()
                    core.links.release_news()
                case Effect.FORCE_RESTART:
                    core.restart()

    def _complaint(self, effect: Effect) -> bytes:
        """Return what the line machine's effect makes the modem say, if anything."""
        if effect is Effect.ERROR:
            return self._core.failure(code=NO_COMMAND)
        explanation = self._core.explanation(PROCESSING) if effect is Effect.BUSY_PROCESSING else b""
        return explanation + _TEXTS.get(effect, b"")

    def _run(self, line: bytes) -> None:
        answer = commands.run(self._core, line)
        if answer is not PENDING:
            self._core.finish(answer)
