"""Clients that are slow, silent, endless or rude, many at once, against the server and the gateway.

While a crowd of them hangs on, a good client that connects anew each time must be answered, each time rightly
and within PATIENCE_S; afterwards the process must still be there, not too large, and without the crowd's
connections. Real processes on loopback. Time is not measured, only waited for.
"""

import contextlib
import http.client
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest_server.wire import DEVICE, KEY, answer_tag, signed
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.signature import encode_key
from unosim.server_process import ServerProcess

PATIENCE_S = 15.0
"""Far more than an answer takes, and less than the slow ones are allowed: who waits for those is late."""
ROUNDS = 10
CROWDS = (20, 100, 400)
MEMORY_BYTES_MAX = 384 << 20
"""Of the server's two processes, 90 MiB at rest, with at most 800 connections of 250 KiB each."""
LEFT_OPEN_MAX = 30
"""Descriptors more than before, when the crowd has gone."""
_HEAD = b"POST /v1/readings HTTP/1.1\r\nHost: a\r\n"
_KB = 1024

Address = tuple[str, int]
Send = Callable[[int], bytes]
"""What a client sends at a round, from 0."""


def _once(data: bytes) -> Send:
    return lambda turn: data if turn == 0 else b""


def _then(first: bytes, rest: bytes) -> Send:
    return lambda turn: first if turn == 0 else rest


def _pipelined(request: bytes) -> Send:
    return _once(request * 100)


KINDS: dict[str, Send] = {
    "silent": _once(b""),
    "head dripping": _then(_HEAD, b"X"),
    "header after header": _then(_HEAD, b"X-A: " + b"y" * 60 * _KB + b"\r\n"),
    "body dripping": _then(_HEAD + b"Content-Length: 60000\r\n\r\n{", b" "),
    "signed body dripping": _then(
        _HEAD + b"Authorization: Unolink uno-7f3a:" + b"A" * 22 + b"\r\nContent-Length: 60000\r\n\r\n{", b" "
    ),
    "chunk dripping": _then(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunks without end": _then(
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 64 * _KB + b"\r\n"
    ),
    "body announced huge": _then(_HEAD + b"Content-Length: 999999999999\r\n\r\n", b" " * 64 * _KB),
    "request line of a megabyte": _once(b"GET /" + b"a" * 1024 * _KB + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "nested thirty thousand deep": _once(_HEAD + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000),
    "pipelining": _pipelined(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
    "reading no answer": _pipelined(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"),
    "expecting 100-continue": _once(_HEAD + b"Expect: 100-continue\r\nContent-Length: 60000\r\n\r\n"),
    "speaking TLS": _once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    "speaking HTTP/2": _once(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9) * 50),
    "only line feeds": _then(b"\n", b"\n" * 4 * _KB),
}


class Crowd:
    """Connections of one kind, none of which is ever waited for."""

    def __init__(self, address: Address, kind: Send, count: int, chance: random.Random) -> None:
        self._send = kind
        self._connections: list[socket.socket] = []
        for _ in range(count):
            connection = socket.socket()
            connection.settimeout(1.0)
            try:
                connection.connect(address)
            except OSError:
                # nobody takes it any more, which is a way to bear a crowd
                connection.close()
                break
            connection.setblocking(False)
            self._connections.append(connection)
        self._chance = chance

    def turn(self, number: int) -> None:
        """Let each of them send what it sends at a round, as far as it is taken."""
        data = self._send(number)
        for connection in self._connections if data else ():
            with contextlib.suppress(OSError):
                connection.send(data)

    def leave(self) -> None:
        """Close everything: in order, after a farewell in one direction, or with a reset."""
        for connection in self._connections:
            manner = self._chance.randrange(3)
            if manner == 0:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            elif manner == 1:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


@dataclass(frozen=True, slots=True)
class Host:
    """Who bears the crowd: where it listens, and its process."""

    name: str
    address: Address
    pid: int

    def pids(self) -> list[int]:
        """Return its process and those that it started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def memory_bytes(self) -> int:
        """Return what its processes have in memory."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * 4096

    def open_files(self) -> int:
        """Return how many descriptors its processes have."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Host]:
    """Run `unoingest serve`."""
    database = folder / "readings.db"
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 0, KEY)
    with ServerProcess(database) as process:
        yield Host("server", process.address, process.pid)


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Host]:
    """Run `unobridge gateway`, whose server is not there."""
    (folder / "keys").write_text(f"{DEVICE} {encode_key(KEY)}\n")
    files = ["--journal", str(folder / "journal.db"), "--keys", str(folder / "keys")]
    command = [sys.executable, "-m", "unobridge", "gateway", "--listen", "127.0.0.1:0", *files]
    log = folder / "gateway.log"
    # what it says of each refusal must not fill a pipe
    with log.open("wb") as sink:
        process = subprocess.Popen([*command, "--forward", "http://127.0.0.1:9"], stdout=sink, stderr=sink)
    try:
        while "listens on " not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        line = next(line for line in log.read_text().splitlines() if "listens on " in line)
        yield Host("gateway", ("127.0.0.1", int(line.rpartition(":")[2])), process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def complaint_about_a_post(address: Address, seq: int) -> str:
    """Post a reading as a device does, over a new connection; return what was wrong."""
    body = b'{"boot":1,"channels":["a0"],"readings":[[%d,0,1]]}' % seq
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/v1/readings", body, signed(body))
        answer = connection.getresponse()
        answer.read()
    except OSError as error:
        return f"no answer: {error!r}"
    finally:
        connection.close()
    right = answer.status == 204 and answer.headers["Unolink-Tag"] == answer_tag(204, body)
    return "" if right else f"answered {answer.status}"


def bear(host: Host, number: int) -> str:
    """Let a crowd of two kinds hang on to a host; return what was wrong, or ""."""
    chance = random.Random(number)
    names: Sequence[str] = chance.sample(sorted(KINDS), 2)
    counts = [chance.choice(CROWDS) for _ in names]
    first_seq = number * (ROUNDS + 1)
    wrong = complaint_about_a_post(host.address, first_seq)
    before = host.open_files()
    crowds = [
        Crowd(host.address, KINDS[name], count, chance) for name, count in zip(names, counts, strict=True)
    ]
    try:
        for turn in range(ROUNDS):
            for crowd in crowds:
                crowd.turn(turn)
            wrong = wrong or complaint_about_a_post(host.address, first_seq + 1 + turn)
        memory_bytes = host.memory_bytes()
    finally:
        for crowd in crowds:
            crowd.leave()
    wrong = wrong or complaint_about_a_post(host.address, first_seq)
    if memory_bytes > MEMORY_BYTES_MAX:
        wrong = wrong or f"{memory_bytes >> 20} MiB in memory"
    wrong = wrong or _still_open(host, before)
    return wrong and f"{host.name}, {dict(zip(names, counts, strict=True))}: {wrong}"


def _still_open(host: Host, before: int) -> str:
    until_s = time.monotonic() + PATIENCE_S
    while (left := host.open_files() - before) > LEFT_OPEN_MAX:
        if time.monotonic() > until_s:
            return f"{left} more descriptors than before are open"
        time.sleep(0.05)
    return ""


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each of so many crowds, by turns at a server and at a gateway."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts = [stack.enter_context(make(folder)) for make in (server, gateway)]
        for trial in trials:
            yield bear(hosts[trial % 2], trial)
