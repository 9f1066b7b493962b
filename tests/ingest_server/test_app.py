"""The application through WSGI: answers to the byte, every problem, and what is logged about it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from unoingest.problems import BODY_TIMEOUT, PROBLEMS, ProblemError
from unoingest.store import NewBatch, SqliteStore
from unoingest.wsgi_call import BrokenBody

Body = Callable[..., bytes]
BAD_LENGTH = {"CONTENT_LENGTH": "abc"}
LATE = {"wsgi.input": BrokenBody(ProblemError(BODY_TIMEOUT, "late"))}
UNKNOWN_END = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}


@dataclass(frozen=True)
class Refusal:
    """A request, and the problem it gets."""

    method: str
    path: str
    code: str
    status: int
    pointer: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def post(code: str, status: int, pointer: str | None = None, **options: Any) -> Refusal:
    return Refusal("POST", "/v1/readings", code, status, pointer, options)


REFUSALS = [
    post("malformed_json", 400, data=b"{"),
    post("invalid_reading", 400, "/device", data=b'{"device":1}'),
    post("invalid_length", 400, environ_overrides=BAD_LENGTH),
    post("body_timeout", 408, data=b"{}", environ_overrides=LATE),
    post("length_required", 411, environ_overrides=UNKNOWN_END),
    post("body_too_large", 413, data=b" " * 65_537),
    post("unsupported_media_type", 415, content_type="text/plain"),
    Refusal("GET", "/v1/readings", "method_not_allowed", 405),
    Refusal("DELETE", "/v1/readings", "method_not_allowed", 405),
    Refusal("OPTIONS", "/v1/readings", "method_not_allowed", 405),
    Refusal("FOO", "/v1/readings", "method_not_allowed", 405),
    post("method_not_allowed", 405, environ_overrides={"REQUEST_METHOD": "post"}),
    Refusal("POST", "/healthz", "method_not_allowed", 405),
    Refusal("GET", "/", "unknown_path", 404),
    Refusal("POST", "/v1/readings/", "unknown_path", 404),
    Refusal("POST", "/v1//readings", "unknown_path", 404),
    Refusal("GET", "/problems/nonsense", "unknown_path", 404),
    Refusal("GET", "/%ff%00%0a", "unknown_path", 404),
]


def problem_of(answer: Any, code: str, status: int) -> dict[str, Any]:
    """Return the problem in an answer after checking what RFC 9457 and our table promise."""
    problem: dict[str, Any] = json.loads(answer.data)
    kind = PROBLEMS[code]
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert problem["type"] == f"/problems/{code}"
    assert (problem["status"], problem["code"]) == (status, code)
    assert (problem["title"], problem["fix"]) == (kind.title, kind.fix)
    assert problem["detail"]
    assert answer.headers.get("Retry-After") == (str(kind.retry_after_s) if kind.retry_after_s else None)
    return problem


def test_the_whole_answer_to_a_device(ingest: Any, body: Body) -> None:
    answer = ingest.post(body(17))
    assert answer.status == "200 OK"
    assert answer.data == b'{"boot":3,"acked":[17]}'
    assert list(answer.headers) == [("Content-Type", "application/json"), ("Content-Length", "23")]


def test_one_line_for_each_stored_reading(ingest: Any, body: Body) -> None:
    for seqs in [(17,), (17,), (17, 18, 19), (18,)]:
        ingest.post(body(*seqs))
    assert [json.loads(line)["reading"]["seq"] for line in ingest.lines] == [17, 18, 19]
    assert ingest.events == []


def test_the_readings_trace_is_the_requests(ingest: Any, body: Body) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    ingest.post(body(1), headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    ingest.post(body(2), headers={"traceparent": f"00-{trace_id}-{'0' * 16}-01"})
    traces = [json.loads(line)["logging.googleapis.com/trace"] for line in ingest.lines]
    assert traces[0] == trace_id
    assert traces[1] != trace_id


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.method} {case.path} {case.code}")
def test_refusals(ingest: Any, case: Refusal) -> None:
    options = {"content_type": "application/json", **case.options}
    answer = ingest.client().open(case.path, method=case.method, **options)
    problem = problem_of(answer, case.code, case.status)
    assert problem.get("pointer") == case.pointer
    (event,) = ingest.events
    assert (event["event"], event["severity"]) == ("request_refused", "WARNING")
    expected = {"code": case.code, "detail": problem["detail"], "pointer": case.pointer or ""}
    assert event["problem"] == expected
    assert event["httpRequest"]["status"] == case.status


@pytest.mark.parametrize(
    ("path", "allow"), [("/v1/readings", "POST"), ("/healthz", "GET, HEAD"), ("/readyz", "GET, HEAD")]
)
def test_the_methods_of_each_path(ingest: Any, path: str, allow: str) -> None:
    assert ingest.client().open(path, method="FOO").headers["Allow"] == allow


def test_a_conflict_stores_and_logs_nothing(ingest: Any, body: Body) -> None:
    ingest.post(body(17))
    answer = ingest.post(body(16, 17).replace(b"512", b"513"))
    assert problem_of(answer, "identity_conflict", 422)["pointer"] == "/readings/1"
    assert len(ingest.lines) == 1
    assert ingest.post(body(16)).status_code == 200


def test_a_locked_store_answers_503_and_heals(ingest: Any, database: Path, body: Body) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        problem = problem_of(ingest.post(body(17)), "store_unavailable", 503)
        problem_of(ingest.client().get("/readyz"), "store_unavailable", 503)
        assert ingest.client().get("/healthz").data == b'{"status":"ok"}'
        other.execute("ROLLBACK")
    assert str(database) not in json.dumps(problem)
    assert {event["severity"] for event in ingest.events} == {"ERROR"}
    assert ingest.client().get("/readyz").data.startswith(b'{"status":"ready","disk_free_bytes":')
    assert ingest.post(body(17)).status_code == 200


def test_our_own_mistake_shows_a_traceback_only_in_the_log(ingest: Any, body: Body) -> None:
    class BrokenStore(SqliteStore):
        def add(self, batch: NewBatch) -> Any:
            raise ZeroDivisionError(f"secret of {batch.device}")

    ingest.store.__class__ = BrokenStore
    answer = ingest.post(body(17))
    problem_of(answer, "internal_error", 500)
    assert b"secret" not in answer.data
    (event,) = ingest.events
    assert event["severity"] == "ERROR"
    assert event["stack_trace"].endswith("ZeroDivisionError: secret of uno-1\n")


def test_a_reading_whose_line_cannot_be_written_is_acknowledged(ingest: Any, body: Body) -> None:
    def closed_pipe(_line: bytes) -> None:
        raise BrokenPipeError("nobody reads")

    answer = ingest.client(emit=closed_pipe).post(
        "/v1/readings", data=body(17), content_type="application/json"
    )
    assert answer.data == b'{"boot":3,"acked":[17]}'
    (event,) = ingest.events
    assert (event["event"], event["severity"]) == ("log_lines_lost", "ERROR")
    assert "--log-lines" in event["message"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path, body: Body, ingest: Any) -> None:
    runs = []
    for name in ("one", "two"):
        with closing(SqliteStore(tmp_path / name)) as store:
            run = type(ingest)(store)
            answers = [run.post(sent) for sent in (body(1), body(1), b"{", body(2, 3), body(9, boot=-1))]
            runs.append(([(a.status, list(a.headers), a.data) for a in answers], run.lines, run.events))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("code", PROBLEMS)
def test_each_problem_type_can_be_followed(ingest: Any, code: str) -> None:
    answer = ingest.client().get(f"/problems/{code}")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.startswith(f"{code} ({PROBLEMS[code].status}): {PROBLEMS[code].title}.\n")
    assert PROBLEMS[code].fix in answer.text


def test_an_answer_to_head_has_the_length_and_not_the_body(ingest: Any) -> None:
    answers = [ingest.client().open("/v1/devices", method=method) for method in ("GET", "HEAD")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert [answer.headers["Content-Length"] for answer in answers] == [str(len(answers[0].data))] * 2
    assert [bool(answer.data) for answer in answers] == [True, False]
