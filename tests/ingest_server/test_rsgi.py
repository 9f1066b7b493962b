"""The entry below the application: bodies in pieces, late, short or too large, and the WSGI environment."""

import asyncio
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as EmbeddedServer

from ingest_server.rsgi_side import GONE, STALL, FakeExchange, scope, scope_of
from ingest_server.wire import BODY, DEVICE, KEY, answer_tag, rows, signed
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX
from unoingest.rsgi import RsgiEntry, environ_of
from unoingest.service import Service
from unoingest.structured_log import LINE_BYTES_MAX

Body = Callable[..., bytes]
KB = 1024
AT_ONCE = 0.0


def ask(ingest: Any, request: Any, *pieces: bytes, body_read_s: float = 60) -> tuple[FakeExchange, str]:
    """Return the exchange, and the code of its problem or "" for a 200."""
    exchange = FakeExchange(list(pieces))
    log: list[bytes] = []
    service = Service(ingest.store, clock_ns=lambda: ingest.now_ns, emit=log.append, log=log.append)
    entry = RsgiEntry(create_app_of(service), service, body_read_s=body_read_s)
    asyncio.run(entry.__rsgi__(request, exchange))
    entry.__rsgi_del__()
    ((status, headers, answer),) = exchange.answers
    assert headers["content-length"] == str(len(answer))
    return exchange, "" if status == 200 else json.loads(answer)["code"]


@pytest.mark.parametrize("announce", [True, False])
def test_a_body_in_pieces_is_one_body(ingest: Any, body: Body, announce: bool) -> None:
    content = body(17)
    length = {"content_length": str(len(content))} if announce else {}
    exchange, code = ask(ingest, scope(**length), content[:9], content[9:30], content[30:])
    assert code == ""
    assert exchange.answers[0][2] == b'{"boot":3,"acked":[17]}'


@pytest.mark.parametrize(
    ("announced", "pieces", "code"),
    [
        ("99", [b"{", STALL], "body_timeout"),
        (None, [b"{", STALL], "body_timeout"),
        (str(2 * BODY_BYTES_MAX), [b"{", STALL], "body_timeout"),
        ("9" * 15, [STALL], "body_timeout"),
        ("99", [b"{"], "invalid_length"),
        ("99", [b"{", GONE], "invalid_length"),
        ("²", [b"{"], "invalid_length"),
        ("2", [b"{}"], "invalid_reading"),
        (None, [b"{}"], "invalid_reading"),
        (None, [b" " * KB] * 64, "malformed_json"),
        (None, [*[b" " * KB] * 64, b" "], "body_too_large"),
        (str(BODY_BYTES_MAX + 1), [b" " * KB] * 65, "body_too_large"),
    ],
)
def test_bodies_and_their_problems(
    ingest: Any, announced: str | None, pieces: list[bytes], code: str
) -> None:
    length = {} if announced is None else {"content_length": announced}
    body_read_s = AT_ONCE if STALL in pieces else 60
    assert ask(ingest, scope(**length), *pieces, body_read_s=body_read_s)[1] == code


def test_an_oversized_body_is_read_to_a_limit(ingest: Any) -> None:
    exchange, code = ask(ingest, scope(), *[b" " * 64 * KB] * 1000)
    assert code == "body_too_large"
    assert exchange.taken_bytes == BODY_BYTES_MAX + DISCARD_BYTES_MAX


def test_the_environment() -> None:
    request = scope_of([("x-a", "1"), ("x-a", "2"), ("content-length", "2")], path="/caf\u00e9")
    environ = environ_of(request, io.BytesIO(b"{}"))
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/caf\u00e9"
    assert (environ["HTTP_X_A"], environ["CONTENT_LENGTH"]) == ("1,2", "2")
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == (
        "192.0.2.7",
        "127.0.0.1",
        "8080",
    )
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("POST", "a=1")


def test_the_end_comes_after_the_last_answer(ingest: Any) -> None:
    ended = []
    service = Service(ingest.store)
    entry = RsgiEntry(create_app_of(service), service, on_end=lambda: ended.append(True))
    entry.__rsgi_del__()
    assert ended == [True]


@pytest.fixture
def impatient_port(ingest: Any) -> Iterator[int]:
    """A port where granian serves the application in this process, with no time for bodies."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    loop = asyncio.new_event_loop()
    service = Service(ingest.store, log=lambda _line: None)
    entry = RsgiEntry(create_app_of(service), service, body_read_s=0.05)
    server = EmbeddedServer(
        entry.__rsgi__,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        log_enabled=False,
    )
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    yield port
    loop.call_soon_threadsafe(server.stop)
    thread.join()
    loop.close()


def connect(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            continue


def test_a_late_body_over_a_real_socket(impatient_port: int) -> None:
    with connect(impatient_port) as connection:
        connection.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (408, "body_timeout")
        # what comes after the missing rest could not be told from it
        assert connection.recv(1) == b""


SIGNED = [
    ("99", [BODY, STALL], 408),
    ("99", [BODY], 400),
    ("99", [BODY[:9], GONE], 400),
    ("²", [BODY], 400),
    (str(len(BODY)), [BODY], 204),
    (str(len(BODY)), [BODY[:9], BODY[9:]], 204),
    (None, [BODY[:9], BODY[9:]], 204),
    (None, [BODY, STALL], 408),
    (str(2 * BODY_BYTES_MAX), [BODY, STALL], 408),
    (None, [b" " * 64 * KB] * 1000, 413),
]


@pytest.mark.parametrize(("announced", "pieces", "status"), SIGNED)
def test_signed_bodies_on_the_hot_path(
    ingest: Any, database: Path, announced: str | None, pieces: list[bytes], status: int
) -> None:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    service = Service(ingest.store, KeyRing(key_path(database)), emit=ingest.lines.append, log=ingest.log)
    entry = RsgiEntry(create_app_of(service), service, body_read_s=AT_ONCE if STALL in pieces else 60)
    fields = [("authorization", signed(BODY)["Authorization"])]
    if announced is not None:
        fields.append(("content-length", announced))
    exchange = FakeExchange(list(pieces))
    asyncio.run(entry.__rsgi__(scope_of(fields), exchange))
    entry.__rsgi_del__()
    ((answered, headers, _),) = exchange.answers
    assert (answered, headers.get("unolink-tag")) == (
        status,
        answer_tag(204, BODY) if status == 204 else None,
    )
    assert exchange.taken_bytes <= BODY_BYTES_MAX + DISCARD_BYTES_MAX


def test_requests_that_wait_together_are_answered_each(ingest: Any, database: Path) -> None:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    service = Service(ingest.store, KeyRing(key_path(database)), emit=ingest.lines.append, log=ingest.log)
    entry = RsgiEntry(create_app_of(service), service)
    bodies = [rows([n // 2, 0, 5, n % 4]) for n in range(80)]
    exchanges = [FakeExchange([body]) for body in bodies]

    async def post_all() -> None:
        posts = [
            entry.__rsgi__(
                scope_of(
                    [*((k.lower(), v) for k, v in signed(body).items()), ("content-length", str(len(body)))]
                ),
                exchange,
            )
            for body, exchange in zip(bodies, exchanges, strict=True)
        ]
        await asyncio.gather(*posts)

    asyncio.run(post_all())
    entry.__rsgi_del__()
    for body, exchange in zip(bodies, exchanges, strict=True):
        ((status, headers, _),) = exchange.answers
        assert headers["unolink-tag"] == answer_tag(status, body)
    statuses = [exchange.answers[0][0] for exchange in exchanges]
    # of two bodies with one seq and other values, whichever came first is on disk
    assert sorted((statuses[n], statuses[n + 1]) for n in range(0, 80, 2)) == [(204, 422)] * 40
    lines = [json.loads(line) for piece in ingest.lines for line in piece.splitlines()]
    assert sorted(line["reading"]["seq"] for line in lines) == list(range(40))
    assert max(map(len, ingest.lines)) <= LINE_BYTES_MAX
    counted = service.metrics.exposition().decode().splitlines()
    assert "unoingest_readings_stored_total 40.0" in counted
    assert 'unoingest_answers_total{entry="hot",status="204"} 40.0' in counted


def test_a_store_that_is_closed_answers_503(ingest: Any, database: Path) -> None:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    service = Service(ingest.store, KeyRing(key_path(database)), emit=ingest.lines.append, log=ingest.log)
    entry = RsgiEntry(create_app_of(service), service, on_end=ingest.store.close)
    entry.__rsgi_del__()
    exchange = FakeExchange([BODY])
    fields = [("authorization", signed(BODY)["Authorization"]), ("content-length", str(len(BODY)))]
    asyncio.run(entry.__rsgi__(scope_of(fields), exchange))
    ((status, headers, _),) = exchange.answers
    assert (status, headers["unolink-tag"]) == (503, answer_tag(503, BODY))


def test_our_own_mistake_behind_the_judging_is_answered_and_the_next_post_is_taken(
    ingest: Any, database: Path, mocker: Any
) -> None:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    service = Service(ingest.store, KeyRing(key_path(database)), emit=ingest.lines.append, log=ingest.log)
    entry = RsgiEntry(create_app_of(service), service)
    fields = [("authorization", signed(BODY)["Authorization"]), ("content-length", str(len(BODY)))]
    exchanges = [FakeExchange([BODY]), FakeExchange([BODY])]
    mocker.patch.object(service.metrics, "stored", side_effect=[ZeroDivisionError("a secret"), None])
    for exchange in exchanges:
        asyncio.run(entry.__rsgi__(scope_of(fields), exchange))
    entry.__rsgi_del__()
    assert [exchange.answers[0][0] for exchange in exchanges] == [500, 204]
    assert [event["severity"] for event in ingest.events] == ["ERROR"]
