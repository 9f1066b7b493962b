r"""The commands: which there are, in which forms, and how a line finds its function.

A name extends to the first CR, `=`, `?` or digit behind the prefix and must equal a table entry, case
included. What follows it decides the form: CR executes, `?` CR queries, `=?` CR tests, any other `=` or a
digit sets; anything else, an unknown name and a form the command does not have are answered with `ERROR`. A
line without CR never ends its name.

Not yet modelled, hence answered like unknown commands: UDP and SSL links (`CIPSSLSIZE`, `CIPSSLCCONF`), the
server (`CIPSERVER=1`, `CIPSERVERMAXCONN`), pass-through sending (`CIPSEND` without a length), `CIPSENDBUF`
and its relatives, `CIPALIVE`, `SAVETRANSLINK`, SNTP, mDNS, the access point (`CWSAP`, `CWLIF`, `CIPAP`,
`CIPAPMAC`, `CWDHCPS`), `CWCOUNTRY`, `WPS`, smart config, discovery, `RFAUTOTRACE`, `WAKEUPGPIO`, the GPIO
commands, `CIUPDATE`.
"""

from unosim.modem.commands import addresses, basic, sockets, system, tcpip, wifi
from unosim.modem.commands.command import Call, Command, Handler
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.replies import Reply, failure

COMMANDS: dict[str, Command] = {
    **basic.COMMANDS,
    **system.COMMANDS,
    **wifi.COMMANDS,
    **addresses.COMMANDS,
    **tcpip.COMMANDS,
    **sockets.COMMANDS,
}

_NAME_ENDS = b"\r=?0123456789"


def run(core: Core, line: bytes) -> Reply:
    """Run a command line.

    Args:
        core: the modem.
        line: what followed the prefix, line feed included.

    Returns:
        The answer, or `PENDING` if the command has not ended.
    """
    length = next((at for at, byte in enumerate(line) if byte in _NAME_ENDS), None)
    if length is None:
        return failure()
    name, rest = line[:length].decode("latin-1"), line[length:]
    command = COMMANDS.get(name)
    handler = _form(command, rest) if command else None
    if handler is None:
        return failure()
    try:
        return handler(core, Call(name, Parameters(rest[1:]), chr(rest[0])))
    except CommandError as error:
        return failure(error.diagnosis)


def _form(command: Command, rest: bytes) -> Handler | None:
    """Return the function for what follows a command's name."""
    if rest.startswith(b"\r"):
        return command.execute
    if rest.startswith(b"?\r"):
        return command.query
    if rest.startswith(b"=?\r"):
        return command.test
    return None if rest.startswith(b"?") else command.set
