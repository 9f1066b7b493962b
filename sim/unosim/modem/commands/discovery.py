"""The commands by which a module is found or introduced to a network: WPS, smart config, discovery, mDNS.

Discovery and mDNS speak on the network, which nobody listens to here: their parameters are checked.
"""

from unosim.modem.commands.addresses import HOST_BYTES
from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.tcpip import HIGHEST_PORT
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.provisioning import SMART_TYPES
from unosim.modem.replies import OK, Reply

DISCOVERY_S = 24 * 3_600
"""The longest interval of `AT+CWSTARTDISCOVER` (Espressif AT instruction set)."""
BOTH_TYPES = 3


def _wps(core: Core, call: Call) -> Reply:
    on = call.parameters.number(0, 1)
    call.parameters.end()
    if not core.station_enabled:
        raise CommandError
    if on:
        core.provisioning.start_wps()
    else:
        core.provisioning.reset()
    return OK


def _start_smart(core: Core, call: Call) -> Reply:
    smart_type = BOTH_TYPES
    if call.separator != "\r":
        smart_type = call.parameters.number(min(SMART_TYPES), max(SMART_TYPES))
        call.parameters.end()
    if not core.station_enabled:
        raise CommandError
    core.provisioning.start_smart(smart_type)
    return OK


def _stop_smart(core: Core, _call: Call) -> Reply:
    core.provisioning.reset()
    return OK


def _start_discovery(_core: Core, call: Call) -> Reply:
    parameters = call.parameters
    parameters.string(HOST_BYTES)
    parameters.comma()
    parameters.string(HOST_BYTES)
    parameters.comma()
    parameters.number(0, DISCOVERY_S)
    parameters.end()
    return OK


def _stop_discovery(_core: Core, _call: Call) -> Reply:
    return OK


def _mdns(_core: Core, call: Call) -> Reply:
    parameters = call.parameters
    if parameters.number(0, 1):
        for _ in range(2):
            parameters.comma()
            parameters.string(HOST_BYTES)
        parameters.comma()
        parameters.number(1, HIGHEST_PORT)
    parameters.end()
    return OK


COMMANDS: dict[str, Command] = {
    "+WPS": Command(set=_wps),
    "+CWSTARTSMART": Command(set=_start_smart, execute=_start_smart),
    "+CWSTOPSMART": Command(execute=_stop_smart),
    "+CWSTARTDISCOVER": Command(set=_start_discovery),
    "+CWSTOPDISCOVER": Command(execute=_stop_discovery),
    "+MDNS": Command(set=_mdns),
}
