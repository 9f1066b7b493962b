"""What the tests of the ingest server share: a store, an application with its own clock, real processes."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from unoingest.app import create_app
from unoingest.store import SqliteStore

NOW_NS = 1_795_250_000_123_456_789
JSON: Mapping[str, str] = {"Content-Type": "application/json"}


@dataclass
class Ingest:
    """The application on a real store, with everything it writes."""

    store: SqliteStore
    now_ns: int = NOW_NS
    lines: list[bytes] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def log(self, line: bytes) -> None:
        self.events.append(json.loads(line))

    def client(self, **options: Any) -> FlaskClient:
        settings = {"clock_ns": lambda: self.now_ns, "emit": self.lines.append, "log": self.log, **options}
        return create_app(self.store, **settings).test_client()

    def post(self, body: bytes, **options: Any) -> TestResponse:
        options.setdefault("content_type", "application/json")
        return self.client().post("/v1/readings", data=body, **options)


@dataclass
class Server:
    """`unoingest serve` as a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    database: Path
    stdout: Path

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] = JSON,
        **options: Any,
    ) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, headers, **options)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, names, answer.read()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.read_bytes().splitlines()]


@pytest.fixture
def body() -> Callable[..., bytes]:
    """A request body; keyword arguments replace its members."""

    def build(*seqs: int, **members: Any) -> bytes:
        readings = [{"seq": seq, "age_ms": 120, "values": {"a0": 512, "a1": 300}} for seq in seqs or (17,)]
        return json.dumps({"device": "uno-1", "boot": 3, "readings": readings, **members}).encode()

    return build


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def store(database: Path) -> Iterator[SqliteStore]:
    with contextlib.closing(SqliteStore(database, busy_timeout_ms=0)) as opened:
        yield opened


@pytest.fixture
def ingest(store: SqliteStore) -> Ingest:
    return Ingest(store)


@pytest.fixture
def start_server(tmp_path: Path, database: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that are gone after the test, whatever it did to them."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(port: int = 0) -> Server:
        stdout = tmp_path / f"stdout-{len(processes)}"
        with stdout.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "unoingest", "serve"],
                env={**os.environ, "UNOINGEST_DATABASE": str(database), "UNOINGEST_PORT": str(port)},
                stdout=sink,
                stderr=subprocess.PIPE,
            )
        processes.append(process)
        assert process.stderr is not None
        event = json.loads(process.stderr.readline())
        assert event["event"] == "listening", event
        return Server(process, event["port"], database, stdout)

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=20)
