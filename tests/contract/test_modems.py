"""What a board may rely on, whichever modem is at the far end: the simulator or the bridge. Byte for byte.

A case is a dialogue: what the board says and all that it must hear to it. `{peer}` is the port of a peer on
loopback, `{nobody}` one where nobody listens.
"""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.modems import MODEMS, WAIT_S, Far

NEWEST, OLD = "nonos-1.7.4", "nonos-1.3"
QUIET_S = 0.3
JOIN = (
    b'AT+CWJAP_CUR="any","whatever"\r\n',
    b'AT+CWJAP_CUR="any","whatever"\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n',
)
BOOTED = (b"", b"\r\nready\r\n")
OPEN = (
    b'AT+CIPSTART="TCP","127.0.0.1",{peer}\r\n',
    b'AT+CIPSTART="TCP","127.0.0.1",{peer}\r\nCONNECT\r\n\r\nOK\r\n',
)

Lines = tuple[tuple[bytes, bytes], ...]
CASES: dict[str, Lines] = {
    "before joining": (
        (b"AT\r\n", b"AT\r\n\r\nOK\r\n"),
        (b"AT+NONSENSE\r\n", b"AT+NONSENSE\r\n\r\nERROR\r\n"),
        (b"\r\n", b"\r\n\r\nERROR\r\n"),
        (b"AT+CIPSTATUS\r\n", b"AT+CIPSTATUS\r\nSTATUS:5\r\n\r\nOK\r\n"),
        (b"ATE0\r\n", b"ATE0\r\n\r\nOK\r\n"),
        (b"AT\r\n", b"\r\nOK\r\n"),
    ),
    "join and leave": (
        JOIN,
        (b"AT+CIPSTATUS\r\n", b"AT+CIPSTATUS\r\nSTATUS:2\r\n\r\nOK\r\n"),
        (b"AT+CWQAP\r\n", b"AT+CWQAP\r\n\r\nOK\r\nWIFI DISCONNECT\r\n"),
    ),
    "busy while it joins": (
        (
            JOIN[0] + b"AT\r\n",
            JOIN[0] + b"AT\r\n\r\nbusy p...\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
        ),
    ),
    "connections": (
        JOIN,
        OPEN,
        (b"AT+CIPSEND=5\r\n", b"AT+CIPSEND=5\r\n\r\nOK\r\n> "),
        (b"hello", b"\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,5:HELLO"),
        (b"AT+CIPSEND=3\r\n", b"AT+CIPSEND=3\r\n\r\nOK\r\n> "),
        (b"bye", b"\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,3:BYECLOSED\r\n"),
        (b"AT+CIPMUX=1\r\n", b"AT+CIPMUX=1\r\n\r\nOK\r\n"),
        (
            b'AT+CIPSTART=4,"TCP","127.0.0.1",{peer}\r\n',
            b'AT+CIPSTART=4,"TCP","127.0.0.1",{peer}\r\n4,CONNECT\r\n\r\nOK\r\n',
        ),
        (b"AT+CIPSEND=4,2\r\n", b"AT+CIPSEND=4,2\r\n\r\nOK\r\n> "),
        (b"ab", b"\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,4,2:AB"),
        (b"AT+CIPCLOSE=4\r\n", b"AT+CIPCLOSE=4\r\n4,CLOSED\r\n\r\nOK\r\n"),
    ),
    "refused": (
        JOIN,
        (
            b'AT+CIPSTART="TCP","127.0.0.1",{nobody}\r\n',
            b'AT+CIPSTART="TCP","127.0.0.1",{nobody}\r\n\r\nERROR\r\nCLOSED\r\n',
        ),
    ),
    "no such name": (
        JOIN,
        (
            b'AT+CIPSTART="TCP","no-such-name.invalid",80\r\n',
            b'AT+CIPSTART="TCP","no-such-name.invalid",80\r\nDNS Fail\r\n\r\nERROR\r\n',
        ),
    ),
}


class Peer:
    """Repeats what it hears in capitals; `bye` ends the connection, `much N` sends so many bytes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65_536):
                if data.startswith(b"much "):
                    connection.sendall(pattern(int(data.split()[1])))
                    return
                connection.sendall(data.upper())
                if data == b"bye":
                    return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def pattern(count: int) -> bytes:
    """Return bytes that do not repeat themselves, without any that could be a notice."""
    out = bytearray()
    number = 0
    while len(out) < count:
        out += hashlib.sha256(b"%d" % number).hexdigest().encode()
        number += 1
    return bytes(out[:count])


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def nobody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(params=list(MODEMS))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def hear(far: Far, expected: bytes) -> bytes:
    """Return what is heard until it has the length of what is expected, and then is quiet."""
    heard = bytearray()
    deadline = time.monotonic() + WAIT_S
    while len(heard) < len(expected) and time.monotonic() < deadline:
        heard += far.read(deadline - time.monotonic())
    return bytes(heard + far.read(QUIET_S))


def booted(far: Far) -> None:
    heard = bytearray()
    deadline = time.monotonic() + WAIT_S
    while not heard.endswith(BOOTED[1]):
        assert time.monotonic() < deadline, bytes(heard)
        heard += far.read(deadline - time.monotonic())


def old_echo(sent: bytes, expected: bytes) -> bytes:
    """Up to 1.3 a line feed is echoed as CR LF."""
    if sent and expected.startswith(sent):
        return sent.replace(b"\n", b"\r\n") + expected[len(sent) :]
    return expected


@pytest.mark.parametrize("case", [*((name, NEWEST) for name in CASES), ("before joining", OLD)])
def test_dialogues(kind: str, case: tuple[str, str], tmp_path: Path, peer: Peer, nobody: int) -> None:
    name, profile = case
    ports = {b"{peer}": b"%d" % peer.port, b"{nobody}": b"%d" % nobody}
    with MODEMS[kind](tmp_path, profile) as far:
        booted(far)
        for said, wanted in CASES[name]:
            sent, expected = said, wanted
            for mark, port in ports.items():
                sent, expected = sent.replace(mark, port), expected.replace(mark, port)
            if profile == OLD:
                expected = old_echo(sent, expected)
            far.write(sent)
            assert hear(far, expected) == expected


def test_another_rate(kind: str, tmp_path: Path) -> None:
    with MODEMS[kind](tmp_path, NEWEST) as far:
        booted(far)
        far.write(b"AT+UART_CUR=57600,8,1,0,0\r\n")
        answer = b"AT+UART_CUR=57600,8,1,0,0\r\n\r\nOK\r\n"
        assert hear(far, answer) == answer
        far.set_baud(57_600)
        far.write(b"AT\r\n")
        assert hear(far, b"AT\r\n\r\nOK\r\n") == b"AT\r\n\r\nOK\r\n"


def test_much_data_comes_whole_however_slow_the_line(kind: str, tmp_path: Path, peer: Peer) -> None:
    count = 60_000
    with MODEMS[kind](tmp_path, NEWEST) as far:
        booted(far)
        for sent, expected in (JOIN, (OPEN[0].replace(b"{peer}", b"%d" % peer.port), b"")):
            far.write(sent)
            heard = bytearray()
            while not heard.endswith(b"\r\nOK\r\n"):
                heard += far.read(WAIT_S)
            del expected
        request = b"much %d" % count
        far.write(b"AT+CIPSEND=%d\r\n" % len(request))
        hear(far, b"AT+CIPSEND=10\r\n\r\nOK\r\n> ")
        far.write(request)
        stream = bytearray()
        while not stream.endswith(b"CLOSED\r\n"):
            data = far.read(WAIT_S)
            assert data, len(stream)
            stream += data
    assert payload(bytes(stream)) == pattern(count)


def payload(stream: bytes) -> bytes:
    """Return what the notices of a stream carry."""
    out = bytearray()
    at = stream.index(b"\r\n+IPD,")
    while stream.startswith(b"\r\n+IPD,", at):
        colon = stream.index(b":", at)
        count = int(stream[at + len(b"\r\n+IPD,") : colon])
        out += stream[colon + 1 : colon + 1 + count]
        at = colon + 1 + count
    return bytes(out)
