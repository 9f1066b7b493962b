"""`unosim modem` as a person and a script use it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import serial
from click.testing import CliRunner

from unosim.attrace import load, replay
from unosim.cli import main

WAIT_S = 10.0
ANSWER = b"AT\r\n\r\nOK\r\n"


@contextmanager
def modem(*options: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the command; yield the name of its port and the process."""
    with subprocess.Popen(
        [sys.executable, "-m", "unosim", "modem", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_plays_records_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    link, recording = tmp_path / "esp", tmp_path / "session.attrace"
    options = ("--link", str(link), "--ssid", "home", "--password", "house-key", "--record", str(recording))
    with modem(*options) as (name, process):
        assert name == str(link)
        with serial.Serial(name, 115_200, timeout=WAIT_S) as port:
            port.read_until(b"ready\r\n")
            port.write(b"AT\r\n")
            assert port.read(len(ANSWER)) == ANSWER
            port.write(b'AT+CWJAP_CUR="home","house-key"\r\n')
            assert b"WIFI GOT IP" in port.read_until(b"GOT IP\r\n\r\nOK\r\n")
        process.send_signal(number)
        shown, complaints = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert complaints == ""
    assert not link.is_symlink()
    lines = [line[14:].strip() for line in shown.splitlines()]
    for line in ("esp  ready", "host  AT", "esp  OK", 'host  AT+CWJAP_CUR="home","***"'):
        assert line in lines
    assert "house-key" not in shown + recording.read_text()
    assert replay(load(recording)) is None


def test_every_option_has_its_environment_variable() -> None:
    names = {
        "pty": "UNOSIM_PTY",
        "link": "UNOSIM_LINK",
        "tcp": "UNOSIM_TCP",
        "rfc2217": "UNOSIM_RFC2217",
        "profile": "UNOSIM_PROFILE",
        "ssids": "UNOSIM_SSID",
        "passwords": "UNOSIM_PASSWORD",
        "seed": "UNOSIM_SEED",
        "routes": "UNOSIM_ROUTE",
        "anywhere": "UNOSIM_OPEN",
        "ca": "UNOSIM_CA",
        "certificate": "UNOSIM_CERTIFICATE",
        "inbound": "UNOSIM_LISTEN",
        "faults": "UNOSIM_FAULTS",
        "record": "UNOSIM_RECORD",
    }
    options = {parameter.name: parameter.envvar for parameter in main.commands["modem"].params}
    assert options == names


def test_a_socket_is_chosen_by_the_environment() -> None:
    with modem(UNOSIM_TCP="127.0.0.1:0") as (name, process):
        assert name.startswith("socket://127.0.0.1:")
        with serial.serial_for_url(name, timeout=0.5) as port:
            answered = False
            tries_left = 20  # it may still be booting
            while not answered and tries_left:
                tries_left -= 1
                port.write(b"AT\r\n")
                answered = port.read_until(ANSWER).endswith(ANSWER)
        assert answered
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--profile", "nonos-9"], 2, "unknown profile 'nonos-9'"),
        (["--password", "x"], 2, "1 passwords for 0 access points"),
        (["--route", "server.lan:80"], 2, "not a route: 'server.lan:80'"),
        (["--route", "server.lan=1.2.3.4:80"], 2, "not an address: 'server.lan'"),
        (["--route", "a:1=b:2", "--open"], 2, "--route and --open exclude each other"),
        (["--tcp", "4000"], 2, "not an address: '4000'"),
        (["--tcp", "127.0.0.1:70000"], 2, "not an address: '127.0.0.1:70000'"),
        (["--tcp", "127.0.0.1:0", "--rfc2217", "127.0.0.1:0"], 2, "more than one front"),
        (["--tcp", "127.0.0.1:0", "--link", "x"], 2, "more than one front"),
        (["--tcp", "192.0.2.1:4000"], 1, "cannot listen on 192.0.2.1:4000"),
        (["--link", "/proc/esp"], 1, "cannot make the link /proc/esp"),
        (["--record", "/proc/esp"], 1, "cannot write /proc/esp"),
        (["--faults", "drop-bite:esp>uno@1"], 2, "no fault is called 'drop-bite'; did you mean drop-byte?"),
        (["--listen", "80"], 2, "no port of the module and where callers find it: '80'"),
        (["--listen", "0=127.0.0.1:0"], 2, "no port of the module and where callers find it: '0=127"),
        (["--listen", "80=127.0.0.1"], 2, "not an address: '127.0.0.1'"),
        (["--listen", "80=192.0.2.1:0"], 1, "callers cannot be let in at 192.0.2.1:0: Cannot assign"),
        (["--ca", "/no/such.pem"], 1, "cannot use /no/such.pem: No such file or directory"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_with_a_hint(
    options: list[str], code: int, complaint: str
) -> None:
    ended = CliRunner().invoke(main, ["modem", *options])
    assert ended.exit_code == code
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"unosim: {complaint}")
    assert second.startswith("hint: ")


def test_faults_strike_are_shown_and_strike_again_in_a_replay(tmp_path: Path) -> None:
    recording = tmp_path / "session.attrace"
    plan = "restart:uno>esp@2; drop-byte:esp>uno,chance=0.01"
    with modem("--faults", plan, "--seed", "3", "--record", str(recording)) as (name, process):
        with serial.Serial(name, 115_200, timeout=WAIT_S) as port:
            port.read_until(b"ready")
            port.write(b"AT\r\n")
            assert b"ets" not in port.read_until(b"eady")  # the second boot, at another rate
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=WAIT_S)
    assert "s: restart:uno>esp@2\n" in shown
    assert "s: drop-byte:esp>uno,chance=0.01\n" in shown
    recorded = load(recording)
    assert (str(recorded.header.plan), recorded.header.fault_seed) == (plan, 3)
    assert replay(recorded) is None
    other = recorded._replace(header=msgspec.structs.replace(recorded.header, fault_seed=4))
    assert replay(other) is not None


def test_callers_reach_the_module_and_are_told_where(tmp_path: Path) -> None:
    link = tmp_path / "esp"
    with modem("--link", str(link), "--listen", "80=127.0.0.1:0") as (name, process):
        assert process.stdout is not None
        told = re.fullmatch(r"callers of port 80 come to 127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        assert told
        with serial.Serial(name, 115_200, timeout=WAIT_S) as port:
            port.read_until(b"ready\r\n")
            for line in (b"ATE0", b"AT+CIPMUX=1", b"AT+CIPSERVER=1,80"):
                port.write(line + b"\r\n")
                assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")
            with socket.create_connection(("127.0.0.1", int(told[1])), WAIT_S) as caller:
                caller.sendall(b"hello")
                assert port.read_until(b":hello") == b"0,CONNECT\r\n\r\n+IPD,0,5:hello"
                port.write(b"AT+CIPSEND=0,2\r\n")
                port.read_until(b"> ")
                port.write(b"hi")
                assert caller.recv(9) == b"hi"
                assert port.read_until(b"SEND OK\r\n").endswith(b"SEND OK\r\n")
                port.write(b"AT+CIPCLOSE=0\r\n")
                assert caller.recv(9) == b""


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = CliRunner().invoke(main, ["modem", "--tcp", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert ended.exit_code == 1
    assert "Address already in use" in ended.stderr
