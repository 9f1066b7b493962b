"""`unobridge run` as a person and a board use it."""

import json
import signal
import socket
from pathlib import Path

import pytest

from bridge.conftest import Start
from bridge.usb import WAIT_S, Cable
from unosim.attrace import load
from unosim.uart import sample

READY = b"\r\nready\r\n"
JOIN = b'AT+CWJAP_CUR="school","pw12345678"\r\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_shows_records_and_ends_cleanly(
    start: Start, cable: Cable, tmp_path: Path, number: signal.Signals
) -> None:
    recording = tmp_path / "session.attrace"
    command = start("run", "--port", str(cable.link), "--record", str(recording))
    cable.read_until(READY)
    assert cable.ask(b"AT\r\n") == b"AT\r\n\r\nOK\r\n"
    assert b"WIFI GOT IP" in cable.ask(JOIN)
    assert command.end(number) == 0
    lines = [line[13:].strip() for line in command.shown]
    for line in ("esp  ready   (event)", "uno  AT   (command)", "esp  OK   (result)"):
        assert line in lines
    assert 'uno  AT+CWJAP_CUR="school","***"   (command)' in lines
    assert "pw12345678" not in recording.read_text() + "".join(command.shown)
    assert load(recording).header.welcoming


def test_json_is_for_machines(start: Start, cable: Cable) -> None:
    command = start("run", "--port", str(cable.link), "--json")
    cable.read_until(READY)
    cable.ask(b"AT+GMR\r\n")
    command.end()
    shown = [json.loads(line) for line in command.shown]
    assert {"who": "uno", "text": "AT+GMR", "means": "command"}.items() <= shown[1].items()
    assert {"who", "text", "means", "time", "ms", "port"} == set(shown[1])


def echo_server() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WAIT_S)
    return listener, listener.getsockname()[1]


def test_a_connection_is_real_and_the_allow_list_closes_others(start: Start, cable: Cable) -> None:
    listener, number = echo_server()
    with listener:
        start("run", "--port", str(cable.link), "--allow", f"127.0.0.1:{number}", "--quiet")
        cable.read_until(READY)
        cable.ask(JOIN)
        assert cable.ask(b'AT+CIPSTART="TCP","127.0.0.1",%d\r\n' % number).endswith(b"CONNECT\r\n\r\nOK\r\n")
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(WAIT_S)
            cable.ask(b"AT+CIPSEND=5\r\n", b"> ")
            cable.ask(b"hello", b"SEND OK\r\n")
            assert peer.recv(99) == b"hello"
            peer.sendall(b"world")
            assert b"\r\n+IPD,5:world" in cable.read_until(b"world")
        cable.read_until(b"CLOSED\r\n")
        with socket.create_server(("127.0.0.1", 0)) as other:
            closed = other.getsockname()[1]
            assert cable.ask(b'AT+CIPSTART="TCP","127.0.0.1",%d\r\n' % closed, b"CLOSED\r\n").endswith(
                b"\r\nERROR\r\nCLOSED\r\n"
            )


def test_a_route_gives_a_name_to_what_has_none(start: Start, cable: Cable) -> None:
    listener, number = echo_server()
    with listener:
        start("run", "--port", str(cable.link), "--route", f"Ingest.lan:8080=127.0.0.1:{number}", "--quiet")
        cable.read_until(READY)
        cable.ask(JOIN)
        assert cable.ask(b'AT+CIPSTART="TCP","ingest.lan",8080\r\n').endswith(b"CONNECT\r\n\r\nOK\r\n")


def test_a_board_comes_back_under_another_name(start: Start, cable: Cable) -> None:
    command = start("run", "--port", str(cable.link))
    for _ in range(3):
        cable.read_until(READY)
        cable.unplug()
        command.wait_for("is lost")
        cable.plug_in()
    cable.read_until(READY)
    assert command.end() == 0, command.said
    assert len([line for line in command.said if "the modem is on" in line]) == 4


def test_a_board_may_come_later(start: Start, cable: Cable) -> None:
    cable.unplug()
    command = start("run", "--port", str(cable.link), "--wait")
    command.wait_for("there is no such port; trying again")
    cable.plug_in()
    cable.read_until(READY)
    assert command.end() == 0, command.said


@pytest.mark.parametrize("baud", [9_600, 57_600, 38_400, 19_200])
def test_it_finds_the_rate_of_the_board(start: Start, cable: Cable, baud: int) -> None:
    """The board's words as a receiver at another rate samples them, until it is at the right one."""
    start("run", "--port", str(cable.link), "--quiet")
    cable.read_until(READY)
    for _ in range(60):
        bridge_baud = cable.bridge_baud
        heard = bytes(sample(one, bridge_baud, baud)[0] for one in b"AT\r\n")
        cable.write(heard if bridge_baud >= baud else heard[:1])
        cable.rest()
        if bridge_baud == baud and b"\r\nOK\r\n" in cable.read():
            return
        cable.read()
    pytest.fail(f"it listens at {cable.bridge_baud}")


def test_the_board_may_change_the_rate(start: Start, cable: Cable) -> None:
    start("run", "--port", str(cable.link), "--quiet")
    cable.read_until(READY)
    cable.ask(b"AT+UART_CUR=57600,8,1,0,0\r\n")
    for _ in range(50):
        if cable.bridge_baud == 57_600:
            break
        cable.read(0.02)
    assert cable.bridge_baud == 57_600
    assert cable.ask(b"AT\r\n") == b"AT\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--port", "/dev/ttyACM99"], 1, "cannot open /dev/ttyACM99: there is no such port"),
        (["--port", "COM99"], 1, "cannot open COM99: there is no such port"),
        (["--port", "nonsense://x"], 1, "cannot open nonsense://x: "),
        (["--port", "/dev/null"], 1, "cannot open /dev/null: "),
        (["--port", "a", "--port", "a"], 1, "port a is named twice"),
        (["--allow", ":x"], 2, "not a target: ':x'"),
        (["--route", "a:1"], 2, "not a route: 'a:1'"),
        (["--upgrade", "a"], 2, "not a target: 'a'"),
        ([], 1, "no Uno found on USB"),
        (["--wait"], 2, "--wait without --port"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    start: Start, arguments: list[str], code: int, complaint: str
) -> None:
    command = start("run", *arguments)
    assert command.process.wait(WAIT_S) == code
    command.end()
    message, hint = command.said
    assert message.startswith(f"unobridge: {complaint}")
    assert hint.startswith("hint: ")
    assert command.shown == []


def test_a_busy_port_is_told_as_such(start: Start, cable: Cable) -> None:
    first = start("run", "--port", str(cable.link))
    first.wait_for("the modem is on")
    second = start("run", "--port", str(cable.link))
    assert second.process.wait(WAIT_S) == 1
    second.end()
    assert second.said[0].endswith("another program has it open")
