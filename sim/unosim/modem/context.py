"""What every part of the engine shares: profile, time, settings, and the way back to the host."""

from dataclasses import replace
from typing import Any

from unosim.modem.kernel import Kernel
from unosim.modem.line import LineMachine
from unosim.modem.profile import Profile
from unosim.modem.settings import STATION, Session, Settings


class Context:
    """The shared state, and the few things one does with it.

    Args:
        profile: the firmware version.
        settings: what flash holds at first.
        factory_mac: the station's MAC address, six hexadecimal pairs with colons.
    """

    def __init__(self, profile: Profile, settings: Settings, factory_mac: str) -> None:
        self.profile = profile
        self.kernel = Kernel()
        self.line = LineMachine(profile.line_bytes)
        self.session = Session()
        self.flash = settings
        self.running = settings
        self.factory_mac = factory_mac

    @property
    def station_enabled(self) -> bool:
        """Return whether the Wi-Fi mode includes the station."""
        return bool(self.running.mode & STATION)

    @property
    def station_mac(self) -> str:
        """Return the station's MAC address in force."""
        return self.running.station_mac or self.factory_mac

    @property
    def factory_softap_mac(self) -> str:
        """Return the access point's MAC address unless one is set: the station's, locally administered."""
        return f"{int(self.station_mac[:2], 16) | 2:02x}{self.station_mac[2:]}"

    @property
    def softap_mac(self) -> str:
        """Return the access point's MAC address in force."""
        return self.running.softap_mac or self.factory_softap_mac

    def configure(self, *, save: bool, **changes: Any) -> None:
        """Change fields of the running settings, and of those in flash if they are to be saved."""
        self.running = replace(self.running, **changes)
        if save:
            self.flash = replace(self.flash, **changes)

    def announce(self, line: bytes) -> None:
        """Print an unsolicited line, which pass-through mode keeps back."""
        if not self.session.transparent:
            self.kernel.write(line)

    def finish(self, answer: bytes) -> None:
        """End the command in progress with its answer."""
        self.kernel.write(answer)
        self.line.idle()

    def link_prefix(self, link: int) -> str:
        """Return what names a link before its lines: nothing unless there may be several."""
        return f"{link}," if self.session.multiple_links else ""
