"""The shape of a command: up to four functions, and what each is called with."""

from collections.abc import Callable
from dataclasses import dataclass

from unosim.modem.core import Core
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, Reply


@dataclass(frozen=True)
class Call:
    """One use of a command."""

    name: str
    """The name that was typed, suffix included; a query's answer begins with it."""
    parameters: Parameters
    """What follows the character that ended the name."""
    separator: str = "="
    """The character that ended the name."""
    stores: bool = True
    """Whether set commands write to flash at all at the moment (`AT+SYSSTORE`)."""

    @property
    def current_only(self) -> bool:
        """Return whether the name says that flash is to be left alone: with `_CUR` only."""
        return self.name.endswith("_CUR")

    @property
    def saves(self) -> bool:
        """Return whether the command writes to flash: unless it is told not to, one way or the other."""
        return self.stores and not self.current_only

    @property
    def stored(self) -> bool:
        """Return whether a query asks for what flash holds instead of what is in force: with `_DEF` only."""
        return self.name.endswith("_DEF")


Handler = Callable[[Core, Call], Reply]


@dataclass(frozen=True)
class Command:
    """The forms of a command; a form that is None is answered with `ERROR`."""

    test: Handler | None = None
    query: Handler | None = None
    set: Handler | None = None
    execute: Handler | None = None


FORMS = {"T": "test", "Q": "query", "S": "set", "E": "execute"}
"""The letters that a profile's table uses, and the fields of `Command` they stand for."""


def scoped(name: str, command: Command) -> dict[str, Command]:
    """Return a command under its plain name and with both suffixes."""
    return {name: command, f"{name}_CUR": command, f"{name}_DEF": command}


def say_ok(_core: Core, _call: Call) -> Reply:
    """Answer `OK` and do nothing."""
    return OK


def flag_parameter(call: Call) -> bool:
    """Return the only parameter of a command that switches something."""
    on = bool(call.parameters.number(0, 1))
    call.parameters.end()
    return on
