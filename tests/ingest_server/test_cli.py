"""The command line: settings, output, and what a mistake looks like."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from unoingest import cli
from unoingest.config import Config
from unoingest.core import Core
from unoingest.store import SqliteStore

NOW_NS = 1_795_250_000_123_456_789


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments], env=env)


@pytest.fixture
def filled(database: Path, body: Callable[..., bytes]) -> Path:
    with closing(SqliteStore(database)) as store:
        for sent in (body(18, 17), body(1, device="a")):
            Core(store).accept(sent, NOW_NS)
    return database


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    configs: list[Config] = []
    monkeypatch.setattr(cli, "serve", configs.append)
    return configs


def test_readings_as_json_lines(filled: Path) -> None:
    result = run("readings", "--database", filled, "--json")
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    identities = [(o["device"], o["boot"], o["seq"]) for o in objects]
    assert identities == [("a", 3, 1), ("uno-1", 3, 17), ("uno-1", 3, 18)]
    assert objects[1] == {
        "device": "uno-1",
        "boot": 3,
        "seq": 17,
        "values": {"a0": 512, "a1": 300},
        "received_at": "2026-11-21T08:33:20.123456789Z",
        "timestamp": "2026-11-21T08:33:20.003456789Z",
    }


def test_readings_for_people(filled: Path) -> None:
    lines = run("readings", "--database", filled).stdout.splitlines()
    assert lines[1] == "2026-11-21T08:33:20.003456789Z  uno-1 boot 3 seq 17  a0=512 a1=300"


def test_readings_as_log_lines(filled: Path) -> None:
    lines = run("readings", "--database", filled, "--log-lines").stdout.splitlines()
    assert [json.loads(line)["reading"]["seq"] for line in lines] == [1, 17, 18]


def test_settings_have_defaults(served: list[Config]) -> None:
    assert run("serve", "--database", "x.db").exit_code == 0
    assert served == [Config(database=Path("x.db"), host="127.0.0.1", port=8080, project="")]


def test_settings_from_flags_and_from_the_environment_are_the_same(served: list[Config]) -> None:
    flags = ("--database", "x.db", "--host", "::1", "--port", "0", "--project", "my-project")
    names = ("DATABASE", "HOST", "PORT", "PROJECT")
    environment = {f"UNOINGEST_{name}": value for name, value in zip(names, flags[1::2], strict=True)}
    assert run("serve", *flags).exit_code == 0
    assert run("serve", env=environment).exit_code == 0
    assert served[0] == served[1] == Config(database=Path("x.db"), host="::1", port=0, project="my-project")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve"], "Missing option '--database'"),
        (["serve", "--database", "x", "--port", "65536"], "65536 is not in the range"),
        (["serve", "--database", "x", "--port", "http"], "'http' is not a valid integer"),
        (["serve", "--database", "x", "--project", "My Project"], "'My Project' is not a project id"),
        (["serve", "--databse", "x"], "No such option"),
        (["readings", "--database", ".", "--json"], "is a directory"),
        (["readings", "--database", "x", "--json", "--log-lines"], "exclude each other"),
        (["dance"], "No such command"),
    ],
)
def test_wrong_usage_is_exit_code_2(served: list[Config], arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, served) == (2, "", [])
    assert message in result.stderr


def test_a_failure_is_one_line_and_a_hint(tmp_path: Path) -> None:
    result = run("readings", "--database", tmp_path / "none.db")
    assert (result.exit_code, result.stdout) == (1, "")
    first, second = result.stderr.splitlines()
    assert first == f"Error: no store at '{tmp_path}/none.db'"
    assert second.startswith("Hint: ")


@pytest.mark.parametrize("how", [{"arguments": ["--debug"]}, {"env": {"UNOINGEST_DEBUG": "1"}}])
def test_debug_adds_the_traceback(tmp_path: Path, how: dict[str, Any]) -> None:
    arguments = [*how.get("arguments", []), "readings", "--database", tmp_path / "none.db"]
    result = run(*arguments, env=how.get("env"))
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("unoingest, version ")
    help_text = run("serve", "--help").stdout
    for variable in ("UNOINGEST_DATABASE", "UNOINGEST_HOST", "UNOINGEST_PORT", "UNOINGEST_PROJECT"):
        assert variable in help_text
