"""The commands that set how all links behave, and those that ask the network without a link: DNS and ping."""

from collections.abc import Callable

from unosim.modem import actions
from unosim.modem.actions import Kind
from unosim.modem.commands.addresses import HOST_BYTES, is_address
from unosim.modem.commands.command import Call, Command, flag_parameter
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.events import Pong, Resolved
from unosim.modem.links import Status
from unosim.modem.replies import OK, PENDING, Reply, bare, info, line

SSL_BUFFER_BYTES = (2_048, 4_096)
"""Bounds of `AT+CIPSSLSIZE` (Espressif AT instruction set)."""


def _multiple(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{int(core.session.multiple_links)}")


def _set_multiple(core: Core, call: Call) -> Reply:
    on = flag_parameter(call)
    if core.links.status is Status.LINKED:
        raise CommandError("link is builded")
    if on and core.session.transparent:
        raise CommandError("IPMODE must be 0")
    if not on and core.server.port is not None:
        raise CommandError("CIPSERVER must be 0")
    if not on and core.links.open():
        raise CommandError("Connection exists")
    core.session.multiple_links = on
    return OK


def _peer_info(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{'TRUE' if core.session.peer_in_ipd else 'FALSE'}")


def _set_peer_info(core: Core, call: Call) -> Reply:
    core.session.peer_in_ipd = flag_parameter(call)
    return OK


def _passive(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{int(core.session.passive_receive)}")


def _set_passive(core: Core, call: Call) -> Reply:
    core.session.passive_receive = flag_parameter(call)
    return OK


def _ssl_size(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.ssl_buffer_bytes}")


def _set_ssl_size(core: Core, call: Call) -> Reply:
    size = call.parameters.number(*SSL_BUFFER_BYTES)
    call.parameters.end()
    if any(link.kind is Kind.SSL for link in core.links.open()):
        raise CommandError("must close ssl link")
    core.session.ssl_buffer_bytes = size
    return OK


def _ssl_checks(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.ssl_checks}")


def _set_ssl_checks(core: Core, call: Call) -> Reply:
    checks = call.parameters.number(0, 3)
    call.parameters.end()
    core.session.ssl_checks = checks
    return OK


def resolve(core: Core, host: str, then: Callable[[str | None], None]) -> None:
    """Look a host up; go on with its address, or with None if it has none or nobody answers in time."""
    if is_address(host):
        then(host)
        return

    def answered(event: Resolved | Pong) -> None:
        if isinstance(event, Resolved) and event.host == host:
            core.kernel.cancel(silence)
            then(event.address)

    silence = core.kernel.after(core.profile.name_timeout_ns, lambda: then(None))
    if core.station.ready:
        core.await_answer(answered)
        core.kernel.act(actions.Resolve(host))


def host_parameter(call: Call) -> str:
    """Return the only parameter of a command that asks about a host."""
    host = call.parameters.string(HOST_BYTES)
    call.parameters.end()
    return host


def _domain(core: Core, call: Call) -> Reply:
    def report(address: str | None) -> None:
        core.finish(core.failure("DNS Fail") if address is None else info(f"{call.name}:{address}"))

    resolve(core, host_parameter(call), report)
    return PENDING


def _ping(core: Core, call: Call) -> Reply:
    host = host_parameter(call)

    def send(address: str | None) -> None:
        if address is None:
            core.finish(core.failure("+timeout"))
        else:
            _Ping(core, host)

    resolve(core, host, send)
    return PENDING


class _Ping:
    """One echo request; its result code comes at the end of the period, whenever the reply does."""

    def __init__(self, core: Core, host: str) -> None:
        self._core = core
        self._host = host
        self._answered = False
        core.await_answer(self._take)
        core.kernel.after(core.profile.ping_ns, self._end)
        if core.station.ready:
            core.kernel.act(actions.Ping(host))

    def _take(self, event: Resolved | Pong) -> None:
        if not isinstance(event, Pong) or event.host != self._host or event.ms is None or self._answered:
            return
        self._answered = True
        self._core.kernel.write(line(f"+{event.ms}"))

    def _end(self) -> None:
        self._core.finish(OK if self._answered else self._core.failure("+timeout"))


COMMANDS: dict[str, Command] = {
    "+CIPMUX": Command(query=_multiple, set=_set_multiple),
    "+CIPDINFO": Command(query=_peer_info, set=_set_peer_info),
    "+CIPRECVMODE": Command(query=_passive, set=_set_passive),
    "+CIPSSLSIZE": Command(query=_ssl_size, set=_set_ssl_size),
    "+CIPSSLCCONF": Command(query=_ssl_checks, set=_set_ssl_checks),
    "+CIPDOMAIN": Command(set=_domain),
    "+PING": Command(set=_ping),
}
