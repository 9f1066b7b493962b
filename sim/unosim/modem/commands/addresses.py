"""The commands about the station's addresses and names: DHCP, IP, MAC, host name, DNS servers."""

import ipaddress
import re
from dataclasses import replace

from unosim.modem.commands.command import Call, Command, say_ok, scoped
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, Reply, bare, info, line
from unosim.modem.settings import DHCP_SOFTAP, DHCP_STATION, SOFTAP, STATION, StationAddress

HOST_BYTES = 64
"""The longest host name or dotted address (Espressif AT instruction set)."""
HOSTNAME_BYTES = 32
MAC_BYTES = 17
DEFAULT_DNS = "208.67.222.222"
"""The server of last resort (Espressif AT instruction set, `AT+CIPDNS_CUR`)."""
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_DHCP_BITS = (DHCP_SOFTAP, DHCP_STATION, DHCP_SOFTAP | DHCP_STATION)
"""What the first parameter of `AT+CWDHCP` selects."""


def is_address(text: str) -> bool:
    """Return whether a host is a dotted IPv4 address, which needs no look-up."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _dhcp(core: Core, call: Call) -> Reply:
    source = core.flash if call.stored else core.running
    return bare(f"{call.name}:{source.dhcp}")


def _set_dhcp(core: Core, call: Call) -> Reply:
    bits = _DHCP_BITS[call.parameters.number(0, 2)]
    call.parameters.comma()
    on = call.parameters.number(0, 1)
    call.parameters.end()
    switch_dhcp(core, call, bits, on=bool(on))
    core.station.settle_address()
    return OK


def switch_dhcp(core: Core, call: Call, bits: int, *, on: bool) -> None:
    """Switch halves of DHCP in the running settings, and the same halves in flash if they are to be saved."""

    def switched(mask: int) -> int:
        return mask | bits if on else mask & ~bits

    core.running = replace(core.running, dhcp=switched(core.running.dhcp))
    if call.saves:
        core.flash = replace(core.flash, dhcp=switched(core.flash.dhcp))


def _address(core: Core, call: Call) -> Reply:
    now = core.flash.static_address if call.stored else core.station.address
    parts = [("ip", now.address), ("gateway", now.gateway), ("netmask", now.netmask)]
    if core.session.ipv6 and core.station.ready:
        parts.append(("ip6ll", _link_local(core)))
    return b"".join(line(f'{call.name}:{key}:"{value}"') for key, value in parts) + OK


def _set_address(core: Core, call: Call) -> Reply:
    """Set a static address; the gateway defaults to the first address of its /24 network."""
    parts = [dotted_parameter(call.parameters)]
    if call.parameters.more():
        parts.append(dotted_parameter(call.parameters))
        call.parameters.comma()
        parts.append(dotted_parameter(call.parameters))
    else:
        parts += [f"{parts[0].rpartition('.')[0]}.1", "255.255.255.0"]
    call.parameters.end()
    core.configure(save=call.saves, static_address=StationAddress(*parts))
    switch_dhcp(core, call, DHCP_STATION, on=False)
    core.station.settle_address()
    return OK


def dotted_parameter(parameters: Parameters) -> str:
    """Return the dotted address at the cursor."""
    text = parameters.string(HOST_BYTES)
    if not is_address(text):
        raise CommandError
    return text


def _mac(core: Core, call: Call) -> Reply:
    stored = core.flash.station_mac or core.factory_mac
    return info(f'{call.name}:"{stored if call.stored else core.station_mac}"')


def _set_mac(core: Core, call: Call) -> Reply:
    mac = call.parameters.string(MAC_BYTES)
    call.parameters.end()
    if not MAC.fullmatch(mac) or int(mac[:2], 16) & 1:  # the group bit
        raise CommandError
    core.configure(save=call.saves, station_mac=mac.lower())
    return OK


def _hostname(core: Core, call: Call) -> Reply:
    default = "ESP_" + core.station_mac.replace(":", "")[6:].upper()
    return info(f"{call.name}:{core.session.hostname or default}")


def _set_hostname(core: Core, call: Call) -> Reply:
    name = call.parameters.string(HOSTNAME_BYTES)
    call.parameters.end()
    if not core.station_enabled:
        raise CommandError
    core.session.hostname = name
    return OK


def _set_interface(core: Core, call: Call) -> Reply:
    """Set the address of the module's own access point, which has to be on."""
    if not core.running.mode & SOFTAP:
        raise CommandError
    address = call.parameters.string(HOST_BYTES, "IP ERROR")
    if not is_address(address):
        raise CommandError("IP ERROR")
    call.parameters.end()
    core.configure(save=False, softap_address=replace(core.running.softap_address, address=address))
    return OK


def _link_local(core: Core) -> str:
    """Return the station's IPv6 link-local address (RFC 4291, appendix A)."""
    octets = bytearray(bytes.fromhex(core.station_mac.replace(":", "")))
    octets[0] ^= 2
    interface = octets[:3] + b"\xff\xfe" + octets[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes(interface)))


def _interfaces(core: Core, _call: Call) -> Reply:
    mac = core.station_mac
    lines: list[str] = []
    if core.running.mode & SOFTAP:
        softap_ip = core.running.softap_address.address
        lines += [f'+CIFSR:APIP,"{softap_ip}"', f'+CIFSR:APMAC,"{core.softap_mac}"']
    if core.running.mode & STATION:
        lines.append(f'+CIFSR:STAIP,"{core.station.address.address}"')
        if core.session.ipv6 and core.station.ready:
            lines.append(f'+CIFSR:STAIP6LL,"{_link_local(core)}"')
        lines.append(f'+CIFSR:STAMAC,"{mac}"')
    return b"".join(map(line, lines)) + OK


def _dns(core: Core, call: Call) -> Reply:
    source = core.flash if call.stored else core.running
    servers = source.dns_servers
    if not servers and core.station.access_point:
        servers = core.station.access_point.dns_servers
    return b"".join(line(f"{call.name}:{server}") for server in servers or (DEFAULT_DNS,)) + OK


def _set_dns(core: Core, call: Call) -> Reply:
    on = call.parameters.number(0, 1)
    servers: list[str] = []
    for number in (1, 2):
        if on and call.parameters.more():
            servers.append(call.parameters.string(HOST_BYTES, f"IP{number} ERROR"))
            if not is_address(servers[-1]):
                raise CommandError(f"IP{number} invalid")
    call.parameters.end()
    core.configure(save=call.saves, dns_servers=tuple(servers))
    return OK


_DNS = Command(query=_dns, set=_set_dns)

COMMANDS: dict[str, Command] = {
    **scoped("+CWDHCP", Command(query=_dhcp, set=_set_dhcp)),
    **scoped("+CIPSTA", Command(query=_address, set=_set_address)),
    **scoped("+CIPSTAMAC", Command(query=_mac, set=_set_mac)),
    "+CWHOSTNAME": Command(query=_hostname, set=_set_hostname),
    "+CIFSR": Command(test=say_ok, set=_set_interface, execute=_interfaces),
    "+CIPDNS_CUR": _DNS,
    "+CIPDNS_DEF": _DNS,
}
