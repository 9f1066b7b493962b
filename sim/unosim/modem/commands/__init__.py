r"""The commands: which there are, in which forms, and how a line finds its function.

A name extends to the first CR, `=`, `?` or (in the NONOS line) digit behind the prefix and must equal a table
entry, case included there. What follows it decides the form: CR executes, `?` CR queries, `=?` CR tests, any
other `=` or a digit sets; anything else, an unknown name and a form that the profile's command does not have
are answered with `ERROR`. A line without CR never ends its name.

`COMMANDS` has a table for each dialect. ESP-AT's is that of the NONOS line with its own commands in place of
those that differ; which of them a version knows is said by its profile.

What no document describes is listed, with reasons, in `unosim.modem.catalog`.
"""

from unosim.modem.commands import (
    addresses,
    basic,
    buffered,
    clock,
    discovery,
    espat,
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
from unosim.modem.profile import Dialect, Profile
from unosim.modem.replies import Reply

UNKNOWN = 0x01090000
"""Error code of an unknown command, or form of one (ESP-AT user guide, `AT+SYSLOG`)."""

_NONOS: dict[str, Command] = {
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

_ENDS = {"E": b"\r\n", "Q": b"?\r\n", "T": b"=?\r\n"}
"""What follows a name in the forms without parameters, where a line is taken to the letter."""

COMMANDS: dict[Dialect, dict[str, Command]] = {
    Dialect.NONOS: _NONOS,
    Dialect.ESPAT: {**_NONOS, "+CWDHCPS": softap.LEASES, **espat.COMMANDS},
}


def split(line: bytes, profile: Profile) -> tuple[str, str, bytes] | None:
    """Return the name, the letter of the form and the rest of a command line, or None if its name has no end.

    Args:
        line: what followed the prefix, line feed included.
        profile: says where a name ends, and whether its case matters.

    Returns:
        The form is `?` where there is none; the rest begins with the character that ended the name.
    """
    length = next((at for at, byte in enumerate(line) if byte in profile.name_ends), None)
    if length is None:
        return None
    name = line[:length].upper() if profile.any_case else line[:length]
    rest = line[length:]
    form = _form(rest)
    if profile.lenient_parameters and form in _ENDS and rest != _ENDS[form]:
        form = "?"
    return name.decode("latin-1"), form, rest


def run(core: Core, line: bytes) -> Reply:
    """Run a command line.

    Args:
        core: the modem.
        line: what followed the prefix, line feed included.

    Returns:
        The answer, or `PENDING` if the command has not ended.
    """
    try:
        return _run(core, line)
    except CommandError as error:
        return core.failure(error.diagnosis, error.code)


def _run(core: Core, line: bytes) -> Reply:
    parts = split(line, core.profile)
    if parts is None:
        raise CommandError(code=UNKNOWN)
    name, form, rest = parts
    command = COMMANDS[core.profile.dialect].get(name)
    handler: Handler | None = getattr(command, FORMS.get(form, ""), None)
    if form not in core.profile.forms.get(name, "") or handler is None:
        raise CommandError(code=UNKNOWN)
    parameters = Parameters(rest[1:], lenient=core.profile.lenient_parameters)
    return handler(core, Call(name, parameters, chr(rest[0]), core.session.stores))


def _form(rest: bytes) -> str:
    """Return the letter of the form that what follows a command's name selects; `?` for none."""
    if rest.startswith(b"\r"):
        return "E"
    if rest.startswith(b"?\r"):
        return "Q"
    if rest.startswith(b"=?\r"):
        return "T"
    return "?" if rest.startswith(b"?") else "S"
