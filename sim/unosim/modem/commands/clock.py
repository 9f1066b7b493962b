"""The commands of the SNTP clock."""

from unosim.modem.commands.addresses import HOST_BYTES
from unosim.modem.commands.command import Call, Command
from unosim.modem.core import Core
from unosim.modem.replies import OK, Reply, bare, info
from unosim.modem.settings import SntpSettings

TIMEZONES = (-11, 13)
"""Hours east of Greenwich that `AT+CIPSNTPCFG` takes (Espressif AT instruction set)."""
SERVERS_MAX = 3


def _configuration(core: Core, call: Call) -> Reply:
    settings = core.sntp.settings
    if not settings.enabled:
        return info(f"{call.name}:0")
    servers = ",".join(f'"{server}"' for server in settings.servers)
    return info(f"{call.name}:1,{settings.timezone},{servers}")


def _configure(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    enabled = bool(parameters.number(0, 1))
    default = SntpSettings()
    timezone = parameters.number(*TIMEZONES) if parameters.more() else default.timezone
    servers: list[str] = []
    while len(servers) < SERVERS_MAX and parameters.more():
        servers.append(parameters.string(HOST_BYTES))
    parameters.end()
    settings = SntpSettings(enabled, timezone, tuple(servers) or default.servers)
    core.sntp.configure(settings, reachable=core.station.ready)
    return OK


def _time(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{core.sntp.text()}{core.profile.time_tail}")


COMMANDS: dict[str, Command] = {
    "+CIPSNTPCFG": Command(query=_configuration, set=_configure),
    "+CIPSNTPTIME": Command(query=_time),
}
