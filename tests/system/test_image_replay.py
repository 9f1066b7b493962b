"""A recorded session is given to the image: the same node, another one, and images that act otherwise."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from pytest_mock import MockerFixture

from system.signing_server import SigningServer
from unobridge.cli import main as unobridge
from unosim.attrace import Recorder, Recording, load
from unosim.board import Board, Image
from unosim.cli import main
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.esp01 import Module
from unosim.image_replay.compare import Agreement, replay_image
from unosim.lab import SERVER, room_sensors, set_up_eeprom
from unosim.modem import AccessPoint
from unosim.network import Reply, VirtualNetwork
from unosim.simulation import Simulation
from unosim.trace import Channel, Trace

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("image")]
FIRMWARE = Path(__file__).parents[2] / ".pio/build/uno/firmware.elf"
ENDLESS_LOOP = b"\xff\xcf"  # rjmp .-2
LATE_NS = 3 * NS_PER_S
OTHER_KEY = bytes(range(100, 132))
OTHER_KEY_TEXT = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM"
PASSWORD = "another-secret"  # noqa: S105  # the test looks for it where it must not be
OTHER_NODE = {
    "wifi_ssid": "the farm",
    "server_host": "farm.lan",
    "server_port": "81",
    "device": "shed-12",
    "key": OTHER_KEY_TEXT,
    "channels": "a2,a1,a3",
    "interval_ms": "700",
}


@dataclass
class OddServer(SigningServer):
    """Refuses its first post, signs the answer to its third wrongly, has no time for its fourth."""

    def answer(self, request: bytes) -> Reply:
        self.status = {0: 422, 3: 503}.get(self.posts, 204)
        reply = super().answer(request)
        if self.posts != 3:
            return reply
        return reply._replace(data=re.sub(rb"Unolink-Tag: [\w-]{4}", b"Unolink-Tag: AAAA", reply.data))


def record(image: Image, path: Path, server: SigningServer, seconds: float = 12, **settings: str) -> Path:
    module = Module(access_points=(AccessPoint(settings.get("wifi_ssid", "unolink"), "simulated"),))
    modem = module.make()
    address = (settings.get("server_host", SERVER[0]), int(settings.get("server_port", SERVER[1])))
    with Recorder(path, modem, module) as recorder:
        network = recorder.network(VirtualNetwork({address: server.connection}))
        board = Board(image.flash, eeprom=set_up_eeprom(image.flash, **settings))
        trace = Trace(recorder.watch)
        simulation = Simulation(board, modem, network, trace=trace, analog=room_sensors())
        simulation.run_to(seconds)
    return path


@pytest.fixture
def recording(image: Image, tmp_path: Path) -> Path:
    return record(image, tmp_path / "lab.attrace", SigningServer())


@pytest.fixture
def edited(recording: Path) -> Callable[[str, str], Path]:
    def edit(old: str, new: str) -> Path:
        text = recording.read_text()
        assert old in text, f"{old!r} is not in the recording"
        recording.write_text(text.replace(old, new, 1))
        return recording

    return edit


def replay(recording: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["replay", str(recording), "--firmware", str(FIRMWARE), *options])


def test_the_same_node_says_the_same_at_the_same_nanosecond(image: Image, tmp_path: Path) -> None:
    recording = record(image, tmp_path / "lab.attrace", SigningServer(), seconds=60)
    eeprom = set_up_eeprom(image.flash)
    outcome = replay_image(load(recording), image.flash, eeprom, lambda _: None)
    assert isinstance(outcome, Agreement), outcome
    assert (outcome.equal_requests, outcome.off_ns_max) == (outcome.requests, 0)
    assert outcome.requests > 50


def test_a_node_that_starts_later_is_given_the_same_pauses(image: Image, recording: Path) -> None:
    header, records = load(recording)
    first_ns = next(record.t for record in records if record.ch is Channel.UNO_TX)
    late = [
        msgspec.structs.replace(record, t=record.t + LATE_NS) if record.t >= first_ns else record
        for record in records
    ]
    eeprom = set_up_eeprom(image.flash)
    outcome = replay_image(Recording(header, late), image.flash, eeprom, lambda _: None)
    assert isinstance(outcome, Agreement), outcome
    assert abs(outcome.off_ns_max - LATE_NS) < NS_PER_MS


def test_a_node_with_another_key_in_another_place_is_told_what_the_recording_shows(
    image: Image, tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch("system.signing_server.KEY", OTHER_KEY)
    server = OddServer()
    recording = record(image, tmp_path / "farm.attrace", server, 30, **OTHER_NODE)
    assert (server.bad_requests, server.posts > 10) == (0, True)
    result = replay(recording)
    assert result.exit_code == 0, result.output
    found = re.fullmatch(r"the same: \d+ commands, (\d+) requests \(0 byte for byte\), .*\n", result.stdout)
    assert found, result.stdout
    assert int(found[1]) > 10


@pytest.mark.parametrize(
    ("old", "new", "recorded", "now"),
    [
        ('"> "', '"< "', "'POST /v1/readings", "'AT"),
        (":HTTP/1.1 204", ":HTTP/1.1 504", r"'AT\+CIPSEND=4", r"'AT\+CIPCLOSE=4"),
    ],
)
def test_a_changed_byte_of_the_module_shows_as_a_difference(
    edited: Callable[[str, str], Path], old: str, new: str, recorded: str, now: str
) -> None:
    result = replay(edited(old, new))
    assert result.exit_code == 1
    first, *before, was, got = result.stdout.splitlines()
    assert re.fullmatch(r"different at \d+\.\d{6} s", first)
    assert all(re.match(r"  \d+\.\d{6} s  (uno|esp)  '", line) for line in before)
    assert re.match(r"recorded, at \d+\.\d{6} s: " + recorded, was)
    assert re.match("now: " + now, got)


def test_another_network_in_the_eeprom_shows_and_no_password_does(
    image: Image, recording: Path, tmp_path: Path
) -> None:
    eeprom = tmp_path / "eeprom.bin"
    eeprom.write_bytes(set_up_eeprom(image.flash, key=OTHER_KEY_TEXT))
    assert replay(recording, "--eeprom", str(eeprom)).exit_code == 0
    eeprom.write_bytes(set_up_eeprom(image.flash, wifi_ssid="attic", wifi_password=PASSWORD))
    result = replay(recording, "--eeprom", str(eeprom))
    assert result.exit_code == 1
    *_, was, got = result.stdout.splitlines()
    assert was.endswith(""": 'AT+CWJAP_CUR="unolink","*********"\\r\\n'""")
    assert got == """now: 'AT+CWJAP_CUR="attic","**************"\\r\\n'"""


def test_another_image_shows(image: Image, recording: Path) -> None:
    other = image.flash.replace(b"Host: ", b"Hose: ")
    assert other != image.flash
    outcome = replay_image(load(recording), other, set_up_eeprom(image.flash), lambda _: None)
    assert "Hose: ingest.lan" in str(outcome)


def test_a_reading_that_is_sent_again_shows(recording: Path) -> None:
    text = recording.read_text()
    first, second = re.findall(r'"uno>esp","text":".*readings\\":\[\[(\d+),', text)[:2]
    sent = re.compile(rf'("uno>esp","text":".*readings\\":\[\[){second},')
    recording.write_text(sent.sub(rf"\g<1>{first},", text, count=1))
    result = replay(recording)
    assert result.exit_code == 1
    *_, was, got = result.stdout.splitlines()
    assert (f"[[{first}," in was, f"[[{second}," in got) == (True, True)


def test_an_image_that_says_nothing_shows(recording: Path) -> None:
    outcome = replay_image(load(recording), ENDLESS_LOOP, b"", lambda _: None)
    assert str(outcome).endswith("now: nothing")


def test_the_bridge_s_command_is_the_same(recording: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", str(recording), "--firmware", str(FIRMWARE)]
    result = CliRunner().invoke(unobridge, arguments)
    assert result.exit_code == 0
    assert capfd.readouterr().out.startswith("the same: ")


UNO = '{"t":2,"ch":"uno>esp","text":"AT\\r\\n","baud":115200}\n'
ESP = '{"t":9,"ch":"esp>uno","text":"OK\\r\\n","baud":115200}\n'


@pytest.mark.parametrize(
    ("lines", "options", "complaint"),
    [
        (UNO + ESP, ["--firmware", "{absent}"], "cannot read firmware '{absent}': No such file"),
        (UNO + ESP, ["--firmware", "{text}"], "'{text}' is neither an ELF nor an Intel HEX file"),
        (UNO + ESP, ["--firmware", "{foreign}"], "{foreign}: the Uno does not open its console"),
        (UNO + ESP, ["--firmware", "{ours}", "--eeprom", "{absent}"], "cannot read {absent}: No such"),
        (UNO + ESP, ["--firmware", "{ours}", "--eeprom", "{text}"], "{text} has 6 bytes; an EEPROM has"),
        (UNO + ESP, ["--eeprom", "{text}"], "--eeprom is of an Uno"),
        (UNO, ["--firmware", "{ours}"], "in this recording the module says nothing"),
        (ESP, ["--firmware", "{ours}"], "in this recording the Uno says nothing"),
        (
            UNO.replace("\\n", "") + ESP,
            ["--firmware", "{ours}"],
            "in this recording the Uno says no whole",
        ),
        ("x", ["--firmware", "{ours}"], "{recording}:2: JSON is malformed"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    recording: Path, tmp_path: Path, lines: str, options: list[str], complaint: str
) -> None:
    header = recording.read_text().splitlines(keepends=True)[0]
    recording.write_text(header + lines)
    names = {name: str(tmp_path / name) for name in ("absent", "text", "foreign")}
    names |= {"ours": str(FIRMWARE), "recording": str(recording)}
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "foreign").write_text(":02000000FFCF30\n:00000001FF\n")
    result = CliRunner().invoke(main, ["replay", str(recording), *(one.format(**names) for one in options)])
    message, hint = result.stderr.splitlines()
    assert message.startswith(f"unosim: {complaint.format(**names)}")
    assert hint.startswith("hint: ")
    assert (result.exit_code, result.stdout) == (1 if "--firmware" in options else 2, "")
