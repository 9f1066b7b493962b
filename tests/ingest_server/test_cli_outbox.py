"""`unoingest send`, `outbox` and `check`, and an outbox in `unoingest serve`, as an operator types them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from unoingest import cli
from unoingest.cloud_entry import encode_frame
from unoingest.core import Core
from unoingest.fake_cloud.faults import FaultPlan
from unoingest.fake_cloud.grpc_front import GrpcFront
from unoingest.fake_cloud.log import FakeLog
from unoingest.store import SqliteStore

PROJECT = "demo-project"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def finished(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unoingest", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.fixture
def filled(database: Path, body: Callable[..., bytes]) -> Path:
    """A store with three requests of five readings, now, and their entries."""
    with closing(SqliteStore(database)) as store:
        for sent in (body(18, 17), body(1, device="a"), body(19, 20)):
            Core(store, PROJECT, encode_frame).accept(sent, time.time_ns())
    return database


@pytest.fixture
def log() -> FakeLog:
    return FakeLog(FaultPlan(poison_rate=0.5))


@pytest.fixture
def emulator(log: FakeLog) -> Iterator[str]:
    with closing(GrpcFront(log)) as front:
        yield f"127.0.0.1:{front.port}"


def outbox_of(database: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("outbox", "--database", database, "--json").stdout)
    return found


def drained(database: Path, emulator: str) -> subprocess.CompletedProcess[str]:
    return finished("send", "--drain", "--database", database, "--project", PROJECT, "--emulator", emulator)


def test_the_story_of_an_outbox(filled: Path, emulator: str, log: FakeLog) -> None:
    backlog = outbox_of(filled)
    assert (backlog["requests"], backlog["entries"], backlog["dead_letters"]) == (3, 5, 0)
    size_bytes, oldest = backlog["bytes"], backlog["oldest_received_at"]
    assert run("outbox", "--database", filled).stdout.splitlines() == [
        f"5 entries of 3 requests wait ({size_bytes} bytes), the oldest since {oldest}",
        "0 dead letters",
    ]

    done = drained(filled, emulator)
    assert (done.returncode, done.stdout) == (0, "")
    (event,) = [json.loads(line) for line in done.stderr.splitlines()]
    dead = event["count"]
    assert (event["event"], dead + len(log.view())) == ("entries_refused", 5)
    assert run("outbox", "--database", filled).stdout.splitlines() == [
        "nothing waits",
        f"{dead} dead letters; --dead-letters shows why",
    ]
    letters = [
        json.loads(line) for line in run("outbox", "--database", filled, "--dead-letters").stdout.splitlines()
    ]
    assert [letter["reason"] for letter in letters] == ["Log entry refused by the fault plan"] * dead
    seen = {entry.insert_id for entry in log.view()} | {letter["entry"]["insertId"] for letter in letters}
    assert len(seen) == 5

    log._plan = FaultPlan()
    assert (
        run("outbox", "--database", filled, "--requeue").stdout
        == f"{dead} dead letters are back in the outbox\n"
    )
    assert drained(filled, emulator).stderr == ""
    assert (len(log.view()), outbox_of(filled)["entries"], outbox_of(filled)["dead_letters"]) == (5, 0, 0)


def test_serve_delivers_by_itself(
    start_server: Callable[..., Any], emulator: str, log: FakeLog, body: Callable[..., bytes], mocker: Any
) -> None:
    log._plan = FaultPlan()
    settings = {"UNOINGEST_OUTBOX": "send", "UNOINGEST_PROJECT": PROJECT, "UNOINGEST_EMULATOR": emulator}
    mocker.patch.dict(os.environ, settings)
    server = start_server()
    for seq in range(3):
        assert server.request("POST", "/v1/readings", body(seq))[0] == 200
    for _ in range(500):
        if outbox_of(server.database)["entries"] == 0:
            break
        time.sleep(0.02)
    assert sorted(entry.json_payload["reading"]["seq"] for entry in log.view()) == [0, 1, 2]
    # the lines that agents read name the same entries
    line_ids = {line["logging.googleapis.com/insertId"] for line in server.lines()}
    assert {entry.insert_id for entry in log.view()} == line_ids
    second = drained(server.database, emulator)
    assert second.returncode == 1
    assert second.stderr.startswith("Error: another sender is delivering from this store")
    assert server.stop() == 0


def test_serve_keeps_entries_for_a_sender_of_its_own(
    start_server: Callable[..., Any], emulator: str, body: Callable[..., bytes], mocker: Any
) -> None:
    mocker.patch.dict(os.environ, {"UNOINGEST_OUTBOX": "keep", "UNOINGEST_PROJECT": PROJECT})
    server = start_server()
    assert server.request("POST", "/v1/readings", body(1, 2))[0] == 200
    assert outbox_of(server.database)["entries"] == 2
    assert drained(server.database, emulator).returncode == 0
    assert outbox_of(server.database)["entries"] == 0
    assert server.request("POST", "/v1/readings", body(3))[0] == 200
    assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sender_ends_when_it_is_told_to(filled: Path, emulator: str, log: FakeLog, number: int) -> None:
    log._plan = FaultPlan({"permission_denied": 1.0})
    command = [sys.executable, "-m", "unoingest", "send", "--database", str(filled), "--project", PROJECT]
    with subprocess.Popen([*command, "--emulator", emulator], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        event = json.loads(process.stderr.readline())
        assert (event["event"], event["severity"]) == ("delivery_paused", "ERROR")
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    assert outbox_of(filled)["entries"] == 5


def test_a_sound_store(filled: Path) -> None:
    result = run("check", "--database", filled)
    assert (result.exit_code, result.stdout) == (0, "sound: 5 readings, 3 requests in the outbox\n")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            "UPDATE reading SET channel_values = CAST('{\"a0\":513}' AS BLOB) WHERE seq = 17",
            "reading uno-1 boot 3 seq 17",
        ),
        ("UPDATE reading SET timestamp_ns = timestamp_ns + 1 WHERE seq = 1", "reading a boot 3 seq 1 is not"),
        ("UPDATE reading SET timestamp_ns = NULL WHERE seq = 1", "reading a boot 3 seq 1 is not"),
        ("UPDATE reading SET received_at_ns = 5 WHERE seq = 18", "reading uno-1 boot 3 seq 18 is not"),
        ("UPDATE reading SET device = 'b' WHERE seq = 1", "reading b boot 3 seq 1 is not"),
        ("UPDATE reading SET boot = 4 WHERE seq = 17", "reading uno-1 boot 4 seq 17 is not"),
        ("UPDATE reading SET traceparent = 'x' WHERE seq = 17", "reading uno-1 boot 3 seq 17 is not"),
        ("UPDATE outbox SET received_at_ns = 5 WHERE id = 2", "row 2 of the outbox is not"),
        ("UPDATE outbox SET frames = CAST('x' AS BLOB) WHERE id = 3", "row 3 of the outbox is not"),
    ],
)
def test_a_damaged_store(filled: Path, damage: str, found: str) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute(damage)
        connection.commit()
    result = run("check", "--database", filled)
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith(found)
    assert "Error: 1 damages in" in result.stderr
    if found.startswith("reading"):
        left = run("readings", "--database", filled, "--json")
        assert (left.exit_code, len(left.stdout.splitlines())) == (1, 4)
        assert "1 readings in" in left.stderr


def test_a_torn_file(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    filled.write_bytes(content)
    result = run("check", "--database", filled)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith(("structure: ", "the file cannot be read on: "))


def test_no_flipped_bit_passes_for_a_value(filled: Path) -> None:
    """Each reading that can still be read is one that was stored, whatever bit is wrong."""
    sound = set(run("readings", "--database", filled, "--json").stdout.splitlines())
    content = filled.read_bytes()
    for place in range(0, len(content) * 8, len(content) * 8 // 300 - 1):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        filled.write_bytes(flipped)
        result = run("readings", "--database", filled, "--json")
        assert set(result.stdout.splitlines()) <= sound, place
        assert not isinstance(result.exception, sqlite3.Error), place


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["send", "--database", "x"], 2, "Missing option '--project'"),
        (["serve", "--database", "x", "--outbox", "keep"], 2, "Missing option '--project'"),
        (["serve", "--database", "x", "--outbox", "maybe"], 2, "'maybe' is not one of 'off', 'keep', 'send'"),
        (["outbox", "--database", "x", "--json", "--requeue"], 2, "exclude each other"),
        (["outbox", "--database", "none.db"], 1, "no store at"),
        (["outbox", "--database", "none.db", "--requeue"], 1, "no store at"),
        (["check", "--database", "none.db"], 1, "no store at"),
        (["send", "--database", "none.db", "--project", PROJECT], 1, "no store at"),
    ],
)
def test_mistakes(arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_credentials_there_is_one_clear_line(filled: Path, tmp_path: Path) -> None:
    nowhere = {"GOOGLE_APPLICATION_CREDENTIALS": "", "NO_GCE_CHECK": "true", "HOME": str(tmp_path)}
    done = finished("send", "--drain", "--database", filled, "--project", PROJECT, **nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error == "Error: there are no Google Cloud credentials to deliver with"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in hint
