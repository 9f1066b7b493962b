"""Recordings: written from a simulation-like run in virtual time, read, replayed, exported. No sockets."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from unosim.attrace import Recorder, TraceError, export, load, replay
from unosim.cli import main
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.esp01 import Module
from unosim.modem import AccessPoint, Settings
from unosim.network import Reply, VirtualNetwork
from unosim.wire import WiredModem

PASSWORD = "secret-key"  # noqa: S105  # the test looks for it where it must not be
REQUEST = b"GET / HTTP/1.1\r\nAuthorization: Bearer my-own-token\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=sweet-cookie\r\n\r\nhello"
DIALOGUE = (
    (1.0, b"AT\r\n"),
    (2.0, b'AT+CWJAP_CUR="lab","%s"\r\n' % PASSWORD.encode()),
    (10.0, b'AT+CIPSTART="TCP","server.lan",80\r\n'),
    (11.0, b"AT+CIPSEND=%d\r\n" % len(REQUEST)),
    (11.5, REQUEST),
    (13.0, b"AT+UART_CUR=9600,8,1,0,0\r\n"),
    (14.0, b"AT+GMR\r\n"),
)


class Server:
    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        del now_ns
        return [Reply(ANSWER, close=True)] if data.endswith(b"\r\n\r\n") else []


def record(path: Path, *, flash: Settings | None = None) -> Path:
    """Record the dialogue; the host's bytes come in two bursts with a pause between them."""
    module = Module(access_points=(AccessPoint("lab", PASSWORD),), seed=7)
    modem = module.make(flash)
    recorder = Recorder(path, modem, module)
    network = recorder.network(VirtualNetwork({("server.lan", 80): Server}))
    wired = WiredModem(modem, network, recorder.watch)
    wired.power_on(0)
    for at_s, data in DIALOGUE:
        at_ns = round(at_s * NS_PER_S)
        wired.run(at_ns)
        wired.say(data[:2], None, at_ns)
        wired.say(data[2:], None, at_ns + 3 * NS_PER_MS)
    wired.run(16 * NS_PER_S)
    recorder.close()
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return record(tmp_path / "session.attrace")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1, f"{old!r} is not in the recording"
    path.write_text(text.replace(old, new, 1))


def test_no_secret_is_written(recording: Path) -> None:
    text = recording.read_text()
    for secret in (PASSWORD, "my-own-token", "sweet-cookie"):
        assert secret not in text
    for kept in ("lab", "server.lan", "hello", "AT+CWJAP_CUR", "Bin version"):
        assert kept in text


def test_a_recording_reads_like_the_dialogue(recording: Path) -> None:
    header, *lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert (header["attrace"], header["profile"], header["seed"]) == (1, "nonos-1.7.4", 7)
    said = [(line["means"], line["text"]) for line in lines if line["ch"] == "uno>esp"]
    assert said[0] == ("command", "AT\r\n")
    replied = [(line["means"], line["text"]) for line in lines if line["ch"] == "esp>uno"]
    for line in (
        ("event", "ready\r\n"),
        ("echo", "AT\r\n"),
        ("result", "OK\r\n"),
        ("event", "WIFI GOT IP\r\n"),
        ("prompt", "> "),
        ("data taken", f"Recv {len(REQUEST)} bytes\r\n"),
    ):
        assert line in replied
    asked = [line["do"] for line in lines if line["ch"] == "esp>net"]
    assert asked == ["Connect", "Send"]
    assert [line["do"] for line in lines if line["ch"] == "net>esp"] == [
        "Connected",
        "Acknowledged",
        "Received",
        "PeerClosed",
    ]


def test_a_recording_replays_without_a_difference(recording: Path) -> None:
    loaded = load(recording)
    assert len(loaded.records) > 30
    assert replay(loaded) is None


def test_what_flash_held_is_part_of_a_recording(tmp_path: Path) -> None:
    path = record(tmp_path / "flash.attrace", flash=Settings(ssid="lab", password=PASSWORD))
    assert PASSWORD not in path.read_text()
    loaded = load(path)
    assert loaded.header.flash.ssid == "lab"
    assert replay(loaded) is None
    edit(path, '"ssid":"lab","password":"*********0","bssid":""', '"ssid":"","password":"","bssid":""')
    assert replay(load(path)) is not None


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("Bin version(Wroom 02):1.7.4", "Bin version(Wroom 02):1.7.5", "esp>uno: recorded b'5"),
        ('"text":"AT+GMR\\r\\n","baud":9600', '"text":"AT+GMX\\r\\n","baud":9600', "esp>uno: recorded b'R"),
        ('"host":"server.lan"', '"host":"other.lan"', "esp>net: recorded Connect"),
        ('"do":"PeerClosed"', '"do":"Acknowledged"', None),
    ],
)
def test_the_first_difference_is_found(recording: Path, old: str, new: str, place: str | None) -> None:
    edit(recording, old, new)
    if place is None:
        with pytest.raises(TraceError, match="count"):
            load(recording)
        return
    assert place in str(replay(load(recording)))


def test_lateness_is_a_difference(recording: Path) -> None:
    lines = recording.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if "WIFI GOT IP" in line)
    line = json.loads(lines[at])
    line["t"] -= 5 * NS_PER_MS
    recording.write_text("\n".join([*lines[:at], json.dumps(line), *lines[at + 1 :]]))
    assert "the same +5.000 ms later" in str(replay(load(recording)))


def test_a_missing_end_is_a_difference(recording: Path) -> None:
    lines = recording.read_text().splitlines()
    kept = [line for line in lines if '"ch":"esp>net"' not in line]
    recording.write_text("\n".join(kept))
    assert "recorded nothing, now Connect" in str(replay(load(recording)))


def sampled(vcd: str, identifier: str, start_ns: int, baud: int) -> int:
    """Return the byte whose start bit begins at an instant, as a logic analyser would decode it."""
    changes: list[tuple[int, int]] = []
    now_ns = 0
    for line in vcd.splitlines():
        if line.startswith("#"):
            now_ns = int(line[1:])
        elif line in {f"0{identifier}", f"1{identifier}"}:
            changes.append((now_ns, int(line[0])))
    bits = []
    for index in range(10):
        middle_ns = start_ns + (2 * index + 1) * NS_PER_S // (2 * baud)
        bits.append([level for at_ns, level in changes if at_ns <= middle_ns][-1])
    assert (bits[0], bits[9]) == (0, 1)
    return sum(bit << index for index, bit in enumerate(bits[1:9]))


def test_the_export_has_every_bit_where_it_was(recording: Path) -> None:
    loaded = load(recording)
    file = io.StringIO()
    count = export(loaded, file)
    uart = [record for record in loaded.records if record.text and record.baud]
    assert count == sum(len(record.text) for record in uart)
    for record in [*uart[:3], *uart[-3:]]:
        host = record.ch.value == "uno>esp"
        back_ns = 10 * NS_PER_S // record.baud if host else 0
        for at_ns, byte in zip(record.instants(), record.data, strict=True):
            assert sampled(file.getvalue(), "!" if host else '"', at_ns - back_ns, record.baud) == byte
    times = [int(line[1:]) for line in file.getvalue().splitlines() if line.startswith("#")]
    assert times == sorted(times)


HEADER = '{"attrace":1,"profile":"nonos-1.7.4","seed":0,"access_points":[]}\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("AT+GMR\n", ":1: JSON is malformed"),
        (HEADER.replace('"attrace":1', '"attrace":2'), "has format 2; this program reads 1"),
        (HEADER + '{"t":1,"ch":"uno>esp","text":"A"}', ":2: bytes on the UART need a text and a baud"),
        (HEADER + '{"t":1,"ch":"uno>esp","text":"\u20ac","baud":9600}', ":2: .*latin-1"),
        (HEADER + '{"t":1,"ch":"esp>uno","text":"AB","baud":9600,"gaps":[1,2]}', ":2: gaps are"),
        (
            HEADER + '{"t":1,"ch":"net>esp","do":"Explode"}',
            ":2: 'Explode' is nothing that happens on net>esp",
        ),
        (HEADER + '{"t":1,"ch":"net>esp","do":"PeerClosed"}', ":2: .*link"),
        (
            HEADER + '{"t":1,"ch":"net>esp","do":"PeerClosed","args":{"link":9}}',
            ":2: network event for link 9",
        ),
        (HEADER + "\n{}", ":3: .*missing required field"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.attrace"
    path.write_text(text)
    with pytest.raises(TraceError, match=complaint) as caught:
        load(path)
    assert caught.value.hint


def test_the_commands_say_what_they_found(recording: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    same = run(main, ["replay", str(recording)])
    assert (same.exit_code, same.output[:9]) == (0, "the same:")
    out = tmp_path / "out.vcd"
    assert run(main, ["vcd", str(recording), str(out)]).exit_code == 0
    assert out.read_text().startswith("$version unosim $end")
    edit(recording, "Bin version(Wroom 02):1.7.4", "Bin version(Wroom 02):1.7.5")
    different = run(main, ["replay", str(recording)])
    assert different.exit_code == 1
    assert "different at 14." in different.output
    edit(recording, "nonos-1.7.4", "nonos-9")
    for command in (
        ["replay", str(recording)],
        ["replay", str(tmp_path)],
        ["vcd", str(recording), str(tmp_path)],
    ):
        failed = run(main, command)
        assert failed.exit_code == 1
        assert failed.stderr.startswith("unosim: ")
        assert "\nhint: " in failed.stderr
