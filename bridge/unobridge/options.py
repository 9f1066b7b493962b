"""How every option of the command is declared: a flag, its environment variable, its help."""

from collections.abc import Callable
from typing import Any

import click

_Command = Callable[..., Any]


def option(flag: str, name: str | None = None, **settings: Any) -> Callable[[_Command], _Command]:
    """Return a click option whose environment variable follows from the flag: `--ca` is `UNOBRIDGE_CA`.

    Args:
        flag: the flag, with its dashes.
        name: the parameter's name, where it is not the flag's.
        settings: what click.option takes.
    """
    variable = "UNOBRIDGE_" + flag.strip("-").upper().replace("-", "_")
    return click.option(flag, *([name] if name else []), envvar=variable, show_envvar=True, **settings)
