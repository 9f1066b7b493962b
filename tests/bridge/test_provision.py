"""`unobridge provision` with a node that does what docs/provisioning.md says, and one that does not."""

import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.conftest import Command, Start
from bridge.device import NAME, WAIT_S, sign
from bridge.usb import Cable
from unobridge.signing import parse_key

SSID, PASSWORD = "my network", "correct horse"


class Node:
    """The node's side of the page; `spoil` may change what it answers to a command."""

    def __init__(self, cable: Cable, *, greets_at: int = 3) -> None:
        self.settings: dict[str, str] = {}
        self.saved: dict[str, str] | None = None
        self.restarted = False
        self.spoil: Callable[[str, str], str] = lambda _command, answer: answer
        self._cable = cable
        self._calls_left = greets_at
        self._stopped = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        said = b""
        self._cable.write(b"AT\r\n")  # a node calls for a modem until its console is open
        while not self._stopped:
            said += self._cable.read(0.01)
            while b"\n" in said:
                line, _, said = said.partition(b"\n")
                if line.strip():
                    self._hear(line.strip().decode())

    def _hear(self, line: str) -> None:
        if self._calls_left > 0:
            self._calls_left -= line == "!unolink"
            if self._calls_left > 0:
                self._cable.write(
                    b"unolink: not set up: wifi-ssid server-host device key missing; send !unolink\r\n"
                )
                return
        self._cable.write(self.spoil(line, self._answer(line)).encode())

    def _answer(self, line: str) -> str:
        verb, _, rest = line.partition(" ")
        match verb:
            case "!unolink":
                return "unolink console 1\r\nok\r\n"
            case "set":
                name, _, value = rest.partition(" ")
                self.settings[name] = value
                return "ok\r\n"
            case "save":
                self.saved = dict(self.settings)
                return "ok\r\n"
            case "show":
                return "".join(f"{name} {self._shown(name)}\r\n" for name in self.settings) + "ok\r\n"
            case "restart":
                self.restarted = True
                return "ok\r\n"
        return "error unknown command; send help\r\n"

    def _shown(self, name: str) -> str:
        value = self.settings[name]
        if name == "key":
            key = parse_key(value)
            assert key
            return "check " + sign(b"key check", key)[:8]
        return "********" if name == "wifi-password" and value else value


@pytest.fixture
def node(cable: Cable) -> Iterator[Node]:
    node = Node(cable)
    yield node
    node.stop()


def provision(start: Start, cable: Cable, folder: Path, *more: str, device: str = NAME) -> Command:
    command = start(
        "provision",
        *("--port", str(cable.link), "--keys", str(folder / "keys"), "--device", device),
        *("--wifi-ssid", SSID, "--server", "192.168.1.10:8080"),
        *more,
        UNOBRIDGE_WIFI_PASSWORD=PASSWORD,
    )
    command.process.wait(WAIT_S * 2)
    command.end()
    return command


def test_a_node_is_set_up_and_its_key_is_known(
    start: Start, cable: Cable, node: Node, tmp_path: Path
) -> None:
    database = tmp_path / "readings.db"
    command = provision(start, cable, tmp_path, "--database", str(database), "--interval-ms", "5000")
    assert command.process.returncode == 0, command.said
    assert node.saved is not None
    key = node.saved.pop("key")
    assert node.saved == {
        "wifi-ssid": SSID,
        "wifi-password": PASSWORD,
        "server-host": "192.168.1.10",
        "server-port": "8080",
        "device": NAME,
        "interval-ms": "5000",
    }
    assert node.restarted
    file = tmp_path / "keys"
    assert file.read_text() == f"{NAME} {key}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = "\n".join(command.said + command.shown)
    assert key not in said
    assert PASSWORD not in said
    listing = subprocess.run(
        [sys.executable, "-m", "unoingest", "devices", "list", "--database", str(database)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert NAME in listing.stdout


def test_a_second_time_gives_a_second_key(start: Start, cable: Cable, node: Node, tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        command = provision(start, cable, tmp_path, "--database", str(tmp_path / "readings.db"), "--show-key")
        assert command.process.returncode == 0, command.said
        keys += command.shown
    assert node.saved
    assert node.saved["key"] == keys[1] != keys[0]
    assert (tmp_path / "keys").read_text().split() == [NAME, keys[0], NAME, keys[1]]


@pytest.mark.parametrize(
    "trouble",
    [
        (
            "set key",
            "error bad value: 43 characters\r\n",
            "the node refuses `set key`: bad value: 43 characters",
        ),
        ("set wifi-ssid", "error unknown setting; send show\r\n", "the node refuses `set wifi-ssid`"),
        ("save", "error incomplete: channels\r\n", "the node refuses `save`: incomplete: channels"),
        (
            "save",
            "error memory: the EEPROM is worn out\r\n",
            "the node refuses `save`: memory",
        ),
        ("save", "", "the node does not answer `save`"),
        ("show", "key check AAAAAAAA\r\nok\r\n", "the node holds another wifi-ssid than was written"),
        ("!unolink", "unolink console 2\r\nok\r\n", "the node's console has version 2"),
    ],
)
def test_a_node_that_fails(
    start: Start, cable: Cable, node: Node, tmp_path: Path, trouble: tuple[str, str, str]
) -> None:
    pattern, answer, complaint = trouble
    node.spoil = lambda command, usual: answer if re.match(pattern, command) else usual
    command = provision(start, cable, tmp_path)
    assert command.process.returncode == 1
    assert command.said[0].startswith(f"unobridge: {complaint}"), command.said
    assert command.said[1].startswith("hint: ")
    assert PASSWORD not in "".join(command.said)
    assert not (tmp_path / "keys").exists() or pattern in {"save", "show"}


def test_no_console_opens(start: Start, cable: Cable, tmp_path: Path) -> None:
    command = provision(start, cable, tmp_path)
    assert command.process.returncode == 1
    assert command.said[0] == "unobridge: no console opens on the cable: nothing was heard"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--device", "uno 7"], 2, "not a device's name: 'uno 7'"),
        (["--server", "host"], 2, "not a target: 'host'"),
        (["--server", "h_st:80"], 2, "not a target for a node"),
        (["--port", "/dev/ttyACM99"], 1, "cannot open /dev/ttyACM99"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    start: Start, tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    usual = {"device": NAME, "server": "h:80", "port": "x", "wifi-ssid": "s", "keys": str(tmp_path / "keys")}
    for name, value in usual.items():
        if f"--{name}" not in arguments:
            arguments = [*arguments, f"--{name}", value]
    command = start("provision", *arguments, UNOBRIDGE_WIFI_PASSWORD=PASSWORD)
    assert command.process.wait(WAIT_S) == code
    command.end()
    assert command.said[0].startswith(f"unobridge: {complaint}"), command.said
    assert command.said[1].startswith("hint: ")
