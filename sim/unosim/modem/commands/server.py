"""The commands of the server: start and stop, how many may come in, and for how long they may be silent.

`AT+CIPSTO` and `AT+CIPSERVERMAXCONN` look at the server's state in opposite ways: the one can be set only
while it runs, the other only while it does not.
"""

from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.tcpip import HIGHEST_PORT
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.replies import OK, Reply, bare, info, line
from unosim.modem.settings import LINKS

DEFAULT_PORT = 333
TIMEOUT_S = 7_200
"""The longest idle time (Espressif AT instruction set)."""


def _set_server(core: Core, call: Call) -> Reply:
    on = call.parameters.number(0, 1)
    if not core.session.multiple_links:
        raise CommandError
    port = call.parameters.number(1, HIGHEST_PORT) if on and call.parameters.more() else DEFAULT_PORT
    call.parameters.end()
    if bool(on) is (core.server.port is not None):
        return line("no change") + OK
    if on:
        core.server.start(port)
    else:
        core.server.stop()
    return OK


def _timeout(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.server_timeout_s}")


def _set_timeout(core: Core, call: Call) -> Reply:
    timeout_s = call.parameters.number(0, TIMEOUT_S)
    call.parameters.end()
    if core.server.port is None:
        raise CommandError
    core.session.server_timeout_s = timeout_s
    return OK


def _links_max(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{core.session.server_links_max}")


def _set_links_max(core: Core, call: Call) -> Reply:
    links_max = call.parameters.number(1, LINKS)
    call.parameters.end()
    if core.server.port is not None:
        raise CommandError
    core.session.server_links_max = links_max
    return OK


COMMANDS: dict[str, Command] = {
    "+CIPSERVER": Command(set=_set_server),
    "+CIPSTO": Command(query=_timeout, set=_set_timeout),
    "+CIPSERVERMAXCONN": Command(query=_links_max, set=_set_links_max),
}
