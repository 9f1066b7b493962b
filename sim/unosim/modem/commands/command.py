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

    @property
    def saves(self) -> bool:
        """Return whether the command writes to flash: all but those with `_CUR` do."""
        return not self.name.endswith("_CUR")

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
