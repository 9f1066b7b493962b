"""The commands of ESP-AT 2 that open links, read from them, and set how they behave; and the server's."""

from unosim.modem.actions import Kind
from unosim.modem.commands.addresses import HOST_BYTES
from unosim.modem.commands.command import Call, Command, flag_parameter
from unosim.modem.commands.server import DEFAULT_PORT
from unosim.modem.commands.tcpip import (
    ALL_LINKS,
    HIGHEST_PORT,
    KEEPALIVE_S,
    KINDS,
    link_parameter,
    open_link,
    status,
)
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.link import Link, Phase
from unosim.modem.links import Status
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, Reply, bare, info, line
from unosim.modem.settings import LINKS, STATION, PeerRule, Target, TcpOptions

READ_BYTES = 2**31 - 1
LINGER_S = 2**31 - 1
SEND_TIMEOUT_MS = 2**31 - 1
RECONNECT_INTERVALS = (1, 36_000)
"""Bounds of the parameters (ESP-AT user guide, TCP/IP commands)."""
NOT_INITIALISED, NOT_STARTED = 0, 1
"""What `AT+CIPSTATUS` prints before the numbers of `unosim.modem.links.Status`."""


def _target(parameters: Parameters) -> Target:
    """Return what `AT+CIPSTART` names; the module's own address, which may follow, is checked alone."""
    kind = KINDS.get(parameters.string(HOST_BYTES))
    if kind is None:
        raise CommandError
    parameters.comma()
    host = parameters.string(HOST_BYTES)
    parameters.comma()
    port = parameters.number(0, HIGHEST_PORT)
    local_port, peer_rule = 0, PeerRule.FIXED
    if kind is Kind.UDP:
        local_port = parameters.optional_number(1, HIGHEST_PORT, 0)
        peer_rule = PeerRule(parameters.optional_number(0, max(PeerRule), 0))
    else:
        parameters.optional_number(0, KEEPALIVE_S, 0)
    parameters.optional_string(HOST_BYTES, "")
    parameters.end()
    return Target(host, port, kind, local_port, peer_rule)


def _require_address(core: Core) -> None:
    if core.running.mode == STATION and not core.station.ready:
        raise CommandError


def _start(core: Core, call: Call) -> Reply:
    link = link_parameter(core, call.parameters)
    target = _target(call.parameters)
    _require_address(core)
    return open_link(core, link, target)


def _start_anywhere(core: Core, call: Call) -> Reply:
    """Open a connection on a link of the module's choice."""
    target = _target(call.parameters)
    _require_address(core)
    links = core.links.links if core.session.multiple_links else core.links.links[:1]
    free = next((link for link in links if link.phase is Phase.FREE), None)
    if free is None:
        raise CommandError
    return open_link(core, free, target)


def _status(core: Core, _call: Call) -> Reply:
    if not core.running.mode & STATION:
        return status(core, NOT_INITIALISED)
    if not core.station.started:
        return status(core, NOT_STARTED)
    now = core.links.status if core.station.ready else Status.NOT_JOINED
    return status(core, now)


def _peer_info(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{'true' if core.session.peer_in_ipd else 'false'}")


def _set_peer_info(core: Core, call: Call) -> Reply:
    core.session.peer_in_ipd = flag_parameter(call)
    return OK


def _passive(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.passive_receive:d}")


def _set_passive(core: Core, call: Call) -> Reply:
    """Choose who reads; what is held already is told of again, or printed, behind the `OK`."""
    passive = flag_parameter(call)
    core.session.passive_receive = passive
    receiver = core.links.receiver
    settle = receiver.tell_again if passive else receiver.release
    core.kernel.after(0, lambda: settle(core.links.links))
    return OK


def _read(core: Core, call: Call) -> Reply:
    link = link_parameter(core, call.parameters)
    count = call.parameters.number(1, READ_BYTES)
    call.parameters.end()
    if not link.held_bytes:
        raise CommandError
    data, sender = core.links.receiver.read(link, count)
    peer = core.profile.ipd_peer % sender if core.session.peer_in_ipd else ""
    return f"{call.name}:{len(data)}{peer},".encode() + data + OK


def _held(core: Core, call: Call) -> Reply:
    links = core.links.links if core.session.multiple_links else core.links.links[:1]
    lengths = (link.held_bytes if link.phase is Phase.OPEN else -1 for link in links)
    return info(f"{call.name}:{','.join(map(str, lengths))}")


def chosen_links(core: Core, parameters: Parameters) -> list[Link]:
    """Return the links that a setting is for: the one that is named, all for 5, or the only one."""
    if not core.session.multiple_links:
        return core.links.links[:1]
    number = parameters.number(0, ALL_LINKS)
    parameters.comma()
    return core.links.links if number == ALL_LINKS else [core.links.links[number]]


def _tcp_options(core: Core, call: Call) -> Reply:
    rows = enumerate(core.session.tcp_options[: LINKS if core.session.multiple_links else 1])
    numbers = (f"{number},{one.linger_s},{one.no_delay:d},{one.send_timeout_ms}" for number, one in rows)
    return b"".join(line(f"{call.name}:{row}") for row in numbers) + OK


def _set_tcp_options(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    links = chosen_links(core, parameters)
    default = TcpOptions()
    linger_s = default.linger_s if parameters.empty() else parameters.number(-1, LINGER_S)
    no_delay = bool(parameters.optional_number(0, 1, 0))
    send_timeout_ms = parameters.optional_number(0, SEND_TIMEOUT_MS, 0)
    parameters.end()
    for link in links:
        core.session.tcp_options[link.number] = TcpOptions(linger_s, no_delay, send_timeout_ms)
    return OK


def _server(core: Core, call: Call) -> Reply:
    port = core.server.port
    return info(f"{call.name}:0" if port is None else f'{call.name}:1,{port},"TCP"')


def _set_server(core: Core, call: Call) -> Reply:
    """Start or stop the server; an SSL server needs another chip."""
    on = call.parameters.number(0, 1)
    if on:
        port = call.parameters.optional_number(1, HIGHEST_PORT, DEFAULT_PORT)
        kind = call.parameters.optional_string(HOST_BYTES, Kind.TCP.value)
        call.parameters.end()
        if not core.session.multiple_links or kind != Kind.TCP.value or core.server.port is not None:
            raise CommandError
        core.server.start(port)
        return OK
    close_links = bool(call.parameters.optional_number(0, 1, 0))
    call.parameters.end()
    if core.server.port is None:
        raise CommandError
    core.server.stop(close_links=close_links)
    return OK


def _links_max(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.server_links_max}")


def _set_links_max(core: Core, call: Call) -> Reply:
    links_max = call.parameters.number(1, LINKS)
    call.parameters.end()
    inbound = sum(link.inbound for link in core.links.open())
    if links_max < inbound:
        core.kernel.write(line(f"Have {inbound} Connections"))  # this one diagnosis reaches the host
        raise CommandError
    core.session.server_links_max = links_max
    return OK


def _reconnection(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.running.reconnect_intervals}")


def _set_reconnection(core: Core, call: Call) -> Reply:
    intervals = call.parameters.number(*RECONNECT_INTERVALS)
    call.parameters.end()
    core.configure(save=call.saves, reconnect_intervals=intervals)
    return OK


COMMANDS: dict[str, Command] = {
    "+CIPSTART": Command(set=_start),
    "+CIPSTARTEX": Command(set=_start_anywhere),
    "+CIPSTATUS": Command(execute=_status),
    "+CIPDINFO": Command(query=_peer_info, set=_set_peer_info),
    "+CIPRECVMODE": Command(query=_passive, set=_set_passive),
    "+CIPRECVDATA": Command(set=_read),
    "+CIPRECVLEN": Command(query=_held),
    "+CIPTCPOPT": Command(query=_tcp_options, set=_set_tcp_options),
    "+CIPSERVER": Command(query=_server, set=_set_server),
    "+CIPSERVERMAXCONN": Command(query=_links_max, set=_set_links_max),
    "+CIPRECONNINTV": Command(query=_reconnection, set=_set_reconnection),
}
