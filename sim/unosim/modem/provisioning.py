"""Joining without typing a password: WPS by push button, and smart config by a telephone's broadcast.

Rules: the command's `OK` comes at once; what follows is unsolicited and depends on the world outside. Both
store the network they learn and join it. Neither survives a restart.
"""

from unosim.modem.context import Context
from unosim.modem.kernel import Timer
from unosim.modem.replies import line
from unosim.modem.station import Station

SMART_TYPES = {1: "ESPTOUCH", 2: "AIRKISS", 3: "ESPTOUCH"}
"""What `smartconfig type:` says for each parameter of `AT+CWSTARTSMART`; 3 listens for both kinds, and our
telephone speaks the first."""


class Provisioning:
    """Waits for a push of the button or for a telephone.

    Args:
        context: the shared parts of the engine.
        station: joins what was learnt.
    """

    def __init__(self, context: Context, station: Station) -> None:
        self._context = context
        self._station = station
        self._smart_type: int | None = None
        self._smart_joining = False
        self._wps: Timer | None = None

    def reset(self) -> None:
        """Wait for nothing any more."""
        self._context.kernel.cancel(self._wps)
        self._smart_type, self._smart_joining, self._wps = None, False, None

    def start_smart(self, smart_type: int) -> None:
        """Listen for a telephone (`smart_type` 1 to 3)."""
        self._smart_type = smart_type

    def start_wps(self) -> None:
        """Look for an access point whose button was pushed."""
        self._context.kernel.cancel(self._wps)
        self._wps = self._context.kernel.after(self._context.profile.wps_ns, self._wps_failed)

    def hear_telephone(self, ssid: str, password: str) -> None:
        """Take a network that a telephone broadcasts, if anybody listens."""
        if self._smart_type is None:
            return
        smart_type, self._smart_type = SMART_TYPES[self._smart_type], None
        self._context.announce(line(f"smartconfig type:{smart_type}") + line("Smart get wifi info"))
        self._context.announce(line(f"ssid:{ssid}") + line(f"password:{password}"))
        self._smart_joining = True
        self._join(ssid, password)

    def hear_button(self, ssid: str) -> None:
        """Take note that somebody pushed the button of a network's access point."""
        found = next((one for one in self._station.audible() if one.ssid == ssid), None)
        if self._wps is None or found is None:
            return
        self._context.kernel.cancel(self._wps)
        self._wps = None
        self._context.announce(line("wps success,connecting ap ..."))
        self._join(ssid, found.password)

    def on_address(self) -> None:
        """Take note that the station has an address."""
        if self._smart_joining:
            self._smart_joining = False
            self._context.announce(line("smartconfig connected wifi"))

    def _join(self, ssid: str, password: str) -> None:
        self._station.leave()
        self._context.configure(save=True, ssid=ssid, password=password, bssid="")
        self._station.join(self._context.profile.associate_ns)

    def _wps_failed(self) -> None:
        self._wps = None
        self._context.announce(line("wps fail"))
