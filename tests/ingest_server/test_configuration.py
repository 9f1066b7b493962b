"""Settings: the page about them, and the file that sets them."""

from pathlib import Path

import configuration_page
import pytest
from click.testing import CliRunner, Result
from pytest_mock import MockerFixture

from unoingest import cli
from unoingest.config import Config


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    configs: list[Config] = []
    monkeypatch.setattr(cli, "serve", configs.append)
    return configs


def run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments], env=environment)


def test_the_page_is_current() -> None:
    assert configuration_page.PAGE.read_text(encoding="utf-8") == configuration_page.page()


def test_a_file_a_variable_and_a_flag(served: list[Config], tmp_path: Path) -> None:
    file = tmp_path / "unoingest.toml"
    file.write_text('database = "of-file.db"\nport = 1\nkeep_days = 2\nclient_id = "for-mqtt-only"\n')
    run("--config", file, "serve", "--port", 3)
    run("serve", UNOINGEST_CONFIG=str(file), UNOINGEST_PORT="4")
    assert [(str(c.database), c.port, c.keep_days) for c in served] == [
        ("of-file.db", 3, 2),
        ("of-file.db", 4, 2),
    ]


def test_a_file_reaches_commands_below_commands(tmp_path: Path) -> None:
    file = tmp_path / "unoingest.toml"
    file.write_text(f'database = "{tmp_path}/readings.db"\n')
    assert run("--config", file, "devices", "add", "uno-1").exit_code == 0
    assert "uno-1" in run("--config", file, "devices", "list").stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("port = 'x'\ndatabase = 'x'", "'x' is not a valid integer"),
        ("prot = 1", "sets 'prot', which is no setting"),
        ("[serve]\nport = 1", "sets 'serve', which is no setting"),
        ("port", "is no TOML"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_is_wrong(
    served: list[Config], tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "unoingest.toml"
    if content is not None:
        file.write_text(content)
    result = run("--config", file, "serve")
    assert (result.exit_code, served) == (2, [])
    assert message in " ".join(result.stderr.split())


def states(result: Result) -> dict[str, str]:
    return {
        line.split()[1].rstrip(":"): line.split()[0] for line in result.stdout.splitlines() if line[0] != " "
    }


def test_doctor_on_an_empty_place(tmp_path: Path) -> None:
    result = run("doctor", "--database", tmp_path / "readings.db")
    assert result.exit_code == 0
    assert states(result).keys() == {"directory", "disk", "sync", "store", "keys", "clock"}
    assert states(result)["keys"] == "warning"
    assert list(tmp_path.iterdir()) == []


def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    run("devices", "add", "uno-1", "--database", database)
    Path(f"{database}-keys").chmod(0o644)
    database.write_bytes(b"no database" * 100)
    result = run("doctor", "--database", database, "--disk-reserve-mb", 10_000_000)
    assert result.exit_code == 1
    wrong = {check for check, state in states(result).items() if state == "error"}
    assert wrong == {"disk", "store", "keys"}
    assert "chmod 600" in result.stdout
    gone = run("doctor", "--database", tmp_path / "gone" / "readings.db", "--json")
    assert (gone.exit_code, '"check":"directory","state":"error"' in gone.stdout) == (1, True)


def test_doctor_in_a_place_that_is_not_writable(tmp_path: Path, mocker: MockerFixture) -> None:
    # root may write anywhere
    mocker.patch("unoingest.doctor.os.access", return_value=False)
    assert states(run("doctor", "--database", tmp_path / "x"))["directory"] == "error"
