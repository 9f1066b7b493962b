"""Behind the front: bodies in pieces, late, short or too large, signed or not, and the WSGI environment."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest_server.front_side import Side, Wire, answers_in, ask, chunked, head_of, serving
from ingest_server.wire import BODY, DEVICE, KEY, answer_tag, rows, signed
from unoingest.entry import POSTS_MAX
from unoingest.front.head import read_head
from unoingest.front.reader import HEAD_BYTES_MAX
from unoingest.front.request import Request
from unoingest.front.states import BODY_S_MAX
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX
from unoingest.service import Service
from unoingest.structured_log import LINE_BYTES_MAX
from unoingest.wsgi_call import environ_of

Body = Callable[..., bytes]
KB = 1024
PLAIN = [("Content-Type", "application/json")]
STALL = b"the rest does not come in time"
GONE = b"the client has closed the connection"
CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.fixture
def service(ingest: Any, database: Path) -> Any:
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, 1, KEY)
    with closing(KeyRing(key_path(database))) as keys:
        yield Service(
            ingest.store, keys, clock_ns=lambda: ingest.now_ns, emit=ingest.lines.append, log=ingest.log
        )


def fields_of(announced: str | None) -> list[tuple[str, str]]:
    return [CHUNKED if announced is None else ("Content-Length", announced)]


def send(side: Side, fields: list[tuple[str, str]], pieces: list[bytes]) -> Any:
    """Send a post in pieces; what comes instead of the last one may be STALL or GONE."""

    def then(wire: Wire) -> None:
        if STALL in pieces:
            side.front.sweep(BODY_S_MAX + 0.1)
        elif GONE not in pieces and CHUNKED in fields:
            wire.protocol.data_received(b"0\r\n\r\n")

    sent = [piece for piece in pieces if piece not in {STALL, GONE}]
    if CHUNKED in fields:
        sent = [chunked(piece)[0] for piece in sent]
    return ask(side, head_of(fields), *sent, then=then)


@pytest.mark.parametrize("announce", [True, False])
def test_a_body_in_pieces_is_one_body(service: Service, body: Body, announce: bool) -> None:
    content = body(17)
    fields = PLAIN + fields_of(str(len(content)) if announce else None)
    with serving(service) as side:
        answer = send(side, fields, [content[:9], content[9:30], content[30:]])
    assert (answer.status, answer.body) == (200, b'{"boot":3,"acked":[17]}')


BODIES = [
    ("99", [b"{", STALL], "body_timeout"),
    (None, [b"{", STALL], "body_timeout"),
    (str(2 * BODY_BYTES_MAX), [b"{", STALL], "body_timeout"),
    ("9" * 15, [STALL], "body_timeout"),
    ("99", [b"{"], "invalid_length"),
    ("99", [b"{", GONE], "invalid_length"),
    (None, [b"{}", GONE], "invalid_length"),
    ("2", [b"{}"], "invalid_reading"),
    (None, [b"{}"], "invalid_reading"),
    (None, [b" " * KB] * 64, "malformed_json"),
    (None, [*[b" " * KB] * 64, b" "], "body_too_large"),
    (str(BODY_BYTES_MAX + 1), [*[b" " * KB] * 64, b" "], "body_too_large"),
    (None, [b" " * 64 * KB] * 100, "body_too_large"),
    (str(10**9), [b" " * 64 * KB] * 100, "body_too_large"),
]


@pytest.mark.parametrize(("announced", "pieces", "code"), BODIES)
def test_bodies_and_their_problems(
    service: Service, announced: str | None, pieces: list[bytes], code: str
) -> None:
    with serving(service) as side:
        answer = send(side, PLAIN + fields_of(announced), pieces)
    assert json.loads(answer.body)["code"] == code


SIGNED = [
    ("99", [BODY, STALL], 408),
    ("99", [BODY], 400),
    ("99", [BODY[:9], GONE], 400),
    (str(len(BODY)), [BODY], 204),
    (str(len(BODY)), [BODY[:9], BODY[9:]], 204),
    (None, [BODY[:9], BODY[9:]], 204),
    (None, [BODY, STALL], 408),
    (None, [BODY, GONE], 400),
    (str(2 * BODY_BYTES_MAX), [BODY, STALL], 408),
    (None, [b" " * 64 * KB] * 1000, 413),
]


@pytest.mark.parametrize(("announced", "pieces", "status"), SIGNED)
def test_signed_bodies_on_the_hot_path(
    service: Service, announced: str | None, pieces: list[bytes], status: int
) -> None:
    with serving(service) as side:
        answer = send(side, [*signed(BODY).items(), *fields_of(announced)], pieces)
    tag = answer_tag(204, BODY) if status == 204 else None
    assert (answer.status, answer.headers.get("unolink-tag")) == (status, tag)


def test_a_body_that_is_too_large_is_signed_for_as_far_as_it_is_read(service: Service) -> None:
    large = b" " * (BODY_BYTES_MAX + DISCARD_BYTES_MAX)
    with serving(service) as side:
        head = head_of([*signed(large).items(), ("Content-Length", str(len(large)))])
        answer = ask(side, head, large[:KB], large[KB : 99 * KB], large[99 * KB :])
    assert (answer.status, answer.headers["unolink-tag"]) == (413, answer_tag(413, large))


def test_keys_that_cannot_be_read_while_a_large_body_comes(service: Service, mocker: Any) -> None:
    mocker.patch("unoingest.key_ring.os.stat", side_effect=PermissionError)
    large = b" " * (BODY_BYTES_MAX + 1)
    with serving(service) as side:
        answer = ask(side, head_of([*signed(large).items(), ("Content-Length", str(len(large)))]), large)
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "store_unavailable")


def test_who_has_gone_in_mid_body_is_named_in_the_log(service: Service, ingest: Any) -> None:
    with serving(service) as side:
        for fields in ([], list(signed(BODY).items())):
            wire = side.connect()
            wire.protocol.data_received(head_of([*fields, ("Content-Length", "99")]) + BODY)
            wire.abort()
        side.turn_until(lambda: len(ingest.events) == 2)
    assert [event["problem"]["code"] for event in ingest.events] == ["invalid_length"] * 2


def test_the_environment() -> None:
    head = read_head(b"PUT /caf%C3%A9?a=1&b=%20 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2")
    wire: Any = None
    environ = environ_of(Request(head, "192.0.2.7", wire, b"{}"), ("127.0.0.1", 8080))
    assert environ["wsgi.input"].read() == b"{}"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/caf\u00e9"
    named = ("REQUEST_METHOD", "QUERY_STRING", "HTTP_X_A", "CONTENT_LENGTH", "REMOTE_ADDR", "SERVER_PORT")
    assert [environ[name] for name in named] == ["PUT", "a=1&b=%20", "1,2", "2", "192.0.2.7", "8080"]


def test_requests_that_wait_together_are_answered_each(service: Service, ingest: Any) -> None:
    bodies = [rows([n // 2, 0, 5, n % 4]) for n in range(80)]
    with serving(service) as side:
        wires = [side.connect() for _ in bodies]
        for wire, body in zip(wires, bodies, strict=True):
            fields = [*signed(body).items(), ("Content-Length", str(len(body)))]
            wire.protocol.data_received(head_of(fields) + body)
        side.turn_until(lambda: all(wire.heard for wire in wires))
        answers = [answers_in(wire.heard)[0] for wire in wires]
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.headers["unolink-tag"] == answer_tag(answer.status, body)
    statuses = [answer.status for answer in answers]
    # of two bodies with one seq and other values, whichever came first is on disk
    assert sorted((statuses[n], statuses[n + 1]) for n in range(0, 80, 2)) == [(204, 422)] * 40
    lines = [json.loads(line) for piece in ingest.lines for line in piece.splitlines()]
    assert sorted(line["reading"]["seq"] for line in lines) == list(range(40))
    assert max(map(len, ingest.lines)) <= LINE_BYTES_MAX
    counted = service.metrics.exposition().decode().splitlines()
    assert "unoingest_readings_stored_total 40.0" in counted
    assert 'unoingest_answers_total{entry="hot",status="204"} 40.0' in counted


@pytest.mark.parametrize(
    "head",
    [
        head_of([("Content-Length", "x")], "HEAD"),
        b"\r\n" + head_of([("X", "a" * HEAD_BYTES_MAX)], "HEAD"),
        head_of([CHUNKED], "HEAD") + b"no length\r\n",
    ],
)
def test_a_head_that_is_refused_gets_no_body(service: Service, head: bytes) -> None:
    with serving(service) as side:
        wire = side.connect()
        wire.protocol.data_received(head)
    begin, body = wire.heard.split(b"\r\n\r\n")
    assert (b"Content-Length: 0" not in begin, body) == (True, b"")
    assert b"Content-Type: application/problem+json" in begin


def signed_post() -> bytes:
    return head_of([*signed(BODY).items(), ("Content-Length", str(len(BODY)))]) + BODY


def test_posts_to_the_application_share_a_commit_and_a_thread(
    service: Service, ingest: Any, body: Body, mocker: Any
) -> None:
    committed = mocker.spy(ingest.store.commits, "_commit")
    threads: list[str] = []

    def emit(_line: bytes) -> None:
        threads.append(threading.current_thread().name)

    mocker.patch.object(service, "emit", emit)
    with serving(service) as side:
        wires = [side.connect() for _ in range(POSTS_MAX + 40)]
        for number, wire in enumerate(wires):
            content = body(number % (POSTS_MAX + 20))
            wire.protocol.data_received(head_of([*PLAIN, *fields_of(str(len(content)))]) + content)
        side.turn_until(lambda: all(wire.heard for wire in wires))
        answers = [answers_in(wire.heard)[0] for wire in wires]
    assert {answer.status for answer in answers} == {200}
    # the last twenty came twice
    assert threads == ["posts"] * (POSTS_MAX + 20)
    assert committed.call_count == 2
    assert service.metrics.exposition().decode().count(f"stored_total {POSTS_MAX + 20}.0") == 1


def test_a_store_that_is_closed_answers_503(service: Service, ingest: Any) -> None:
    ingest.store.close()
    with serving(service) as side:
        answer = ask(side, signed_post())
    assert (answer.status, answer.headers["unolink-tag"]) == (503, answer_tag(503, BODY))


def test_a_post_that_comes_when_the_entry_has_ended_is_answered(service: Service, body: Body) -> None:
    with serving(service) as side:
        side.entry.close()
        answer = ask(side, signed_post())
        plain = send(side, PLAIN + fields_of(str(len(body(18)))), [body(18)])
    assert (answer.status, answer.headers["unolink-tag"]) == (204, answer_tag(204, BODY))
    assert plain.status == 200


def test_our_own_mistake_behind_the_judging_is_answered_and_the_next_post_is_taken(
    service: Service, ingest: Any, mocker: Any
) -> None:
    mocker.patch.object(service.metrics, "stored", side_effect=[ZeroDivisionError("a secret"), None])
    with serving(service) as side:
        statuses = [ask(side, signed_post()).status for _ in range(2)]
    assert statuses == [500, 204]
    assert [event["severity"] for event in ingest.events] == ["ERROR"]


def answering(pieces: Iterable[bytes]) -> Any:
    """Return a WSGI application that always answers so."""

    def application(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return pieces

    return application


def test_an_application_that_fails_ends_the_connection_and_is_logged(service: Service, ingest: Any) -> None:
    def fail() -> Iterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    with serving(service, answering(fail())) as side:
        wire = side.connect()
        wire.protocol.data_received(head_of([], "GET", "/"))
        side.turn_until(lambda: wire.is_closed)
    assert wire.is_aborted
    assert b"begun" in wire.heard
    assert not wire.heard.endswith(b"0\r\n\r\n")
    assert [event["event"] for event in ingest.events] == ["http_server"]
    assert "ZeroDivisionError" in ingest.events[0]["stack_trace"]


def test_a_slow_reader_holds_up_its_answer_and_nothing_else(service: Service) -> None:
    given = []

    def long() -> Iterator[bytes]:
        for number in range(3):
            given.append(number)
            yield b"%d" % number * 9

    with serving(service, answering(long())) as side:
        wire = side.connect()
        wire.protocol.pause_writing()
        wire.protocol.data_received(head_of([], "GET", "/"))
        side.turn_until(lambda: wire.heard)
        assert ask(side, signed_post()).status == 204
        assert given == [0]
        wire.protocol.resume_writing()
        # now it is up to the application
        side.front.sweep(1000)
        side.turn_until(lambda: wire.heard.endswith(b"0\r\n\r\n"))
    (answer,) = answers_in(wire.heard)
    assert answer.body == b"000000000111111111222222222"


def test_a_reader_that_takes_nothing_more_is_given_up(service: Service) -> None:
    ended = []

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            ended.append(True)

    with serving(service, answering(endless())) as side:
        wire = side.connect()
        wire.protocol.pause_writing()
        wire.protocol.data_received(head_of([], "GET", "/"))
        side.turn_until(lambda: wire.heard)
        side.front.sweep(29)
        assert not wire.is_closed
        side.front.sweep(31)
        side.turn_until(lambda: ended)
    assert wire.is_aborted
    assert wire.heard.count(b"more") == 1


@pytest.mark.parametrize(
    ("line", "begin", "end"),
    [
        (b"GET / HTTP/1.1", b"HTTP/1.1 200 OK\r\n", b"2\r\nab\r\n0\r\n\r\n"),
        (b"GET / HTTP/1.0", b"HTTP/1.1 200 OK\r\n", b"Connection: close\r\n\r\nab"),
        (b"HEAD / HTTP/1.1", b"HTTP/1.1 200 OK\r\n", b"GMT\r\n\r\n"),
    ],
)
def test_an_answer_of_unknown_length(service: Service, line: bytes, begin: bytes, end: bytes) -> None:
    with serving(service, answering([b"ab"])) as side:
        wire = side.connect()
        wire.protocol.data_received(line + b"\r\nHost: a\r\n\r\n")
        side.turn_until(lambda: wire.heard.endswith(end))
    assert wire.heard.startswith(begin)
