"""What each command says when a thing is missing, forbidden, busy or full, and what it survives.

What belongs to one command alone stands with its other tests.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_mock import MockerFixture
from serial import SerialException

from bridge.conftest import Command, Start
from bridge.device import KEY_TEXT, NAME, Device, body_of
from bridge.test_provision import Node
from bridge.usb import WAIT_S, Cable
from campaign.disk.disk_record import build_spy, spied_environment
from unobridge.cli import main

READY = b"\r\nready\r\n"
NOWHERE = "http://127.0.0.1:9"


def ended(command: Command) -> list[str]:
    """Return what a command said that ends by itself with a failure: a message, a hint, and no traceback."""
    assert command.process.wait(2 * WAIT_S) == 1, command.said
    command.end()
    said = [line for line in command.said if not line.startswith("... ")]
    assert len(said) == 2, command.said
    assert said[0].startswith("unobridge: ")
    assert said[1].startswith("hint: ")
    return said


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["doctor", "--port", "/dev/ttyACM99"], 1, "cannot open /dev/ttyACM99: there is no such port"),
        (["doctor", "--port", "/dev/null"], 1, "cannot open /dev/null: "),
        (["doctor", "--server", "h:1"], 2, "--server without --ssid"),
        (["doctor", "--port", "x", "--ssid", "a", "--server", "h"], 2, "not a target: 'h'"),
        (["doctor", "--port", "x", "--device", "a"], 2, "--device without --server"),
        (
            [
                "doctor",
                "--port",
                "x",
                "--ssid",
                "a",
                "--server",
                "h:1",
                "--device",
                "a",
                "--keys",
                "{absent}",
            ],
            2,
            "--device 'a', of which {absent} holds no key",
        ),
        (
            ["doctor", "--port", "x", "--ssid", "a", "--server", "h:1", "--device", "a", "--keys", "{text}"],
            1,
            "{text}:1: not a device and its key",
        ),
        (["doctor", "--port", "x", "--trace", "/proc/no/x"], 1, "cannot write /proc/no/x: No such file"),
        (["doctor", "{absent}"], 1, "cannot read {absent}: No such file"),
        (["doctor", "{text}"], 1, "{text}:1: JSON is malformed"),
        (["backlog", "--journal", "{absent}"], 1, "no journal at {absent}"),
        (["backlog", "--journal", "{text}"], 1, "cannot open the journal {text}: file is not a database"),
        (["replay", "{absent}"], 1, "cannot read {absent}: No such file"),
        (["replay", "{text}"], 1, "{text}:1: JSON is malformed"),
        (["run", "--port", "x", "--record", "/proc/no/x"], 1, "cannot write /proc/no/x: No such file"),
        (["run", "--port", "x", "--ca", "{absent}"], 1, "cannot use {absent}: No such file"),
        (["run", "--port", "x", "--metrics", "h"], 2, "not a target: 'h'"),
        (["run", "--port", "x", "--gateway", "h"], 2, "not a target: 'h'"),
        (["run", "--port", "x", "--gateway", "h:1"], 2, "a gateway without a way out"),
        (["run", "--port", "x", "--forward", "http://x"], 2, "--listen, --forward and --mqtt belong to"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    files = {"absent": str(tmp_path / "absent"), "text": str(tmp_path / "text")}
    (tmp_path / "text").write_text("hello\n" * 99)
    environment = {"UNOBRIDGE_JOURNAL": str(tmp_path / "journal.db")}
    result = CliRunner().invoke(main, [one.format(**files) for one in arguments], env=environment)
    message, hint = result.stderr.splitlines()
    assert message.startswith(f"unobridge: {complaint.format(**files)}")
    assert hint.startswith("hint: ")
    assert (result.exit_code, result.stdout) == (code, "")


PROVISION = ["provision", "--device", NAME, "--wifi-ssid", "s", "--wifi-password", "", "--server", "h:1"]


@pytest.mark.parametrize(
    ("number", "why", "hint"),
    [
        (errno.EACCES, "no permission", "sudo usermod -aG dialout $USER"),
        (errno.EBUSY, "another program has it open", "close the serial monitor"),
        (errno.EIO, "Input/output error", "name a port such as"),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["doctor"], PROVISION], ids=["run", "doctor", "provision"])
def test_a_port_that_is_not_ours_to_open(
    mocker: MockerFixture, tmp_path: Path, *, command: list[str], number: int, why: str, hint: str
) -> None:
    """Root may open everything, so the refusal is the system's words, put into pySerial's mouth."""
    mocker.patch("serial.serial_for_url", side_effect=SerialException(number, os.strerror(number)))
    keys = {"UNOBRIDGE_KEYS": str(tmp_path / "keys")}
    result = CliRunner().invoke(main, [*command, "--port", "/dev/ttyACM0"], env=keys)
    assert result.exit_code == 1
    message, advice = result.stderr.splitlines()
    assert message.startswith("unobridge: cannot open /dev/ttyACM0: ")
    assert why in message
    assert hint in advice
    assert not (tmp_path / "keys").exists()


@pytest.fixture
def busy(start: Start, cable: Cable) -> Cable:
    start("run", "--port", str(cable.link), "--quiet").wait_for("the modem is on")
    return cable


@pytest.mark.parametrize("command", [["doctor"], PROVISION], ids=["doctor", "provision"])
def test_a_port_that_a_bridge_has_open(start: Start, busy: Cable, command: list[str], tmp_path: Path) -> None:
    keys = str(tmp_path / "keys")
    said = ended(start(*command, "--port", str(busy.link), UNOBRIDGE_KEYS=keys))
    assert said[0].endswith("another program has it open")


def test_a_board_that_is_unplugged_under_the_doctor(start: Start, cable: Cable) -> None:
    command = start("doctor", "--port", str(cable.link))
    command.wait_for("... AT at 9600 baud")
    cable.unplug()
    assert "the port was lost" in ended(command)[0]


@pytest.fixture
def node(cable: Cable) -> Iterator[Node]:
    node = Node(cable)
    yield node
    node.stop()


class Unplugged(Exception):  # noqa: N818  # ends the node's thread
    """The node has no power any more."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("verb", "keys"), [("set key", 0), ("save", 1)])
def test_a_node_that_is_unplugged_while_it_is_set_up(
    start: Start, cable: Cable, node: Node, tmp_path: Path, *, verb: str, keys: int
) -> None:
    def spoil(command: str, usual: str) -> str:
        if command.startswith(verb):
            cable.unplug()
            raise Unplugged
        return usual

    node.spoil = spoil
    file = tmp_path / "keys"
    said = ended(start(*PROVISION, "--port", str(cable.link), "--keys", str(file)))
    assert "the port was lost" in said[0]
    assert (len(file.read_text().splitlines()) if file.exists() else 0) == keys
    assert not node.restarted


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (["--keys", "/proc/no/keys"], "cannot write /proc/no/keys: No such file"),
        (["--database", "/proc/no/readings.db"], "the server does not take the key: cannot open the keys"),
    ],
)
def test_a_key_that_cannot_be_kept_is_not_used(
    start: Start, cable: Cable, node: Node, tmp_path: Path, *, option: list[str], complaint: str
) -> None:
    keys = str(tmp_path / "keys")
    command = start(*PROVISION, "--port", str(cable.link), *option, UNOBRIDGE_KEYS=keys)
    assert ended(command)[0].startswith(f"unobridge: {complaint}")
    assert node.saved is None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_a_disk_without_room_for_a_journal(start: Start, tmp_path: Path, error: int) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    environment = spied_environment(build_spy(tmp_path), folder, plan=f"0 -1 {error} 0")
    spied = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    journal = ("--journal", str(folder / "journal.db"), "--keys", str(tmp_path / "keys"))
    said = ended(start("gateway", "--forward", NOWHERE, "--listen", "127.0.0.1:0", *journal, **spied))
    assert "cannot open the journal" in said[0]


@pytest.fixture
def full_disk() -> Iterator[int]:
    descriptor = os.open("/dev/full", os.O_WRONLY)  # full(4)
    yield descriptor
    os.close(descriptor)


def test_a_board_is_served_on_when_nothing_can_be_shown_or_recorded(
    start: Start, cable: Cable, full_disk: int
) -> None:
    command = start("run", "--port", str(cable.link), "--record", "/dev/full", stdout=full_disk)
    cable.read_until(READY)
    assert cable.ask(b"AT\r\n").endswith(b"OK\r\n")
    command.wait_for("the session cannot be shown any more (No space left on device)")
    assert cable.ask(b"AT\r\n").endswith(b"OK\r\n")
    assert command.end() == 0, command.said
    assert sum("the board is served without a recording" in line for line in command.said) == 1


def test_readings_are_taken_on_when_nobody_can_be_told(start: Start, tmp_path: Path, full_disk: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "keys").write_text(f"{NAME} {KEY_TEXT}\n")
    files = ("--journal", str(tmp_path / "journal.db"), "--keys", str(tmp_path / "keys"))
    command = start(
        "gateway", "--forward", NOWHERE, "--listen", f"127.0.0.1:{port}", *files, stderr=full_disk
    )
    while True:
        assert command.process.poll() is None
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
    device = Device(("127.0.0.1", port))
    assert device.post(body_of([1]))[:2] == (204, True)
    assert device.post(b"{}")[:2] == (400, True)  # of which it would tell
    assert device.post(body_of([2]))[:2] == (204, True)
    device.close()
    assert command.end() == 0
