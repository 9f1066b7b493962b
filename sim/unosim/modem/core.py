"""The engine's parts put together: what commands work on, and what a restart does to all of it."""

from collections.abc import Callable

from unosim.modem.actions import SetBaud
from unosim.modem.context import Context
from unosim.modem.events import Pong, Resolved
from unosim.modem.links import LinkTable, Status
from unosim.modem.profile import Profile
from unosim.modem.radio import Radio
from unosim.modem.replies import OK
from unosim.modem.settings import Session, Settings
from unosim.modem.station import Station

POWER_ON_CAUSE = 1
RESET_CAUSE = 2
"""Reset causes that the ROM prints (Espressif ESP8266 technical reference: power-on, reset by pin or
software)."""

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
        self.links = LinkTable(self)
        self.station = Station(self, radio, self._on_address, self.links.drop_all)
        self.baud = self.running.uart.baud
        """The UART's rate now."""
        self._awaited: Awaited | None = None

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

    def finish(self, answer: bytes) -> None:
        """End the command in progress with its answer."""
        self._awaited = None
        super().finish(answer)

    def restart(self) -> None:
        """Say `OK` and restart; whatever was under way dies."""
        self.kernel.write(OK)
        self._stop()
        self.kernel.after(self.profile.restart_ns, lambda: self.boot(RESET_CAUSE))

    def boot(self, cause: int) -> None:
        """Start from flash: the ROM's text, then the banner."""
        self._stop()
        self.session = Session()
        self.running = self.flash
        self.set_baud(self.profile.rom_baud)
        self.kernel.write(self.profile.rom_text % cause)
        self.kernel.after(self.profile.boot_ns, self._booted)

    def sleep_deeply(self) -> None:
        """Say `OK` and switch off: nothing on an ESP-01 wakes the module but its reset pin."""
        self.kernel.write(OK)
        self._stop()

    def _stop(self) -> None:
        self.kernel.cancel_all()
        self.line.deafen()
        self.links.reset()
        self.station.reset()
        self._awaited = None

    def _booted(self) -> None:
        self.set_baud(self.running.uart.baud)
        self.kernel.write(self.profile.banner)
        self.line.idle()
        if self.running.autoconnect and self.running.ssid and self.station_enabled:
            self.station.join(self.profile.boot_associate_ns)

    def _on_address(self) -> None:
        self.links.status = Status.HAS_ADDRESS
