"""The commands of ESP-AT 2 about addresses, names, time and the module's own access point."""

from unosim.modem import actions
from unosim.modem.commands.addresses import DEFAULT_DNS, HOST_BYTES, MAC_BYTES, dotted_parameter, switch_dhcp
from unosim.modem.commands.command import Call, Command, flag_parameter
from unosim.modem.commands.sockets import host_parameter, resolve
from unosim.modem.commands.softap import country_parameters, guests
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.events import Pong, Resolved
from unosim.modem.replies import OK, PENDING, Reply, bare, info, line
from unosim.modem.settings import DHCP_SOFTAP, DHCP_STATION, SntpSettings

DNS_SERVERS_MAX = 3
PROTOCOLS = {1, 3, 7}
"""802.11b, bg and bgn."""
SNTP_SERVERS_MAX = 3
TIMEZONES = (-12, 14)
"""Hours east of Greenwich; beyond them hours and minutes, as in 1245 (ESP-AT user guide, `AT+CIPSNTPCFG`)."""
LOWEST_WITH_MINUTES = 100
_BITS = ((1, DHCP_STATION), (2, DHCP_SOFTAP))
"""The bits of `AT+CWDHCP`, and those of the settings, which have them the other way round."""


def _dhcp(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{sum(bit for bit, own in _BITS if core.running.dhcp & own)}")


def _set_dhcp(core: Core, call: Call) -> Reply:
    on = bool(call.parameters.number(0, 1))
    call.parameters.comma()
    mask = call.parameters.number(1, 3)
    call.parameters.end()
    switch_dhcp(core, call, sum(own for bit, own in _BITS if mask & bit), on=on)
    core.station.settle_address()
    return OK


def _dns(core: Core, call: Call) -> Reply:
    servers = core.running.dns_servers
    by_hand = bool(servers)
    if not by_hand and core.station.access_point:
        servers = core.station.access_point.dns_servers
    quoted = ",".join(f'"{server}"' for server in servers or (DEFAULT_DNS,))
    return info(f"{call.name}:{by_hand:d},{quoted}")


def _set_dns(core: Core, call: Call) -> Reply:
    by_hand = call.parameters.number(0, 1)
    servers: list[str] = []
    while by_hand and len(servers) < DNS_SERVERS_MAX and call.parameters.given():
        servers.append(dotted_parameter(call.parameters))
    call.parameters.end()
    if len(set(servers)) < len(servers):
        raise CommandError
    core.configure(save=call.saves, dns_servers=tuple(servers) or (DEFAULT_DNS,) * by_hand)
    return OK


def _domain(core: Core, call: Call) -> Reply:
    def report(address: str | None) -> None:
        core.finish(core.failure() if address is None else info(f'{call.name}:"{address}"'))

    resolve(core, host_parameter(call), report)
    return PENDING


def _ping(core: Core, call: Call) -> Reply:
    host = host_parameter(call)

    def send(address: str | None) -> None:
        if address is None:
            core.finish(line(f"{call.name}:TIMEOUT") + core.failure())
        else:
            _Ping(core, call.name, host)

    resolve(core, host, send)
    return PENDING


class _Ping:
    """One echo request; an answer within the same millisecond is taken for none."""

    def __init__(self, core: Core, name: str, host: str) -> None:
        self._core = core
        self._name = name
        self._host = host
        self._patience = core.kernel.after(core.profile.ping_ns, lambda: self._end(0))
        core.await_answer(self._take)
        if core.station.ready:
            core.kernel.act(actions.Ping(host))

    def _take(self, event: Resolved | Pong) -> None:
        if isinstance(event, Pong) and event.host == self._host and event.ms is not None:
            self._core.kernel.cancel(self._patience)
            self._end(event.ms)

    def _end(self, ms: int) -> None:
        silence = line(f"{self._name}:TIMEOUT") + self._core.failure()
        self._core.finish(info(f"{self._name}:{ms}") if ms else silence)


def _clock(core: Core, call: Call) -> Reply:
    settings = core.sntp.settings
    if not settings.enabled:
        return info(f"{call.name}:0")
    servers = ",".join(f'"{server}"' for server in settings.servers)
    return info(f"{call.name}:1,{settings.timezone},{servers}")


def _set_clock(core: Core, call: Call) -> Reply:
    parameters, default = call.parameters, SntpSettings()
    enabled = bool(parameters.number(0, 1))
    timezone = parameters.optional_number(-1259, 1459, default.timezone)
    if abs(timezone) < LOWEST_WITH_MINUTES and not TIMEZONES[0] <= timezone <= TIMEZONES[1]:
        raise CommandError
    if abs(timezone) % LOWEST_WITH_MINUTES > 59:
        raise CommandError
    servers: list[str] = []
    while len(servers) < SNTP_SERVERS_MAX and parameters.given():
        servers.append(parameters.string(HOST_BYTES))
    parameters.end()
    settings = SntpSettings(enabled, timezone, tuple(servers) or default.servers)
    core.sntp.configure(settings, reachable=core.station.ready)
    return OK


def _country(core: Core, call: Call) -> Reply:
    now = core.running.country
    return info(f"{call.name}:{now.policy},{now.code},{now.first_channel},{now.channels}")


def _set_country(core: Core, call: Call) -> Reply:
    core.configure(save=False, country=country_parameters(call.parameters))
    return OK


def _protocols(field: str) -> Command:
    """Return the command that keeps and reports a set of 802.11 protocols."""

    def query(core: Core, call: Call) -> Reply:
        return info(f"{call.name}:{getattr(core.running, field)}")

    def put(core: Core, call: Call) -> Reply:
        protocols = call.parameters.number(1, 7)
        call.parameters.end()
        if protocols not in PROTOCOLS:
            raise CommandError
        core.configure(save=call.saves, **{field: protocols})
        return OK

    return Command(query=query, set=put)


def _guests(core: Core, call: Call) -> Reply:
    return guests(core, f"{call.name}:")


def _dismiss_all(core: Core, _call: Call) -> Reply:
    """Send everybody away; no line says so (known issue in the release notes of ESP-AT 2.2.1)."""
    core.softap.reset()
    return OK


def _dismiss(core: Core, call: Call) -> Reply:
    mac = call.parameters.string(MAC_BYTES)
    call.parameters.end()
    if not core.softap.expel(mac.lower()):
        raise CommandError
    return OK


def _ipv6(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.ipv6:d}")


def _set_ipv6(core: Core, call: Call) -> Reply:
    core.session.ipv6 = flag_parameter(call)
    return OK


COMMANDS: dict[str, Command] = {
    "+CWDHCP": Command(query=_dhcp, set=_set_dhcp),
    "+CIPDNS": Command(query=_dns, set=_set_dns),
    "+CIPDOMAIN": Command(set=_domain),
    "+PING": Command(set=_ping),
    "+CIPSNTPCFG": Command(query=_clock, set=_set_clock),
    "+CWCOUNTRY": Command(query=_country, set=_set_country),
    "+CWSTAPROTO": _protocols("station_protocols"),
    "+CWAPPROTO": _protocols("softap_protocols"),
    "+CWLIF": Command(execute=_guests),
    "+CWQIF": Command(set=_dismiss, execute=_dismiss_all),
    "+CIPV6": Command(query=_ipv6, set=_set_ipv6),
}
