"""`unoingest serve` as a real process on loopback: real sockets, real signals, real kills."""

import asyncio
import http.client
import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from ingest_server.wire import BODY, DEVICE, answer_tag, signed
from unoingest import server as server_module
from unoingest.entry import THREADS
from unoingest.service import Service
from unoingest.signature import decode_key
from unoingest.store import SqliteStore, read_readings

Body = Callable[..., bytes]
Start = Callable[..., Any]
KB = 1024


def stored_seqs(database: Path) -> list[int]:
    return [reading.seq for reading in read_readings(database)]


def pieces(count_bytes: int) -> Iterator[bytes]:
    """Yield a body without a length, which http.client sends chunked."""
    for _ in range(0, count_bytes, KB):
        yield b" " * KB


def head(length_bytes: int) -> bytes:
    """Return a request's head but for the empty line that ends it."""
    lines = ("Host: a", "Content-Type: application/json", f"Content-Length: {length_bytes}", "")
    return b"POST /v1/readings HTTP/1.1\r\n" + "\r\n".join(lines).encode()


def run_unoingest(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unoingest", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def wait_until_refused(port: int) -> None:
    """Return when nobody listens at the port."""
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # the listener was closed while this connection waited to be accepted
        time.sleep(0.01)
    pytest.fail(f"somebody still listens at port {port}")


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "connections"),
    [
        (1_024, 524_288, 4_352, 4_096),
        (1_024, 1_024, 1_024, 768),
        (100_000, 100_000, None, 4_096),
        (4_352, 4_352, None, 4_096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 4_096),
        (1_024, resource.RLIM_INFINITY, 4_352, 4_096),
        (100, 100, 100, 1),
    ],
)
def test_connections_are_as_many_as_open_files_allow(
    mocker: MockerFixture, soft: int, hard: int, asked: int | None, connections: int
) -> None:
    mocker.patch("resource.getrlimit", return_value=(soft, hard))
    ask = mocker.patch("resource.setrlimit")
    assert server_module._connections_max() == connections
    asks = [] if asked is None else [mocker.call(resource.RLIMIT_NOFILE, (asked, hard))]
    assert ask.call_args_list == asks


def test_a_reading_from_the_socket_to_the_disk_and_the_log(start_server: Start, body: Body) -> None:
    server = start_server()
    status, headers, answer = server.request("POST", "/v1/readings", body(17))
    assert (status, answer) == (200, b'{"boot":3,"acked":[17]}')
    assert (headers["content-type"], headers["content-length"]) == ("application/json", "23")
    assert headers.keys() <= {"content-type", "content-length", "server", "date"}
    shown = run_unoingest("readings", "--database", server.database, "--json")
    assert [json.loads(line)["seq"] for line in shown.stdout.splitlines()] == [17]
    assert server.stop() == 0
    assert sorted(file.name for file in server.database.parent.glob("readings.db*")) == [
        "readings.db",
        "readings.db-serve",
    ]
    assert [line["reading"]["values"] for line in server.lines()] == [{"a0": 512, "a1": 300}]
    events = [json.loads(line)["event"] for line in server.process.stderr]
    assert events == ["stopped"]


def test_health_and_readiness(start_server: Start, database: Path, body: Body) -> None:
    server = start_server()
    assert server.request("GET", "/readyz")[0] == 200
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, headers, answer = server.request("POST", "/v1/readings", body(17))
        assert (status, headers["retry-after"]) == (503, "5")
        assert json.loads(answer)["code"] == "store_unavailable"
        assert server.request("GET", "/readyz")[0] == 503
        assert server.request("GET", "/healthz")[0] == 200
        other.execute("ROLLBACK")
    assert server.request("POST", "/v1/readings", body(17))[0] == 200
    assert server.request("GET", "/readyz")[0] == 200


def test_refusals_over_real_sockets(start_server: Start, body: Body) -> None:
    server = start_server()
    server.request("POST", "/v1/readings", body(17))
    cases: list[tuple[str, str, Any, int, str]] = [
        ("POST", "/v1/readings", b"{", 400, "malformed_json"),
        ("POST", "/v1/readings", b"", 400, "malformed_json"),
        ("POST", "/v1/readings", body(boot="3"), 400, "invalid_reading"),
        ("POST", "/v1/readings", b" " * (64 * KB), 400, "malformed_json"),
        ("POST", "/v1/readings", b" " * (64 * KB + 1), 413, "body_too_large"),
        ("POST", "/v1/readings", b" " * (900 * KB), 413, "body_too_large"),
        ("POST", "/v1/readings", pieces(64 * KB), 400, "malformed_json"),
        ("POST", "/v1/readings", pieces(65 * KB), 413, "body_too_large"),
        ("POST", "/v1/readings", pieces(900 * KB), 413, "body_too_large"),
        ("POST", "/v1/readings", body(17).replace(b"512", b"513"), 422, "identity_conflict"),
        ("POST", "/nothing", b"", 404, "unknown_path"),
        ("DELETE", "/v1/readings", b"", 405, "method_not_allowed"),
        ("FOO", "/v1/readings", b"", 405, "method_not_allowed"),
    ]
    for method, path, content, status, code in cases:
        answer = server.request(method, path, content)
        assert (answer[0], answer[1]["content-type"]) == (status, "application/problem+json"), code
        assert json.loads(answer[2])["code"] == code
    assert server.request("POST", "/v1/readings", body(18))[0] == 200
    assert [line["reading"]["seq"] for line in server.lines()] == [17, 18]


def test_a_chunked_reading_is_taken(start_server: Start, body: Body) -> None:
    assert start_server().request("POST", "/v1/readings", iter([body(17)[:9], body(17)[9:]]))[0] == 200


def test_a_client_that_goes_away_in_mid_body_harms_nobody(start_server: Start, body: Body) -> None:
    server = start_server()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head(99) + b"\r\n" + body(17)[:20])
    assert server.request("POST", "/v1/readings", body(18))[0] == 200
    assert server.stop() == 0
    assert stored_seqs(server.database) == [18]
    events = [json.loads(line)["event"] for line in server.process.stderr]
    assert set(events) <= {"stopped", "request_refused"}


def test_clients_that_stop_in_mid_body_keep_nobody_waiting(start_server: Start, body: Body) -> None:
    server = start_server()
    with ExitStack() as stalled:
        for _ in range(THREADS + 8):
            connection = stalled.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=10)
            )
            connection.sendall(head(99) + b"Expect: 100-continue\r\n\r\n" + body(17)[:20])
            # the server is waiting for the rest of this body, no longer for its head
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert server.request("GET", "/healthz")[0] == 200
        assert server.request("GET", "/readyz")[0] == 200
        assert server.request("POST", "/v1/readings", body(18))[0] == 200
    assert server.stop() == 0
    assert stored_seqs(server.database) == [18]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_accepted_before_the_signal_is_answered(
    start_server: Start, body: Body, number: int
) -> None:
    server = start_server()
    content = body(17)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head(len(content)) + b"Expect: 100-continue\r\n\r\n")
        # the server says this when the application begins to read the body (RFC 9110, section 10.1.1)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        server.process.send_signal(number)
        wait_until_refused(server.port)
        connection.sendall(content)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read()) == (200, b'{"boot":3,"acked":[17]}')
    assert server.process.wait(timeout=20) == 0
    assert stored_seqs(server.database) == [17]


def test_clients_with_the_same_readings_store_and_log_each_once(start_server: Start, body: Body) -> None:
    server = start_server()
    statuses: list[int] = []

    def post_all() -> None:
        statuses.extend(server.request("POST", "/v1/readings", body(seq))[0] for seq in range(40))

    threads = [threading.Thread(target=post_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 160
    assert stored_seqs(server.database) == list(range(40))
    assert sorted(line["reading"]["seq"] for line in server.lines()) == list(range(40))


def post_until_cut(
    server: Any, body: Body, first_seq: int, acked: list[int], enough: threading.Event
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        for seq in range(first_seq, first_seq + 100_000):
            try:
                connection.request("POST", "/v1/readings", body(seq), {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
            except (OSError, http.client.HTTPException):
                return
            acked.extend(answer["acked"])
            if len(acked) >= 200:
                enough.set()


def test_kill_in_mid_load_loses_nothing_acknowledged(start_server: Start, body: Body) -> None:
    server = start_server()
    acked: list[int] = []
    enough = threading.Event()
    threads = [
        threading.Thread(target=post_until_cut, args=(server, body, first, acked, enough))
        for first in (0, 1_000_000, 2_000_000, 3_000_000)
    ]
    for thread in threads:
        thread.start()
    assert enough.wait(timeout=30)
    server.process.kill()
    for thread in threads:
        thread.join()
    server.process.wait(timeout=20)

    again = start_server()
    stored = stored_seqs(again.database)
    assert len(stored) == len(set(stored))
    assert set(acked) <= set(stored)
    # each thread can have one reading on disk whose answer, and perhaps line, did not get out
    assert len(set(stored) - set(acked)) <= len(threads)
    logged = [line["reading"]["seq"] for line in server.lines()]
    assert len(logged) == len(set(logged))
    assert set(acked) <= set(logged) <= set(stored)
    assert again.request("POST", "/v1/readings", body(*acked[:100]))[0] == 200
    assert again.lines() == []


def failure(*arguments: object) -> tuple[int, str, list[str]]:
    done = run_unoingest("serve", *arguments)
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_a_port_in_use_is_a_clear_error(start_server: Start, tmp_path: Path) -> None:
    port = start_server().port
    code, stdout, (error, hint) = failure("--database", tmp_path / "other.db", "--port", port)
    assert (code, stdout) == (1, "")
    assert error == f"Error: cannot listen at '127.0.0.1' port {port}: Address already in use"
    assert hint.startswith("Hint: ")


def test_an_address_that_does_not_exist_is_a_clear_error(database: Path) -> None:
    code, stdout, (error, _) = failure("--database", database, "--host", "192.0.2.1", "--port", 0)
    assert (code, stdout) == (1, "")
    assert error.startswith("Error: cannot listen at '192.0.2.1' port 0: ")


def test_a_store_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to be read as one\n" * 10)
    code, stdout, (error, hint) = failure("--database", file, "--port", 0)
    assert (code, stdout) == (1, "")
    assert error == f"Error: cannot open the store {str(file)!r}: file is not a database"
    assert hint.startswith("Hint: ")


def test_threads_that_do_not_end_are_not_waited_for(store: SqliteStore, mocker: MockerFixture) -> None:
    events: list[bytes] = []
    stuck = threading.Event()
    entry = mocker.Mock(close=stuck.wait)
    asyncio.run(server_module._close(entry, Service(store, log=events.append), 0))
    assert [json.loads(event)["event"] for event in events] == ["http_server"]
    stuck.set()
    asyncio.run(server_module._close(entry, Service(store, log=events.append), 10))
    assert len(events) == 1


def test_a_device_of_a_running_server_comes_and_goes(start_server: Start) -> None:
    server = start_server()
    database = ("--database", server.database)
    key = decode_key(run_unoingest("devices", "add", DEVICE, *database).stdout.strip())

    def post() -> tuple[int, str | None]:
        status, headers, _ = server.request("POST", "/v1/readings", BODY, headers=signed(BODY, key))
        return status, headers.get("unolink-tag")

    assert post() == (204, answer_tag(204, BODY, key))
    run_unoingest("devices", "revoke", DEVICE, *database)
    assert post() == (403, answer_tag(403, BODY, key))
    new_key = decode_key(run_unoingest("devices", "add", DEVICE, *database).stdout.strip())
    assert post() == (403, answer_tag(403, BODY, key))
    key = new_key
    assert post() == (204, answer_tag(204, BODY, key))
    assert server.stop() == 0
    assert stored_seqs(server.database) == [17]


def test_a_second_server_of_a_store_is_refused(start_server: Start, body: Body) -> None:
    server = start_server()
    code, stdout, (error, hint) = failure("--database", server.database, "--port", 0)
    assert (code, stdout) == (1, "")
    assert error == f"Error: another server has the store {str(server.database)!r}"
    assert hint.startswith("Hint: ")
    assert server.request("POST", "/v1/readings", body(17))[0] == 200


def test_metrics_of_both_entries(start_server: Start) -> None:
    server = start_server()
    server.request("POST", "/v1/readings", BODY, headers=signed(BODY))
    server.request("GET", "/healthz")
    text = server.request("GET", "/metrics")[2]
    assert b'unoingest_answers_total{entry="hot",status="401"} 1.0' in text
    assert b'unoingest_answers_total{entry="flask",status="200"} 1.0' in text
