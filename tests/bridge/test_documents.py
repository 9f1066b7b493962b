"""What is documented is there, and what is there is documented."""

import re
from pathlib import Path

import click
import pytest

from unobridge.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "bridge.md").read_text()
OPTIONS = {
    option.opts[0]: option
    for command in main.commands.values()
    for option in command.params
    if isinstance(option, click.Option)
}


@pytest.mark.parametrize("name", [*(f"unobridge {name}" for name in main.commands), *OPTIONS])
def test_commands_and_options_are_on_the_page(name: str) -> None:
    assert re.search(re.escape(name) + r"\b", PAGE)


@pytest.mark.parametrize("flag", OPTIONS)
def test_every_option_has_its_environment_variable(flag: str) -> None:
    assert OPTIONS[flag].envvar == "UNOBRIDGE_" + flag[2:].upper().replace("-", "_")


@pytest.mark.parametrize("path", sorted((ROOT / "deploy" / "bridge").iterdir()), ids=lambda path: path.name)
def test_deployment_files_name_what_there_is(path: Path) -> None:
    variables = {str(option.envvar) for option in OPTIONS.values()}
    assert set(re.findall(r"UNOBRIDGE_[A-Z_]+[A-Z]", path.read_text())) <= variables
