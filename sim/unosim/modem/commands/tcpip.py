"""The commands that open, use and close links.

`ssl must on TCP`, which the AT library holds for SSL over something else, cannot happen: a link has one kind.
"""

from unosim.modem.actions import Kind
from unosim.modem.commands.addresses import HOST_BYTES, is_address
from unosim.modem.commands.command import Call, Command, say_ok
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.link import Link, Phase
from unosim.modem.links import Status
from unosim.modem.parameters import Parameters
from unosim.modem.pass_through import is_suitable
from unosim.modem.replies import OK, PENDING, Reply, line
from unosim.modem.sending import SEND_BYTES, Send
from unosim.modem.settings import STATION, PeerRule, Target

KEEPALIVE_S = 7_200
"""The longest keep-alive interval (Espressif AT instruction set)."""
RECEIVED_HEAD = "\r\n+CIPRECVDATA,%d:"
"""Against Espressif's own document, which has colon and comma the other way round."""
READ_BYTES = 2_048
"""The most that one `AT+CIPRECVDATA` returns (Espressif AT instruction set)."""
ALL_LINKS = 5
"""In place of a link's number, `AT+CIPCLOSE` takes this for all of them."""
HIGHEST_PORT = 65_535
KINDS = {kind.value: kind for kind in Kind}


def link_parameter(core: Core, parameters: Parameters, diagnosis: str = "") -> Link:
    """Return the link that the first parameter names; without multiple links it is always link 0."""
    if not core.session.multiple_links:
        return core.links.links[0]
    link = core.links.links[parameters.number(0, ALL_LINKS - 1, diagnosis)]
    parameters.comma(diagnosis)
    return link


def target_parameters(parameters: Parameters) -> Target:
    """Return what `AT+CIPSTART` names; the checks stand in the order of the AT library."""
    kind = KINDS.get(parameters.string(HOST_BYTES, "Link type ERROR"))
    if kind is None:
        raise CommandError("Link type ERROR")
    parameters.comma("IP ERROR")
    host = parameters.string(HOST_BYTES, "IP ERROR")
    parameters.comma("ENTRY ERROR")
    port = parameters.number(0, HIGHEST_PORT)
    local_port, peer_rule = 0, PeerRule.FIXED
    if kind is not Kind.UDP:
        if parameters.more():
            parameters.number(0, KEEPALIVE_S)
    elif parameters.more():
        local_port = parameters.number(1, HIGHEST_PORT, "Miss param")
        if parameters.more():
            peer_rule = PeerRule(parameters.number(0, max(PeerRule), "Miss param"))
    parameters.end()
    return Target(host, port, kind, local_port, peer_rule)


def _start(core: Core, call: Call) -> Reply:
    """Open a connection; the checks stand in the order of the AT library."""
    if core.running.mode == STATION and not core.station.ready:
        raise CommandError("no ip")
    link = link_parameter(core, call.parameters, "ID ERROR")
    return open_link(core, link, target_parameters(call.parameters))


def open_link(core: Core, link: Link, target: Target) -> Reply:
    """Open a connection on a link that must be free."""
    if link.phase is not Phase.FREE:
        raise CommandError("ALREADY CONNECTED")
    ssl_links = sum(one.kind is Kind.SSL for one in core.links.open())
    if target.kind is Kind.SSL and ssl_links >= core.profile.ssl_links_max:
        raise CommandError("ssl reach max")
    if core.station.ready or is_address(target.host):
        core.links.connect(link, target, reachable=core.station.ready)
    else:
        core.kernel.after(core.profile.name_timeout_ns, lambda: core.finish(core.failure("DNS Fail")))
    return PENDING


def _close_one(core: Core, _call: Call) -> Reply:
    if core.session.multiple_links:
        raise CommandError("MUX=1")
    link = core.links.links[0]
    if link.phase is not Phase.OPEN:
        raise CommandError
    core.links.close(link)
    return OK


def _close_link(core: Core, call: Call) -> Reply:
    if not core.session.multiple_links:
        raise CommandError("MUX=0")
    number = call.parameters.number(0, ALL_LINKS)
    call.parameters.end()
    links = core.links.open() if number == ALL_LINKS else [core.links.links[number]]
    for link in links:
        if link.phase is not Phase.OPEN:
            raise CommandError("UNLINK")
        core.links.close(link)
    return OK


def _set_close_mode(core: Core, call: Call) -> Reply:
    link = link_parameter(core, call.parameters)
    abort = bool(call.parameters.number(0, 1))
    call.parameters.end()
    link.abort_on_close = abort
    return OK


def _send(core: Core, call: Call) -> Reply:
    """Prompt for data; the checks stand in the order of the AT library."""
    parameters = call.parameters
    if core.session.transparent:
        raise CommandError("IPMODE=1")
    link = link_parameter(core, parameters)
    if link.phase is not Phase.OPEN:
        raise CommandError("link is not valid")
    if link.segments.waiting:
        raise CommandError("send mode error")
    count = parameters.number(1, 2**31 - 1)
    if count > SEND_BYTES:
        raise CommandError("too long")
    to = _peer(parameters) if link.kind is Kind.UDP and parameters.more() else None
    parameters.end("no tail")
    core.links.sender.begin(Send(link, to), count, escaped=call.name == "+CIPSENDEX")
    return PENDING


def _peer(parameters: Parameters) -> tuple[str, int]:
    """Return the address and port of a datagram's peer."""
    address = parameters.string(HOST_BYTES, "ip error")
    if not is_address(address):
        raise CommandError("ip error")
    parameters.comma("no port")
    port = parameters.number(-(2**31), 2**31 - 1, "port error")
    if not 1 <= port <= HIGHEST_PORT:
        raise CommandError("port range error")
    return address, port


def _pass_through(core: Core, _call: Call) -> Reply:
    """Enter pass-through mode over the only link."""
    if not core.session.transparent or not is_suitable(core.links.links[0]):
        raise CommandError
    core.kernel.write(OK + b"\r\n>")
    core.pass_through.enter()
    return PENDING


def _read(core: Core, call: Call) -> Reply:
    link = link_parameter(core, call.parameters)
    count = call.parameters.number(1, READ_BYTES)
    call.parameters.end()
    if link.phase is Phase.OPEN and link.kind is not Kind.TCP:
        raise CommandError
    data, _ = core.links.receiver.read(link, count)
    if data:
        return (RECEIVED_HEAD % len(data)).encode() + data + OK
    return OK if link.phase is Phase.OPEN else core.failure()


def _held(core: Core, call: Call) -> Reply:
    lengths = ",".join(str(len(link.held)) for link in core.links.links)
    return line(f"{call.name}:{lengths}") + OK


def _status(core: Core, _call: Call) -> Reply:
    """Report the links; this very look notices that the station has come or gone."""
    links = core.links
    if not core.station.ready:
        links.status = Status.NOT_JOINED
    elif links.status is Status.NOT_JOINED:
        links.status = Status.HAS_ADDRESS
    return status(core, links.status.value)


def status(core: Core, number: int) -> bytes:
    """Return the links that are up, behind a number for the whole."""
    lines = [f"STATUS:{number}"]
    for link in core.links.open():
        peer = f'"{link.kind.value}","{link.address}",{link.remote_port},{link.local_port},{link.inbound:d}'
        lines.append(f"+CIPSTATUS:{link.number},{peer}")
    return b"".join(map(line, lines)) + OK


COMMANDS: dict[str, Command] = {
    "+CIPSTART": Command(set=_start),
    "+CIPCLOSE": Command(test=say_ok, set=_close_link, execute=_close_one),
    "+CIPCLOSEMODE": Command(set=_set_close_mode),
    "+CIPSEND": Command(test=say_ok, set=_send, execute=_pass_through),
    "+CIPSENDEX": Command(test=say_ok, set=_send),
    "+CIPRECVDATA": Command(set=_read),
    "+CIPRECVLEN": Command(query=_held),
    "+CIPSTATUS": Command(test=say_ok, execute=_status),
}
