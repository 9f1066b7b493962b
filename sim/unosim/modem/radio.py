"""What the modem's antenna can hear. Values only: who loses sight of an access point is told to the modem.

A `Radio` may be shared by many modems.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from unosim.modem.settings import StationAddress


class Encryption(enum.IntEnum):
    """The `ecn` codes of `+CWLAP` (Espressif AT instruction set)."""

    OPEN = 0
    WEP = 1
    WPA_PSK = 2
    WPA2_PSK = 3
    WPA_WPA2_PSK = 4
    WPA2_ENTERPRISE = 5
    """Firmware of the 1.x line cannot join it without a build option."""


CIPHERS = {
    Encryption.OPEN: 0,
    Encryption.WEP: 1,
    Encryption.WPA_PSK: 3,
    Encryption.WPA2_PSK: 4,
    Encryption.WPA_WPA2_PSK: 5,
    Encryption.WPA2_ENTERPRISE: 4,
}
"""The pairwise and group cipher codes (0 none, 1 WEP40, 3 TKIP, 4 CCMP, 5 both) usual for an encryption."""


def _lease() -> StationAddress:
    return StationAddress("192.168.1.9", "192.168.1.1", "255.255.255.0")


@dataclass(frozen=True)
class AccessPoint:
    """An access point in range, and the addresses its DHCP server gives."""

    ssid: str
    password: str = field(default="", repr=False)
    """Empty for an open network."""
    bssid: str = "02:00:00:00:00:01"
    channel: int = 6
    rssi_dbm: int = -57
    encryption: Encryption | None = None
    """None stands for WPA2 where there is a password, open where there is none."""
    lease: StationAddress = field(default_factory=_lease)
    dhcp_answers: bool = True
    """Whether there is a DHCP server at all."""
    dns_servers: tuple[str, ...] = ("192.168.1.1",)

    @property
    def security(self) -> Encryption:
        """Return the encryption in force."""
        if self.encryption is not None:
            return self.encryption
        return Encryption.WPA2_PSK if self.password else Encryption.OPEN


class Radio:
    """The access points around.

    Args:
        access_points: in the order in which a scan meets them.
        welcoming: answers to every other name and any password, for a module whose network is there anyway;
            None for a world in which names and passwords count.
    """

    def __init__(
        self, access_points: Sequence[AccessPoint] = (), *, welcoming: AccessPoint | None = None
    ) -> None:
        self.access_points = tuple(access_points)
        self.welcoming = welcoming
