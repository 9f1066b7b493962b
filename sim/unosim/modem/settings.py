"""What the module's flash holds, and what it forgets at a restart.

`Settings` is what the commands with `_DEF` (and those without a suffix) write; it survives `power_on`. A copy
of it runs: `_CUR` commands change the copy alone. `Session` starts afresh at every boot.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from unosim.modem.actions import Kind

LINKS = 5
"""Links of the module, numbered from 0 (Espressif AT instruction set, `AT+CIPSTART`)."""
STATION = 1
"""Bit of the Wi-Fi mode and value of the DHCP mask's station half. Bit 1 (2) is the access point."""
SOFTAP = 2
DHCP_SOFTAP = 1
"""Bits of the mask that `AT+CWDHCP?` prints; not the bits of the Wi-Fi mode."""
DHCP_STATION = 2


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


class PeerRule(enum.IntEnum):
    """Whether a UDP link's peer becomes whoever last sent it something (last parameter of `AT+CIPSTART`)."""

    FIXED = 0
    CHANGES_ONCE = 1
    CHANGES_ALWAYS = 2


@dataclass(frozen=True)
class Target:
    """Where a link leads: what `AT+CIPSTART` and `AT+SAVETRANSLINK` were told."""

    host: str
    port: int
    kind: Kind = Kind.TCP
    local_port: int = 0
    """UDP: the module's own port; 0 for any."""
    peer_rule: PeerRule = PeerRule.FIXED


@dataclass(frozen=True)
class SntpSettings:
    """What `AT+CIPSNTPCFG` sets; lost at a restart."""

    enabled: bool = False
    timezone: int = 8
    """Hours east of Greenwich, or (from 100 on) hours and minutes as in 1245."""
    servers: tuple[str, ...] = ("cn.ntp.org.cn", "ntp.sjtu.edu.cn", "us.pool.ntp.org")


@dataclass(frozen=True)
class SoftApSettings:
    """The module's own access point (`AT+CWSAP`)."""

    ssid: str = ""
    """Empty for the name made of the MAC address."""
    password: str = field(default="", repr=False)
    channel: int = 1
    encryption: int = 0
    guests_max: int = 4
    hidden: bool = False


@dataclass(frozen=True)
class Leases:
    """What the access point's DHCP server gives (`AT+CWDHCPS`)."""

    minutes: int = 120
    first: str = "192.168.4.2"
    last: str = "192.168.4.101"


@dataclass(frozen=True)
class Country:
    """The channels that are allowed (`AT+CWCOUNTRY`); kept and reported."""

    policy: int = 0
    code: str = "CN"
    first_channel: int = 1
    channels: int = 13


@dataclass(frozen=True)
class JoinOptions:
    """How ESP-AT 2 joins (the optional parameters of `AT+CWJAP`); the NONOS line has no choice."""

    authenticated_only: bool = False
    """`pci_en`: open and WEP networks are not joined."""
    reconnect_s: int = 1
    """Between two attempts to come back; 0 for never."""
    reconnects_max: int = 0
    """How many attempts; 0 for ever."""
    listen_interval: int = 3
    """Beacons between two looks for waiting frames; kept and reported."""
    strongest: bool = True
    """Whether all channels are scanned for the strongest access point, instead of taking the first."""
    protected_frames: int = 0
    """`pmf`; kept and reported."""


@dataclass(frozen=True)
class Enterprise:
    """The identity shown to a WPA2-Enterprise network (`AT+CWJEAP`)."""

    ssid: str
    method: int
    """0 EAP-TLS, 1 EAP-PEAP, 2 EAP-TTLS."""
    identity: str
    username: str = ""
    password: str = field(default="", repr=False)
    security: int = 0
    """Bit 0 shows the module's certificate, bit 1 verifies the server's."""


@dataclass(frozen=True)
class SslOptions:
    """How one link does SSL as a client; ESP-AT 2 has a set for each."""

    checks: int = 0
    """Bit 0 shows the module's certificate, bit 1 verifies the server's."""
    certificate: int = 0
    authority: int = 0
    """Which of the stored ones; there is one of each."""
    common_name: str = ""
    server_name: str = ""
    protocols: tuple[str, ...] = ()
    """ALPN."""
    key: str = field(default="", repr=False)
    key_hint: str = ""
    """Pre-shared key; all but `checks` is kept and reported."""


@dataclass(frozen=True)
class TcpOptions:
    """Socket options of one link (`AT+CIPTCPOPT`)."""

    linger_s: int = -1
    """-1 off; 0 makes a close a reset."""
    no_delay: bool = False
    send_timeout_ms: int = 0
    """Kept and reported, like `no_delay`."""


@dataclass
class Pin:
    """A GPIO as the pin commands left it; the numbers are theirs."""

    function: int = 0
    pull_up: bool = False
    output: bool = False
    level: int = 0


def _softap_address() -> StationAddress:
    return StationAddress("192.168.4.1", "192.168.4.1", "255.255.255.0")


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
    softap: SoftApSettings = field(default_factory=SoftApSettings)
    softap_address: StationAddress = field(default_factory=_softap_address)
    softap_mac: str = ""
    """Replaces the MAC address made of the station's; empty to use that."""
    leases: Leases = field(default_factory=Leases)
    country: Country = field(default_factory=Country)
    saved_link: Target | None = None
    """`AT+SAVETRANSLINK`: the module starts in pass-through mode, over this link."""
    join_options: JoinOptions = field(default_factory=JoinOptions)
    enterprise: Enterprise | None = None
    ssl_options: tuple[SslOptions, ...] = (SslOptions(),) * LINKS
    """By link."""
    reconnect_intervals: int = 1
    """`AT+CIPRECONNINTV`: tenths of a second between two attempts to bring a pass-through link back."""
    station_protocols: int = 7
    softap_protocols: int = 7
    """Bits of 802.11b, g and n; kept and reported."""
    rf_power: int = 78
    """In quarters of a dBm."""
    partitions: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """User partitions that are not erased (`AT+SYSFLASH`)."""

    def masked(self, mask: Callable[[str], str]) -> "Settings":
        """Return a copy without secrets: passwords and keys replaced by their masks, partitions by zeros."""
        enterprise = self.enterprise
        return replace(
            self,
            password=mask(self.password),
            softap=replace(self.softap, password=mask(self.softap.password)),
            enterprise=enterprise and replace(enterprise, password=mask(enterprise.password)),
            ssl_options=tuple(replace(one, key=mask(one.key)) for one in self.ssl_options),
            partitions=tuple((name, bytes(len(content))) for name, content in self.partitions),
        )


@dataclass
class Session:
    """What every restart sets back to these values."""

    echo: bool = True
    multiple_links: bool = False
    peer_in_ipd: bool = False
    passive_receive: bool = False
    transparent: bool = False
    """`AT+CIPMODE=1`."""
    passing_through: bool = False
    """Bytes of the host are data at the moment, and those of the peer are printed bare."""
    server_timeout_s: int = 180
    """`AT+CIPSTO`: an inbound link is closed when it has been idle for this long; 0 for never."""
    server_links_max: int = 5
    """`AT+CIPSERVERMAXCONN`."""
    ssl_buffer_bytes: int = 2_048
    """`AT+CIPSSLSIZE`: kept and reported; our networks terminate SSL themselves."""
    pins: dict[int, Pin] = field(default_factory=dict)
    """Those that were touched, by number."""
    ssl_checks: int = 0
    """`AT+CIPSSLCCONF`: bit 0 shows the module's certificate, bit 1 verifies the server's."""
    hostname: str = ""
    """Replaces the name made of the MAC address; empty to use that."""
    sleep: int = 2
    scan_sorted: bool = False
    scan_fields: int | None = None
    """Which fields a `+CWLAP` line has; None for all that the version knows."""
    scan_rssi_dbm_min: int = -100
    scan_encryptions: int = 0xFF
    """Bits of the encryptions that a scan lists."""
    stores: bool = True
    """`AT+SYSSTORE`: set commands write to flash."""
    error_codes: bool = False
    """`AT+SYSLOG`: errors are explained by a number."""
    ipv6: bool = False
    """`AT+CIPV6`."""
    tcp_options: list[TcpOptions] = field(default_factory=lambda: [TcpOptions()] * LINKS)
    """By link."""
    registers: dict[int, int] = field(default_factory=dict)
    """What `AT+SYSREG` has written, by address."""
