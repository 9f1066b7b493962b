"""What every part of the engine shares: profile, time, settings, and the way back to the host."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from unosim.modem.errors import EXECUTION_FAILED
from unosim.modem.kernel import Kernel
from unosim.modem.profile import Profile
from unosim.modem.replies import ERROR, line
from unosim.modem.settings import STATION, Session, Settings

MESSAGES_WHILE_TRANSPARENT = 4
"""Bit of `AT+SYSMSG` that lets unsolicited lines through in pass-through mode."""


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
        self.line = profile.line_machine(profile.line_bytes)
        self.session = self.new_session()
        self.flash = settings
        self.running = settings
        self.factory_mac = factory_mac
        self._take_data: Callable[[bytes], None] = lambda _: None

    def new_session(self) -> Session:
        """Return what holds after a restart."""
        return Session(server_timeout_s=self.profile.server_timeout_s, sleep=self.profile.sleep)

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
        """Print an unsolicited line, which pass-through mode keeps back unless it is told not to."""
        if not self.session.transparent or self.running.messages & MESSAGES_WHILE_TRANSPARENT:
            self.kernel.write(line)

    def expect(self, count: int, take: Callable[[bytes], None], *, escaped: bool = False) -> None:
        """Prompt the host for `count` bytes (1 or more) of data, and pass them on once they are complete."""
        self._take_data = take
        self.kernel.write(self.profile.send_prompt)
        self.line.expect(count, escaped=escaped)

    def take_data(self, data: bytes) -> None:
        """Pass on the data that the host was prompted for."""
        self._take_data(data)

    def failure(self, diagnosis: str = "", code: int = EXECUTION_FAILED) -> bytes:
        """Return `ERROR`, with what this version says before it: a diagnosis, a number, or nothing."""
        said = line(diagnosis) if diagnosis and self.profile.diagnoses else b""
        return said + self.explanation(code) + ERROR

    def explanation(self, code: int) -> bytes:
        """Return the line with an error's number, if the host wants it."""
        return line(f"ERR CODE:0x{code:08x}") if self.session.error_codes else b""

    def finish(self, answer: bytes) -> None:
        """End the command in progress with its answer."""
        self.kernel.write(answer)
        self.line.idle()

    def link_prefix(self, link: int) -> str:
        """Return what names a link before its lines: nothing unless there may be several."""
        return f"{link}," if self.session.multiple_links else ""
