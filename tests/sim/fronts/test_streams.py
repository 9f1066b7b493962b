"""The fronts as other programs see them: opened with pySerial or a socket, in real time."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

import unosim.fronts
from unosim.fronts.driver import Driver
from unosim.fronts.pty import PtyStream
from unosim.fronts.rfc2217 import SUBOPTION_BYTES_MAX, Rfc2217Stream
from unosim.fronts.stream import FrontError
from unosim.fronts.tcp import TcpStream

RunFront = Callable[..., Driver]
READY = b"\r\nready\r\n"
ANSWER = b"AT\r\n\r\nOK\r\n"
WAIT_S = 10.0
GARBAGE_WAIT_S = 0.5

assert unosim.fronts.URLS in serial.protocol_handler_packages


def open_port(name: str, baud: int = 115_200) -> serial.Serial:
    return serial.serial_for_url(name, baud, timeout=WAIT_S)


def check_dialogue(port: serial.Serial) -> None:
    assert port.read_until(READY).endswith(READY)
    port.write(b"AT\r\n")
    assert port.read(len(ANSWER)) == ANSWER


def check_rates(port: serial.Serial) -> None:
    """The host's rate counts: garbage at a wrong one, and it can follow the module to another one."""
    port.write(b"AT+UART_CUR=57600,8,1,0,0\r\n")
    assert port.read_until(b"OK\r\n").endswith(b"\r\nOK\r\n")
    port.timeout = GARBAGE_WAIT_S
    port.write(b"AT\r\n")
    assert ANSWER not in port.read(99)
    port.timeout = WAIT_S
    port.baudrate = 57_600
    port.write(b"\r\n")  # ends what the module has made of the garbage
    port.read_until(b"ERROR\r\n")
    port.write(b"AT\r\n")
    assert port.read(len(ANSWER)) == ANSWER


def test_a_pseudo_terminal_is_a_serial_port(run_front: RunFront, tmp_path: Path) -> None:
    stream = PtyStream(tmp_path / "esp")
    run_front(stream)
    assert stream.name == str(tmp_path / "esp")
    with open_port(stream.name) as port:
        check_dialogue(port)
        check_rates(port)


def test_the_link_goes_with_the_device_and_replaces_one_that_leads_nowhere(tmp_path: Path) -> None:
    link = tmp_path / "esp"
    link.symlink_to(tmp_path / "gone")
    stream = PtyStream(link)
    assert str(link.readlink()) == stream.device
    with pytest.raises(FrontError, match=r"cannot make the link .*: File exists"):
        PtyStream(link)
    stream.close()
    assert not link.is_symlink()


def test_a_pseudo_terminal_that_nobody_reads_loses_bytes_and_does_not_block() -> None:
    stream = PtyStream()
    written = sum(stream.write(bytes(4_096)) for _ in range(100))
    assert 0 < written < 100 * 4_096
    stream.close()


def test_a_socket_carries_the_bytes_at_any_rate(run_front: RunFront) -> None:
    stream = TcpStream("127.0.0.1", 0)
    run_front(stream)
    assert stream.name.startswith("socket://127.0.0.1:")
    with open_port(stream.name) as port:
        check_dialogue(port)
        port.write(b"AT+UART_CUR=9600,8,1,0,0\r\n")
        assert port.read_until(b"OK\r\n").endswith(b"\r\nOK\r\n")
        port.write(b"AT\r\n")
        assert port.read(len(ANSWER)) == ANSWER


def test_a_second_host_is_turned_away_and_a_later_one_is_welcome(run_front: RunFront) -> None:
    stream = TcpStream("127.0.0.1", 0)
    run_front(stream)
    with open_port(stream.name) as port:
        check_dialogue(port)
        with socket.create_connection(stream.address, WAIT_S) as second:
            assert second.recv(1) == b""
        port.write(b"AT\r\n")
        assert port.read(len(ANSWER)) == ANSWER
    for _ in range(100):  # the first host's end and the new one's beginning are seen in either order
        with socket.create_connection(stream.address, WAIT_S) as later:
            later.sendall(b"AT\r\n")
            try:
                if later.recv(1) == b"A":
                    return
            except ConnectionResetError:
                continue
    pytest.fail("nobody is welcome any more")


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pySerial 3.5 itself
def test_an_rfc2217_host_sets_the_rate(run_front: RunFront) -> None:
    stream = Rfc2217Stream("127.0.0.1", 0)
    run_front(stream)
    with open_port(stream.name) as port:
        port.timeout = GARBAGE_WAIT_S
        for _ in range(round(WAIT_S / GARBAGE_WAIT_S)):  # the negotiation may take longer than the boot
            port.write(b"AT\r\n")
            if port.read_until(ANSWER).endswith(ANSWER):
                break
        port.timeout = WAIT_S
        check_rates(port)


IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"


@pytest.mark.parametrize(
    "broken",
    [
        IAC + SE,
        IAC + SB + b"\x2c\x01" + IAC + SE,
        IAC + SB + b"\x2c\x03\xee" + IAC + SE,
        IAC + SB + bytes(SUBOPTION_BYTES_MAX + 1),
    ],
    ids=["end without beginning", "rate without digits", "unknown parity", "endless suboption"],
)
def test_an_rfc2217_host_that_breaks_the_protocol_is_turned_away(run_front: RunFront, broken: bytes) -> None:
    stream = Rfc2217Stream("127.0.0.1", 0)
    run_front(stream)
    with socket.create_connection(stream.address, WAIT_S) as host:
        host.sendall(broken)
        try:
            while host.recv(4_096):
                pass
        except ConnectionResetError:
            return  # closed with bytes of ours unread


def test_a_port_in_use_is_an_error_with_a_hint() -> None:
    stream = TcpStream("127.0.0.1", 0)
    with pytest.raises(FrontError, match=r"cannot listen on .*: Address already in use") as caught:
        TcpStream(*stream.address)
    assert "another port" in caught.value.hint
    stream.close()
    with pytest.raises(FrontError, match=r"cannot listen on 192\.0\.2\.1:4000"):
        TcpStream("192.0.2.1", 4_000)


def test_a_url_opens_a_module_of_its_own(http_server: Any) -> None:
    host, number = http_server.address
    http_server.release()
    url = f"esp01://?profile=nonos-1.7.4&ssid=lab&password=secret-key&seed=7&route=s.lan:80={host}:{number}"
    with serial.serial_for_url(url, timeout=WAIT_S) as port:
        check_dialogue(port)
        port.write(b'AT+CWJAP_CUR="lab","secret-key"\r\n')
        assert port.read_until(b"OK\r\n").endswith(b"WIFI GOT IP\r\n\r\nOK\r\n")
        port.write(b'AT+CIPSTART="TCP","s.lan",80\r\n')
        assert port.read_until(b"OK\r\n").endswith(b"CONNECT\r\n\r\nOK\r\n")
        request = b"GET /now HTTP/1.0\r\n\r\n"
        port.write(b"AT+CIPSEND=%d\r\n" % len(request))
        assert port.read_until(b"> ").endswith(b"\r\nOK\r\n> ")
        port.write(request)
        assert b"SEND OK" in port.read_until(b"SEND OK\r\n")
        assert b"you asked for /now" in port.read_until(b"CLOSED\r\n")
        check_rates(port)
        assert (port.cts, port.dsr, port.ri, port.cd, port.in_waiting) == (False, False, False, False, 0)


def test_a_closed_url_can_be_opened_again_and_starts_afresh() -> None:
    port = serial.serial_for_url("esp01://", timeout=WAIT_S, do_not_open=True)
    for _ in range(2):
        port.open()
        check_dialogue(port)
        port.close()
        port.close()
    with pytest.raises(serial.SerialException, match="not open"):
        port.read()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("esp01://?profile=nonos-9", "unknown profile 'nonos-9'; there are: .*nonos-1.7.4"),
        ("esp01://?password=x", "1 passwords for 0 access points"),
        ("esp01://?route=x", "not a route: 'x'"),
        ("esp01://?seed=x", "seed is a number"),
        ("esp01://?seed=1&seed=2", "'seed' is given 2 times"),
        ("esp01://?colour=red", "unknown option 'colour'; there are: "),
        ("esp01://lab", "not a URL of a simulated module"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, complaint: str) -> None:
    with pytest.raises(serial.SerialException, match=complaint):
        serial.serial_for_url(url)
