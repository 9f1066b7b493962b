"""The room of the demo and the system tests: its Wi-Fi, its server's name, what its sensors see.

The node in it is set up over its cable (`unosim.cable`); its key is known to everybody, which is right for a
lab and for nothing else.
"""

import base64
import functools

from unosim.cable import set_up
from unosim.clock import NS_PER_S
from unosim.esp01 import Module
from unosim.modem import AccessPoint, Modem
from unosim.simulation import AnalogSource

SERVER = ("ingest.lan", 8080)
"""Name and port of the ingest server as devices know it."""

DEVICE = "uno-1"
KEY = bytes(range(32))
KEY_TEXT = base64.urlsafe_b64encode(KEY).decode().rstrip("=")

SETTINGS = {
    "wifi-ssid": "unolink",
    "wifi-password": "simulated",
    "server-host": SERVER[0],
    "server-port": str(SERVER[1]),
    "device": DEVICE,
    "key": KEY_TEXT,
    "interval-ms": "1000",
    "channels": "a0,a1",
}
"""What the node is told, by the names of docs/provisioning.md."""


@functools.cache
def set_up_eeprom(flash: bytes, **changes: str) -> bytes:
    """Return the EEPROM of an Uno that has been told `SETTINGS` over its cable.

    Args:
        flash: our firmware.
        changes: other values, by names with an underscore for the dash.
    """
    return set_up(flash, SETTINGS | {name.replace("_", "-"): value for name, value in changes.items()})


MODULE = Module(access_points=(AccessPoint(ssid="unolink", password="simulated"),))  # noqa: S106  # no secret: it is in the README
"""The ESP-01, within reach of the room's access point."""


def make_modem() -> Modem:
    """Return the ESP-01, not powered yet."""
    return MODULE.make()


def room_sensors() -> dict[int, AnalogSource]:
    """Return what the analog pins see in mV: A0 rises and falls within a minute, A1 fades."""

    def temperature(now_ns: int) -> int:
        phase_ms = now_ns * 1_000 // NS_PER_S % 60_000
        return 2_000 + abs(30_000 - phase_ms) // 30  # a minute from 3 V to 2 V and back

    def light(now_ns: int) -> int:
        return max(0, 3_300 - 20 * now_ns // NS_PER_S)

    return {0: temperature, 1: light}
