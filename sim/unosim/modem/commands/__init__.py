r"""The commands: which there are, in which forms, and how a line finds its function.

A name extends to the first CR, `=`, `?` or digit behind the prefix and must equal a table entry, case
included. What follows it decides the form: CR executes, `?` CR queries, `=?` CR tests, any other `=` or a
digit sets; anything else, an unknown name and a form that the profile's command does not have are answered
with `ERROR`. A line without CR never ends its name.

What no document describes is listed, with reasons, in `unosim.modem.catalog`.
"""

from unosim.modem.commands import (
    addresses,
    basic,
    buffered,
    clock,
    discovery,
    pins,
    server,
    sockets,
    softap,
    system,
    tcpip,
    transparent,
    wifi,
)
from unosim.modem.commands.command import FORMS, Call, Command, Handler
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
    **buffered.COMMANDS,
    **server.COMMANDS,
    **transparent.COMMANDS,
    **clock.COMMANDS,
    **softap.COMMANDS,
    **pins.COMMANDS,
    **discovery.COMMANDS,
}

_NAME_ENDS = b"\r=?0123456789"


def split(line: bytes) -> tuple[str, str, bytes] | None:
    """Return the name, the letter of the form and the rest of a command line, or None if its name has no end.

    Args:
        line: what followed the prefix, line feed included.

    Returns:
        The form is `?` where there is none; the rest begins with the character that ended the name.
    """
    length = next((at for at, byte in enumerate(line) if byte in _NAME_ENDS), None)
    if length is None:
        return None
    return line[:length].decode("latin-1"), _form(line[length:]), line[length:]


def run(core: Core, line: bytes) -> Reply:
    """Run a command line.

    Args:
        core: the modem.
        line: what followed the prefix, line feed included.

    Returns:
        The answer, or `PENDING` if the command has not ended.
    """
    parts = split(line)
    if parts is None:
        return failure()
    name, form, rest = parts
    if form not in core.profile.forms.get(name, ""):
        return failure()
    handler: Handler | None = getattr(COMMANDS.get(name), FORMS[form], None)
    if handler is None:
        return failure()
    try:
        return handler(core, Call(name, Parameters(rest[1:]), chr(rest[0])))
    except CommandError as error:
        return failure(error.diagnosis)


def _form(rest: bytes) -> str:
    """Return the letter of the form that what follows a command's name selects; `?` for none."""
    if rest.startswith(b"\r"):
        return "E"
    if rest.startswith(b"?\r"):
        return "Q"
    if rest.startswith(b"=?\r"):
        return "T"
    return "?" if rest.startswith(b"?") else "S"
