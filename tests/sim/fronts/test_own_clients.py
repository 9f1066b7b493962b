"""The module's own MQTT and HTTP clients against real servers, Mosquitto among them, over real sockets."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import serial

from unosim.esp01 import Address, Module
from unosim.fronts.driver import Driver
from unosim.fronts.pty import PtyStream
from unosim.modem import ESPAT_2_2

DEBIAN = Path(__file__).resolve().parents[3] / ".tools" / "debian" / "usr"
PATIENCE_S = 20.0


class Broker(NamedTuple):
    """A broker that runs, and where it listens."""

    process: subprocess.Popen[bytes]
    address: Address


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Run a broker that asks for a password."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address: Address = taken.getsockname()
    program = shutil.which("mosquitto") or str(DEBIAN / "sbin" / "mosquitto")
    passwords = tmp_path / "passwords"
    passwords.write_text("uno:secret-key\n")
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(
        f"user {getpass.getuser()}\nlistener {address[1]} 127.0.0.1\n"
        f"allow_anonymous false\npassword_file {passwords}\n"
    )
    libraries = ":".join({str(path.parent) for path in (DEBIAN / "lib").rglob("*.so.*")})
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    hasher = shutil.which("mosquitto_passwd") or str(DEBIAN / "bin" / "mosquitto_passwd")
    subprocess.run([hasher, "-U", str(passwords)], env=environment, check=True)
    process = subprocess.Popen([program, "-c", str(configuration)], env=environment)
    try:
        wait_for_port(address)
        yield Broker(process, address)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_for_port(address: Address) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(address, 1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline_s, "the broker does not listen"
            time.sleep(0.05)
        else:
            return


def ask(port: serial.Serial, line: bytes, *, until: bytes) -> bytes:
    """Say something; return all that is answered up to and including some bytes."""
    port.write(line)
    heard = port.read_until(until)
    assert heard.endswith(until), f"{line!r} was answered {heard!r}"
    return heard


OK = b"\r\nOK\r\n"
SENT = b'+MQTTSUBRECV:0,"uno/%d",5,21.5C\r\n'


@pytest.mark.system
def test_messages_of_every_quality_come_back(run_front: Callable[..., Driver], broker: Broker) -> None:
    stream = PtyStream()
    run_front(stream, {("broker.lan", 1883): broker.address}, module=Module(ESPAT_2_2))
    with serial.Serial(stream.device, 115_200, timeout=PATIENCE_S) as port:
        ask(port, b"", until=b"ready\r\n")
        ask(port, b"ATE0\r\n", until=OK)
        ask(port, b'AT+CWJAP="lab","secret-key"\r\n', until=OK)
        ask(port, b'AT+MQTTUSERCFG=0,1,"uno","uno","wrong-key",0,0,""\r\n', until=OK)
        ask(port, b'AT+MQTTCONN=0,"broker.lan",1883,0\r\n', until=b"\r\nERROR\r\n")
        ask(port, b"AT+MQTTCLEAN=0\r\n", until=OK)
        ask(port, b'AT+MQTTUSERCFG=0,1,"uno","uno","secret-key",0,0,""\r\n', until=OK)
        ask(port, b'AT+MQTTCONNCFG=0,60,0,"will","gone",1,0\r\n', until=OK)
        connected = ask(port, b'AT+MQTTCONN=0,"broker.lan",1883,0\r\n', until=OK)
        assert connected == b'+MQTTCONNECTED:0,1,"broker.lan","1883","",0\r\n' + OK
        ask(port, b'AT+MQTTSUB=0,"uno/#",2\r\n', until=OK)
        for qos in range(3):
            answer = ask(port, b'AT+MQTTPUB=0,"uno/%d","21.5C",%d,0\r\n' % (qos, qos), until=b"C\r\n")
            answer += b"" if OK in answer else port.read_until(OK)
            assert answer.replace(OK, b"") == SENT % qos
        ask(port, b'AT+MQTTPUBRAW=0,"uno/9",5,2,0\r\n', until=b">")
        port.write(b"\x00\xff\r\n\x01")
        answer = port.read_until(b"+MQTTPUB:OK\r\n")
        expected = b'+MQTTSUBRECV:0,"uno/9",5,\x00\xff\r\n\x01\r\n'
        answer += b"" if expected in answer else port.read_until(expected)
        assert answer.replace(b"+MQTTPUB:OK\r\n", b"") == expected
        ask(port, b'AT+MQTTUNSUB=0,"uno/#"\r\n', until=OK)
        ask(port, b"AT+MQTTCLEAN=0\r\n", until=OK)


@pytest.mark.system
def test_a_broker_that_dies_is_noticed(run_front: Callable[..., Driver], broker: Broker) -> None:
    stream = PtyStream()
    run_front(stream, {("broker.lan", 1883): broker.address}, module=Module(ESPAT_2_2))
    with serial.Serial(stream.device, 115_200, timeout=PATIENCE_S) as port:
        ask(port, b"", until=b"ready\r\n")
        ask(port, b'AT+CWJAP="lab","secret-key"\r\n', until=OK)
        ask(port, b'AT+MQTTUSERCFG=0,1,"uno","uno","secret-key",0,0,""\r\n', until=OK)
        ask(port, b'AT+MQTTCONN=0,"broker.lan",1883,0\r\n', until=OK)
        broker.process.kill()
        assert port.read_until(b"+MQTTDISCONNECTED:0\r\n") == b"+MQTTDISCONNECTED:0\r\n"


@pytest.mark.system
def test_requests_of_every_kind(run_front: Callable[..., Driver], http_server: Any) -> None:
    stream = PtyStream()
    run_front(stream, {("server.lan", 80): http_server.address}, module=Module(ESPAT_2_2))
    for _ in range(2):
        http_server.release()
    with serial.Serial(stream.device, 115_200, timeout=PATIENCE_S) as port:
        ask(port, b"", until=b"ready\r\n")
        ask(port, b"ATE0\r\n", until=OK)
        ask(port, b'AT+CWJAP="lab","secret-key"\r\n', until=OK)
        got = ask(port, b'AT+HTTPCLIENT=2,0,"http://server.lan/now","","",1\r\n', until=OK)
        assert got == b"+HTTPCLIENT:18,you asked for /now\r\n" + OK
        ask(port, b'AT+HTTPCPOST="http://server.lan/",5\r\n', until=b">")
        posted = ask(port, b"21.5C", until=b"\r\nSEND OK\r\n")
        assert posted == b"\r\nRecv 5 bytes\r\n+HTTPCPOST:14,you said 21.5C\r\n\r\nSEND OK\r\n"
