"""What the module's flash holds, and what it forgets at a restart.

`Settings` is what the commands with `_DEF` (and those without a suffix) write; it survives `power_on`. A copy
of it runs: `_CUR` commands change the copy alone. `Session` starts afresh at every boot.
"""

from dataclasses import dataclass, field
from functools import cached_property

STATION = 1
"""Bit of the Wi-Fi mode and value of the DHCP mask's station half. Bit 1 (2) is the access point."""
SOFTAP = 2
DHCP_SOFTAP = 1
"""Bits of the mask that `AT+CWDHCP?` prints; not the bits of the Wi-Fi mode."""
DHCP_STATION = 2
SCAN_ALL_FIELDS = 0x7FF
"""All eleven fields of a `+CWLAP` line."""


@dataclass(frozen=True)
class UartFormat:
    """The UART's rate in bits per second and its frame, in the numbers of `AT+UART`."""

    baud: int = 115_200
    data_bits: int = 8
    stop_bits: int = 1
    """1, 2 (meaning one and a half) or 3 (meaning two)."""
    parity: int = 0
    """0 none, 1 odd, 2 even."""
    flow_control: int = 0
    """Bit 0 RTS, bit 1 CTS; kept and reported, an ESP-01 has neither pin."""

    @cached_property
    def character_ns(self) -> int:
        """Return the time of one frame in ns, stop bits rounded up."""
        bits = 1 + self.data_bits + bool(self.parity) + (1 if self.stop_bits == 1 else 2)
        return bits * 1_000_000_000 // self.baud


@dataclass(frozen=True)
class StationAddress:
    """A station's dotted address, gateway and netmask."""

    address: str = "0.0.0.0"  # noqa: S104  # not bound to: it is what the module prints for "none"
    gateway: str = "0.0.0.0"  # noqa: S104  # as above
    netmask: str = "0.0.0.0"  # noqa: S104  # as above


@dataclass(frozen=True)
class Settings:
    """What is stored in flash; the defaults are those of an erased one.

    Vendors deliver modes 1 and 2; we take 1, so that a station works without `AT+CWMODE`.
    """

    mode: int = STATION
    ssid: str = ""
    """The network to join; empty for none."""
    password: str = field(default="", repr=False)
    bssid: str = ""
    """Restricts the network to one access point; empty for any."""
    autoconnect: bool = True
    dhcp: int = DHCP_SOFTAP | DHCP_STATION
    static_address: StationAddress = field(default_factory=StationAddress)
    """Holds while DHCP is off for the station."""
    station_mac: str = ""
    """Replaces the factory's MAC address; empty to use that."""
    uart: UartFormat = field(default_factory=UartFormat)
    messages: int = 0
    """`AT+SYSMSG`: bit 0 announces the end of transparent mode, bit 1 selects `+LINK_CONN` for `CONNECT`."""
    dns_servers: tuple[str, ...] = ()
    """Up to two, instead of those DHCP gives; empty to use those."""


@dataclass
class Session:
    """What every restart sets back to these values."""

    echo: bool = True
    multiple_links: bool = False
    peer_in_ipd: bool = False
    passive_receive: bool = False
    transparent: bool = False
    hostname: str = ""
    """Replaces the name made of the MAC address; empty to use that."""
    sleep: int = 2
    scan_sorted: bool = False
    scan_fields: int = SCAN_ALL_FIELDS
