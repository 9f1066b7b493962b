"""`unoingest mqtt` against a real Mosquitto: what reaches the disk, what is acknowledged, who is killed."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from mosquitto import Broker
from unoingest import cli
from unoingest.fake_cloud.certificate import make_certificate
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.mqtt.subscriber import Broker as SubscribedBroker
from unoingest.mqtt.subscriber import Subscriber
from unoingest.service import Service
from unoingest.store import SqliteStore, read_readings

KEY = bytes(range(32))
DEVICE = "uno-7f3a"
START_S = 30.0


def tag(text: bytes) -> str:
    digest = hmac.new(KEY, text, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def message(seq: int, *, value: int = 512, age_ms: int | None = 0, held_ms: int | None = None) -> bytes:
    body = json.dumps(
        {"boot": 3, "channels": ["a0"], "readings": [[seq, age_ms, value]]}, separators=(",", ":")
    )
    of_request = tag(f"POST /v1/readings\n{DEVICE}\n{body}".encode())
    members: dict[str, Any] = {"authorization": f"Unolink {DEVICE}:{of_request}", "body": body}
    if held_ms is not None:
        members |= {"held_ms": held_ms, "held_tag": tag(f"held {held_ms}\n{of_request}".encode())}
    return json.dumps(members).encode()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture
def keys(database: Path) -> None:
    SqliteStore(database).close()
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)


@pytest.fixture
def subscribe(database: Path, broker: Broker, keys: None) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    del keys
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "unoingest", "mqtt", *arguments],
            env={
                **os.environ,
                "UNOINGEST_DATABASE": str(database),
                "UNOINGEST_BROKER": f"mqtt://127.0.0.1:{broker.port}",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        assert event_of(process)["event"] == "subscribed"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def event_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stderr is not None
    event: dict[str, Any] = json.loads(process.stderr.readline())
    return event


@contextlib.contextmanager
def publisher(broker: Broker) -> Iterator[Callable[..., None]]:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bridge", clean_session=False)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()

    def publish(payload: bytes, topic: str = f"unolink/{DEVICE}/readings", *, retain: bool = False) -> None:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(timeout=20)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


def seqs(database: Path) -> list[int]:
    return [reading.seq for reading in read_readings(database)]


def wait_for(database: Path, *expected: int) -> None:
    give_up_at_s = time.monotonic() + START_S
    while seqs(database) != list(expected):
        assert time.monotonic() < give_up_at_s, seqs(database)
        time.sleep(0.02)


STRANGERS: list[tuple[str, bytes]] = [
    (f"unolink/{DEVICE}/readings", b""),
    (f"unolink/{DEVICE}/readings", b"\xff" * 1000),
    (f"unolink/{DEVICE}/readings", b"[" * 100_000),
    (f"unolink/{DEVICE}/readings", b" " * 200_000),
    (f"unolink/{DEVICE}/readings", b" " * 3_000_000),
    (f"unolink/{DEVICE}/readings", message(7).replace(b"512", b"513")),
    (f"unolink/{DEVICE}/readings", message(7).replace(b"}", b',"severity":"EMERGENCY"}')),
    ("unolink//readings", message(7)),
    ("unolink/uno-8/readings", message(7)),
    ("unolink/UNO-7F3A/readings", message(7)),
    ("unolink/\u202e\u00fc\u2028/readings", message(7)),
    ("unolink/'; DROP TABLE reading; --/readings", message(7)),
    ("unolink/{}/readings", b'{"logging.googleapis.com/labels":{"a":"b"}}'),
]


def test_what_strangers_publish_is_refused_and_keeps_nobody_waiting(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    with publisher(broker) as publish:
        for topic, payload in STRANGERS:
            publish(payload, topic, retain=True)
        publish(message(8))
        wait_for(database, 8)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    lines = process.stderr.read().decode().split("\n")[:-1]
    events = [json.loads(line) for line in lines if "request_refused" in line]
    assert lines == [line for text in lines for line in text.splitlines()]
    # the largest has stayed at the broker, and after ten wrong tags one line would stand for all others
    assert len(events) == len(STRANGERS) - 1
    assert {event["severity"] for event in events} == {"WARNING"}
    assert all(event["problem"]["code"] != "internal_error" for event in events)


def test_a_published_reading_is_stored(subscribe: Callable[..., Any], broker: Broker, database: Path) -> None:
    process = subscribe()
    before_ns = time.time_ns()
    with publisher(broker) as publish:
        publish(message(1))
        publish(message(2, age_ms=5000, held_ms=3_600_000))
        publish(message(1))
        wait_for(database, 1, 2)
    first, second = read_readings(database)
    assert (first.device, first.boot, first.values_json) == (DEVICE, 3, b'{"a0":512}')
    assert first.received_at_ns >= before_ns
    assert second.timestamp_ns == second.received_at_ns - 3_605_000 * 10**6
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_what_can_never_be_stored_is_told_and_does_not_stop_the_rest(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    with publisher(broker) as publish:
        publish(message(1))
        publish(b"nonsense")
        publish(message(2).replace(b"512", b"513"))
        publish(message(1, value=7))
        publish(message(3))
        wait_for(database, 1, 3)
        codes = [event_of(process)["problem"]["code"] for _ in range(3)]
        assert sorted(codes) == ["bad_signature", "identity_conflict", "malformed_json"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        # they were acknowledged, so they do not come back
        again = subscribe()
        publish(message(4))
        wait_for(database, 1, 3, 4)
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=20) == 0
        assert again.stderr.read() == b""


def test_what_is_published_while_we_are_away_waits_for_us(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    process.kill()
    process.wait()
    with publisher(broker) as publish:
        for seq in range(300):
            publish(message(seq))
    subscribe()
    wait_for(database, *range(300))


def test_a_locked_store_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    with publisher(broker) as publish:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            publish(message(1))
            event = event_of(process)
            assert (event["problem"]["code"], event["severity"]) == ("store_unavailable", "ERROR")
            publish(message(2))
            # killed while the broker still has both
            process.kill()
            process.wait()
            other.execute("ROLLBACK")
        assert seqs(database) == []
        subscribe()
        wait_for(database, 1, 2)


def test_a_locked_store_heals_without_a_restart(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    with publisher(broker) as publish:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            publish(message(1))
            assert event_of(process)["problem"]["code"] == "store_unavailable"
            other.execute("ROLLBACK")
        wait_for(database, 1)


def test_subscriber_and_broker_are_killed_under_load_and_nothing_is_lost(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    sent = 0
    for kill in ("subscriber", "broker", "subscriber"):
        with publisher(broker) as publish:
            for _ in range(60):
                publish(message(sent))
                sent += 1
        if kill == "subscriber":
            process.kill()
            process.wait()
            process = subscribe()
        else:
            # what Mosquitto has taken and not handed on is only in its memory, and a kill would lose it
            wait_for(database, *range(sent))
            broker.stop(signal.SIGKILL)
            broker.start()
            events = [event_of(process)["event"]]
            while events[-1] != "subscribed":
                events.append(event_of(process)["event"])
            assert events[0] == "broker_lost"
    wait_for(database, *range(sent))


def test_a_broker_that_forgot_us_is_told_of(
    subscribe: Callable[..., Any], broker: Broker, database: Path
) -> None:
    process = subscribe()
    broker.stop(signal.SIGKILL)
    broker.forget()
    broker.start()
    assert [event_of(process)["event"] for _ in range(3)] == ["broker_lost", "session_lost", "subscribed"]
    with publisher(broker) as publish:
        publish(message(1))
        wait_for(database, 1)


def test_what_came_on_a_lost_connection_is_not_acknowledged_on_the_next(
    store: SqliteStore, broker: Broker
) -> None:
    """A broker that lost its memory may give the same packet identifier to another message."""
    where = SubscribedBroker("127.0.0.1", broker.port, "", "", False, None, "test", "unolink")
    subscriber = Subscriber(where, Service(store), log=lambda _line: None)
    subscriber._connect()
    subscriber._arrived.append(paho.MQTTMessage(mid=1))
    subscriber._reconnect()
    assert list(subscriber._arrived) == []
    subscriber._client.disconnect()


def finished(database: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unoingest", "mqtt", "--database", database, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)


def test_a_broker_that_is_not_there(database: Path, broker: Broker) -> None:
    broker.stop()
    done = finished(database, "--broker", f"mqtt://127.0.0.1:{broker.port}")
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"Error: cannot reach the broker at '127.0.0.1' port {broker.port}: ")
    assert hint.startswith("Hint: ")


def test_passwords(tmp_path: Path, database: Path) -> None:
    # mosquitto_passwd's own form: PBKDF2-SHA512
    salt = bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", b"right", salt, 101)
    encoded = f"ingest:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"
    (tmp_path / "users").write_text(encoded)
    (tmp_path / "users").chmod(0o600)
    (tmp_path / "right").write_text("right\n")
    (tmp_path / "wrong").write_text("wrong\n")
    broker = Broker(tmp_path / "broker", f"password_file {tmp_path}/users", "allow_anonymous false")
    try:
        url = f"mqtt://ingest@127.0.0.1:{broker.port}"
        refused = finished(database, "--broker", url, "--broker-password-file", tmp_path / "wrong")
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: the broker does not let us in: Not authorized\nHint: ")
        command = [sys.executable, "-m", "unoingest", "mqtt", "--database", str(database), "--broker", url]
        command += ["--broker-password-file", str(tmp_path / "right")]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert event_of(process)["event"] == "subscribed"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
    finally:
        broker.stop(signal.SIGKILL)


def test_tls_is_verified(tmp_path: Path, database: Path) -> None:
    key, certificate = make_certificate()
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "certificate.pem").write_bytes(certificate)
    settings = (f"keyfile {tmp_path}/key.pem", f"certfile {tmp_path}/certificate.pem", "allow_anonymous true")
    broker = Broker(tmp_path / "broker", *settings)
    try:
        url = f"mqtts://localhost:{broker.port}"
        refused = finished(database, "--broker", url)
        assert refused.returncode == 1
        assert "certificate verify failed" in refused.stderr
        command = [sys.executable, "-m", "unoingest", "mqtt", "--database", str(database), "--broker", url]
        command += ["--broker-ca", str(tmp_path / "certificate.pem")]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert event_of(process)["event"] == "subscribed"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    finally:
        broker.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--broker", "tcp://host"], 2, "expected mqtt[s]://"),
        (["--broker", "mqtt://"], 2, "expected mqtt[s]://"),
        (["--broker", "mqtt://host:99999"], 2, "Port out of range"),
        (["--broker", "mqtt://host/topic"], 2, "expected mqtt[s]://"),
        (["--broker", "mqtt://user:secret@host"], 2, "--broker-password-file"),
        (["--topic-prefix", "unolink/#"], 2, "cannot begin a topic"),
        (["--topic-prefix", ""], 2, "cannot begin a topic"),
        (["--outbox", "keep"], 2, "Missing option '--project'"),
        (["--broker-password-file", "missing"], 1, "cannot read the password from"),
    ],
)
def test_mistakes(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.main, ["mqtt", "--database", str(tmp_path / "x.db"), *arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "secret" not in result.stderr
    assert list(tmp_path.iterdir()) == []
