"""`unosim modem` as a person and a script use it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = CliRunner().invoke(main, ["modem", "--tcp", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert ended.exit_code == 1
    assert "Address already in use" in ended.stderr
