"""The engine's parts put together: what commands work on, and what a restart does to all of it."""

from collections.abc import Callable

from unosim.modem.actions import SetBaud
from unosim.modem.channel import Channel
from unosim.modem.context import Context
from unosim.modem.crashes import RESET_CAUSE, Crash
from unosim.modem.events import HTTP_CHANNEL, MQTT_CHANNEL, Pong, Resolved
from unosim.modem.http_client import HttpClient
from unosim.modem.link import Link
from unosim.modem.links import LinkTable, Status
from unosim.modem.mqtt import MqttClient
from unosim.modem.pass_through import PassThrough
from unosim.modem.profile import Profile
from unosim.modem.provisioning import Provisioning
from unosim.modem.radio import Radio
from unosim.modem.replies import OK
from unosim.modem.server import Server
from unosim.modem.settings import Settings
from unosim.modem.sntp import SntpClock
from unosim.modem.softap import SoftAp
from unosim.modem.station import Station

Awaited = Callable[[Resolved | Pong], None]


class Core(Context):
    """Everything behind the line machine.

    Args:
        profile: the firmware version.
        radio: the access points around.
        settings: what flash holds at first.
        factory_mac: the station's MAC address.
    """

    def __init__(self, profile: Profile, radio: Radio, settings: Settings, factory_mac: str) -> None:
        super().__init__(profile, settings, factory_mac)
        self.links = LinkTable(self, self._on_link_closed)
        self.server = Server(self, self.links)
        self.pass_through = PassThrough(self, self.links)
        self.sntp = SntpClock(self)
        self.station = Station(self, radio, self._on_address, self._on_loss)
        self.softap = SoftAp(self)
        self.provisioning = Provisioning(self, self.station)
        self.channels = {number: Channel(self, number) for number in (MQTT_CHANNEL, HTTP_CHANNEL)}
        self.mqtt = MqttClient(self, self.channels[MQTT_CHANNEL])
        self.http = HttpClient(self, self.channels[HTTP_CHANNEL])
        self.baud = self.running.uart.baud
        """The UART's rate now."""
        self.powered = False
        """Whether the firmware runs or boots."""
        self._awaited: Awaited | None = None
        self._joined: Callable[[], None] | None = None

    def set_baud(self, baud: int) -> None:
        """Run the UART at another rate, behind what has been written."""
        self.baud = baud
        self.kernel.act(SetBaud(baud))

    def await_answer(self, take: Awaited) -> None:
        """Pass the network's next answers to a look-up or a ping to the command in progress."""
        self._awaited = take

    def hear_answer(self, event: Resolved | Pong) -> None:
        """Take an answer; one that nobody waits for any more is ignored."""
        if self._awaited:
            self._awaited(event)

    def await_address(self, joined: Callable[[], None]) -> None:
        """Call the command in progress when the station gets an address."""
        self._joined = joined

    def finish(self, answer: bytes) -> None:
        """End the command in progress with its answer."""
        self._awaited, self._joined = None, None
        super().finish(answer)

    def restart(self) -> None:
        """Say `OK` and restart; whatever was under way dies."""
        self.kernel.write(OK)
        self._stop()
        self.kernel.after(self.profile.restart_ns, lambda: self.boot(RESET_CAUSE))

    def crash(self, crash: Crash) -> None:
        """Say the last words and start again; a module without power or in deep sleep is spared."""
        if self.powered:
            self.kernel.write(crash.value.last_words)
            self.boot(crash.value.cause, crash.value.rom_line)

    def boot(self, cause: int, rom_line: bytes = b"") -> None:
        """Start from flash: the ROM's text, then the banner.

        Args:
            cause: the reset cause that the ROM prints.
            rom_line: what it adds to its first line.
        """
        self._stop()
        self.powered = True
        self.session = self.new_session()
        self.running = self.flash
        self.set_baud(self.profile.rom_baud)
        head, gap, rest = (self.profile.rom_text % cause).partition(b"\r\n\r\n")
        self.kernel.write(head + gap + rom_line + rest)
        self.kernel.after(self.profile.boot_ns, self._booted)

    def sleep_deeply(self) -> None:
        """Say `OK` and switch off: nothing on an ESP-01 wakes the module but its reset pin."""
        self.kernel.write(OK)
        self._stop()
        self.powered = False

    def _stop(self) -> None:
        self.kernel.cancel_all()
        self.line.deafen()
        self.server.reset()
        self.links.reset()
        self.pass_through.reset()
        self.sntp.reset()
        self.softap.reset()
        self.provisioning.reset()
        self.station.reset()
        for channel in self.channels.values():
            channel.reset()
        self.mqtt.reset()
        self.http.reset()
        self._awaited, self._joined = None, None

    def _booted(self) -> None:
        self.set_baud(self.running.uart.baud)
        if self.running.saved_link:
            self.kernel.write(b"\r\n>" + self.profile.banner)
            self.session.transparent = True
            self.pass_through.start(self.running.saved_link)
        else:
            self.kernel.write(self.profile.banner)
            self.line.idle()
        if self.running.autoconnect and self.running.ssid and self.station_enabled:
            self.station.join(self.profile.boot_associate_ns)

    def _on_link_closed(self, link: Link) -> None:
        self.pass_through.link_closed(link)

    def _on_address(self) -> None:
        self.links.status = Status.HAS_ADDRESS
        self.pass_through.set_reachable(reachable=True)
        self.sntp.ask()
        self.provisioning.on_address()
        for channel in self.channels.values():
            channel.set_reachable(reachable=True)
        if self._joined:
            self._joined()

    def _on_loss(self) -> None:
        for channel in self.channels.values():
            channel.set_reachable(reachable=False)
        self.pass_through.set_reachable(reachable=False)
        self.links.drop_all()
