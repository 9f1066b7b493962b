"""The commands about the module's own access point, and the country that governs its channels."""

import ipaddress

from unosim.modem.commands.addresses import MAC, MAC_BYTES, dotted_parameter
from unosim.modem.commands.command import Call, Command, scoped
from unosim.modem.commands.wifi import PASSWORD_BYTES, SSID_BYTES
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.radio import Encryption
from unosim.modem.replies import OK, Reply, bare, info, line
from unosim.modem.settings import SOFTAP, Country, Leases, SoftApSettings, StationAddress

HIGHEST_CHANNEL = 13
GUESTS_MAX = 8
PASSWORD_BYTES_MIN = 8
LEASE_MINUTES = 2_880
"""Bounds of `AT+CWSAP` and `AT+CWDHCPS` (Espressif AT instruction set)."""
COUNTRY_BYTES = 3
_ENCRYPTIONS = {Encryption.OPEN, Encryption.WPA_PSK, Encryption.WPA2_PSK, Encryption.WPA_WPA2_PSK}
"""What the module's access point can do."""


def _access_point(core: Core, call: Call) -> Reply:
    now = (core.flash if call.stored else core.running).softap
    ssid = now.ssid or "ESP_" + core.softap_mac.replace(":", "")[6:].upper()
    numbers = f"{now.channel},{now.encryption},{now.guests_max},{now.hidden:d}"
    return info(f'{call.name}:"{ssid}","{now.password}",{numbers}')


def _set_access_point(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    ssid = parameters.string(SSID_BYTES)
    parameters.comma()
    password = parameters.string(PASSWORD_BYTES)
    parameters.comma()
    channel = parameters.number(1, HIGHEST_CHANNEL)
    parameters.comma()
    encryption = parameters.number(0, max(_ENCRYPTIONS))
    default = SoftApSettings()
    guests_max = parameters.number(1, GUESTS_MAX) if parameters.more() else default.guests_max
    hidden = bool(parameters.number(0, 1)) if parameters.more() else default.hidden
    parameters.end()
    if encryption not in _ENCRYPTIONS or (encryption and len(password) < PASSWORD_BYTES_MIN):
        raise CommandError
    if not core.running.mode & SOFTAP or not ssid:
        raise CommandError
    softap = SoftApSettings(ssid, password, channel, encryption, guests_max, hidden)
    core.configure(save=call.saves, softap=softap)
    core.softap.dismiss()
    return OK


def _guests(core: Core, _call: Call) -> Reply:
    return guests(core, "")


def guests(core: Core, prefix: str) -> bytes:
    """Return a line for every guest that has an address, each behind a prefix."""
    known = (one for one in core.softap.guests if one.address)
    return b"".join(line(f"{prefix}{one.address},{one.mac}") for one in known) + OK


def _address(core: Core, call: Call) -> Reply:
    now = (core.flash if call.stored else core.running).softap_address
    parts = (("ip", now.address), ("gateway", now.gateway), ("netmask", now.netmask))
    return b"".join(line(f'{call.name}:{key}:"{value}"') for key, value in parts) + OK


def _set_address(core: Core, call: Call) -> Reply:
    """Set the address; gateway and netmask follow from it if they are not given."""
    address = dotted_parameter(call.parameters)
    gateway, netmask = address, "255.255.255.0"
    if call.parameters.more():
        gateway = dotted_parameter(call.parameters)
        call.parameters.comma()
        netmask = dotted_parameter(call.parameters)
    call.parameters.end()
    core.configure(save=call.saves, softap_address=StationAddress(address, gateway, netmask))
    return OK


def _mac(core: Core, call: Call) -> Reply:
    stored = core.flash.softap_mac or core.factory_softap_mac
    return info(f'{call.name}:"{stored if call.stored else core.softap_mac}"')


def _set_mac(core: Core, call: Call) -> Reply:
    mac = call.parameters.string(MAC_BYTES)
    call.parameters.end()
    if not MAC.fullmatch(mac) or int(mac[:2], 16) & 1:  # the group bit
        raise CommandError
    core.configure(save=call.saves, softap_mac=mac.lower())
    return OK


def _leases(core: Core, call: Call) -> Reply:
    now = (core.flash if call.stored else core.running).leases
    return bare(f"{call.name}:{now.minutes},{now.first},{now.last}")


def _set_leases(core: Core, call: Call) -> Reply:
    leases = _lease_range(call.parameters) if call.parameters.number(0, 1) else Leases()
    call.parameters.end()
    core.configure(save=call.saves, leases=leases)
    return OK


def _lease_range(parameters: Parameters) -> Leases:
    parameters.comma()
    minutes = parameters.number(1, LEASE_MINUTES)
    parameters.comma()
    first = dotted_parameter(parameters)
    parameters.comma()
    last = dotted_parameter(parameters)
    if ipaddress.IPv4Address(first) > ipaddress.IPv4Address(last):
        raise CommandError
    return Leases(minutes, first, last)


def _country(core: Core, call: Call) -> Reply:
    now = (core.flash if call.stored else core.running).country
    return info(f"{call.name}:{now.policy},{now.code},{now.first_channel},{now.channels}")


def _set_country(core: Core, call: Call) -> Reply:
    core.configure(save=call.saves, country=country_parameters(call.parameters))
    return OK


def country_parameters(parameters: Parameters) -> Country:
    """Return what `AT+CWCOUNTRY` was told."""
    policy = parameters.number(0, 1)
    parameters.comma()
    code = parameters.string(COUNTRY_BYTES)
    parameters.comma()
    first_channel = parameters.number(1, HIGHEST_CHANNEL + 1)
    parameters.comma()
    channels = parameters.number(1, HIGHEST_CHANNEL + 1)
    parameters.end()
    return Country(policy, code, first_channel, channels)


LEASES = Command(query=_leases, set=_set_leases)
_COUNTRY = Command(query=_country, set=_set_country)

COMMANDS: dict[str, Command] = {
    **scoped("+CWSAP", Command(query=_access_point, set=_set_access_point)),
    **scoped("+CIPAP", Command(query=_address, set=_set_address)),
    **scoped("+CIPAPMAC", Command(query=_mac, set=_set_mac)),
    "+CWLIF": Command(execute=_guests),
    "+CWDHCPS_CUR": LEASES,
    "+CWDHCPS_DEF": LEASES,
    "+CWCOUNTRY_CUR": _COUNTRY,
    "+CWCOUNTRY_DEF": _COUNTRY,
}
