"""The commands of pass-through mode: choosing it, and starting in it. `AT+CIPSEND` enters it (`tcpip`)."""

from unosim.modem.actions import Kind
from unosim.modem.commands.addresses import HOST_BYTES
from unosim.modem.commands.command import Call, Command, flag_parameter
from unosim.modem.commands.tcpip import HIGHEST_PORT, KEEPALIVE_S
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, Reply, info
from unosim.modem.settings import Target

_SAVED_KINDS = {"TCP": Kind.TCP, "UDP": Kind.UDP}


def _transparent(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{int(core.session.transparent)}")


def _set_transparent(core: Core, call: Call) -> Reply:
    on = flag_parameter(call)
    if on and (core.session.multiple_links or core.server.port is not None):
        raise CommandError("CIPMUX and CIPSERVER must be 0")
    core.session.transparent = on
    return OK


def _save_link(core: Core, call: Call) -> Reply:
    """Store the link that the module is to start with, or forget it."""
    parameters = call.parameters
    on = parameters.number(0, 1)
    target = _target(parameters) if on else None
    parameters.end()
    core.configure(save=True, saved_link=target)
    return OK


def _target(parameters: Parameters) -> Target:
    parameters.comma()
    host = parameters.string(HOST_BYTES)
    parameters.comma()
    port = parameters.number(1, HIGHEST_PORT)
    kind, local_port = Kind.TCP, 0
    if parameters.more():
        word = parameters.string(HOST_BYTES)
        if word not in _SAVED_KINDS:
            raise CommandError
        kind = _SAVED_KINDS[word]
        if parameters.more():
            if kind is Kind.TCP:
                parameters.number(0, KEEPALIVE_S)
            else:
                local_port = parameters.number(1, HIGHEST_PORT)
    return Target(host, port, kind, local_port)


COMMANDS: dict[str, Command] = {
    "+CIPMODE": Command(query=_transparent, set=_set_transparent),
    "+SAVETRANSLINK": Command(set=_save_link),
}
