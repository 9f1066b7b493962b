"""What docs/simulated-esp01.md promises: every option is there, every command in it can be parsed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from unosim.cli import main

PAGE = (Path(__file__).parents[3] / "docs/simulated-esp01.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_option_is_on_the_page() -> None:
    options = [opt for parameter in main.commands["modem"].params for opt in parameter.opts]
    assert options
    assert [option for option in options if f"`{option}" not in PAGE] == []


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed(line: str) -> None:
    program, name, *arguments = shlex.split(line)
    assert program == "unosim"
    command = main.commands[name]
    with click.Context(command) as context:
        command.parse_args(context, arguments)
    assert context.params
