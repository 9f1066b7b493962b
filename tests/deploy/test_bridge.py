"""The bridge's systemd unit and container file: sound, and what they start works as they start it."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.conftest import Command
from bridge.usb import WAIT_S, Cable
from unobridge.run import run

FOLDER = Path(__file__).parents[2] / "deploy" / "bridge"
UNIT = FOLDER / "unobridge.service"
CONTAINER_FILE = FOLDER / "Containerfile"
READY = b"\r\nready\r\n"


def settings_of(text: str) -> dict[str, str]:
    """Return the settings in lines or words `NAME=VALUE`."""
    return dict(re.findall(r"(?m)(?:^|[ ,])(UNOBRIDGE_[A-Z_]+)=(\S+)", text))


def of_unit(name: str) -> list[str]:
    """Return the values of a directive."""
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


def in_container_file(name: str) -> str:
    (value,) = re.findall(rf"(?m)^{name} (.*)$", CONTAINER_FILE.read_text().split("FROM ")[-1])
    return str(value)


def systemd_says(unit: Path) -> str:
    """Return what systemd has to say of a unit; nothing if it finds nothing, or is not here."""
    if shutil.which("systemd-analyze") is None:
        return ""
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S * 2, check=False)
    # of other units that this one needs, and that are not installed here
    return "".join(line for line in done.stderr.splitlines(keepends=True) if unit.name in line)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    (program, *_) = shlex.split(of_unit("ExecStart")[0])
    installed.write_text(UNIT.read_text().replace(program, sys.executable))
    assert systemd_says(installed) == ""
    installed.write_text(installed.read_text().replace("RestartSec=", "RestartSecs="))
    assert "RestartSecs" in systemd_says(installed) or shutil.which("systemd-analyze") is None


def test_the_settings_exist() -> None:
    known = {str(option.envvar) for option in run.params}
    for text in (UNIT.read_text(), (FOLDER / "unobridge.env").read_text(), CONTAINER_FILE.read_text()):
        assert settings_of(text)
        assert settings_of(text).keys() <= known


def started_by_systemd() -> tuple[list[str], dict[str, str]]:
    """Return the arguments and settings that the unit starts with."""
    (program, *arguments) = shlex.split(of_unit("ExecStart")[0])
    assert program.endswith("/bin/unobridge")
    settings = settings_of((FOLDER / "unobridge.env").read_text()) | settings_of(of_unit("Environment")[0])
    assert {settings["UNOBRIDGE_JOURNAL"], settings["UNOBRIDGE_KEYS"]} == {
        f"/var/lib/{of_unit('StateDirectory')[0]}/{name}" for name in ("journal.db", "keys")
    }
    assert of_unit("KillSignal") == ["SIGTERM"]
    return arguments, settings


def started_in_a_container() -> tuple[list[str], dict[str, str]]:
    """Return the arguments and settings that the container starts with, by the line that its file shows."""
    assert json.loads(in_container_file("ENTRYPOINT")) == ["/opt/unolink/bin/unobridge"]
    settings = settings_of(in_container_file("ENV"))
    assert {str(Path(path).parent) for path in settings.values()} == {in_container_file("VOLUME")}
    shown = re.findall(r"-e (\S+=\S+)", CONTAINER_FILE.read_text())
    return json.loads(in_container_file("CMD")), settings | settings_of(" ".join(shown))


@pytest.fixture(params=[started_by_systemd, started_in_a_container], ids=["systemd", "container"])
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Command]:
    """The command as it is deployed, with this test's files, and a port whose board is not there yet."""
    arguments, settings = request.param()
    assert settings["UNOBRIDGE_GATEWAY"]
    assert settings["UNOBRIDGE_FORWARD"].startswith("https://")
    settings |= {
        "UNOBRIDGE_PORT": str(tmp_path / "ttyUno"),
        "UNOBRIDGE_JOURNAL": str(tmp_path / "journal.db"),
        "UNOBRIDGE_KEYS": str(tmp_path / "keys"),
        "UNOBRIDGE_FORWARD": "https://127.0.0.1:9",
        "UNOBRIDGE_METRICS": "127.0.0.1:0",
    }
    command = Command(*arguments, **settings)
    yield command
    command.end(signal.SIGKILL)


def test_it_starts_waits_for_the_board_serves_it_and_ends(deployed: Command, tmp_path: Path) -> None:
    deployed.wait_for("there is no such port; trying again")
    cable = Cable(tmp_path / "ttyUno")
    cable.read_until(READY)
    assert cable.ask(b"AT\r\n").endswith(b"OK\r\n")
    assert deployed.end(signal.SIGTERM) == 0, deployed.said
    assert (tmp_path / "journal.db").exists()
    assert deployed.shown == []
    cable.unplug()
