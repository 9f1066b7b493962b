"""The ingest core without HTTP: bytes and a time in, a verdict out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unoingest.core import Core
from unoingest.problems import ProblemError
from unoingest.store import SqliteStore, read_readings
from unoingest.trace_context import TraceContext

Body = Callable[..., bytes]
SECOND_NS = 10**9


def test_the_answer_is_the_acknowledgement(store: SqliteStore, body: Body) -> None:
    accepted = Core(store).accept(body(17), 1000 * SECOND_NS)
    assert accepted.body == b'{"boot":3,"acked":[17]}'
    assert len(accepted.log_lines) == 1


def test_time_is_the_servers_minus_the_age(store: SqliteStore, database: Path, body: Body) -> None:
    Core(store).accept(body(17), 1000 * SECOND_NS)
    (reading,) = read_readings(database)
    assert reading.received_at_ns == 1000 * SECOND_NS
    assert reading.timestamp_ns == 1000 * SECOND_NS - 120 * 10**6


def test_the_trace_of_the_request_is_stored_and_logged(
    store: SqliteStore, database: Path, body: Body
) -> None:
    trace = TraceContext("1" * 32, "2" * 16, sampled=True)
    accepted = Core(store, "my-project-1").accept(body(1, 2), SECOND_NS, trace)
    assert [reading.trace for reading in read_readings(database)] == [trace, trace]
    assert b"projects/my-project-1/traces/" + b"1" * 32 in accepted.log_lines[0]


def test_a_retry_is_acknowledged_and_logged_once(store: SqliteStore, database: Path, body: Body) -> None:
    core = Core(store)
    core.accept(body(17), SECOND_NS)
    older = body(17).replace(b"120", b"5120")
    assert core.accept(older, 6 * SECOND_NS) == core.accept(older, 7 * SECOND_NS)
    assert core.accept(older, 8 * SECOND_NS).log_lines == ()
    assert core.accept(older, 8 * SECOND_NS).body == b'{"boot":3,"acked":[17]}'
    assert [reading.received_at_ns for reading in read_readings(database)] == [SECOND_NS]


def test_acknowledgements_keep_the_order_sent(store: SqliteStore, body: Body) -> None:
    core = Core(store)
    core.accept(body(5), SECOND_NS)
    accepted = core.accept(body(9, 5, 7, 9), SECOND_NS)
    assert accepted.body == b'{"boot":3,"acked":[9,5,7]}'
    assert [json.loads(line)["reading"]["seq"] for line in accepted.log_lines] == [9, 7]


def test_the_largest_request(store: SqliteStore, body: Body) -> None:
    accepted = Core(store).accept(body(*range(100)), SECOND_NS)
    assert json.loads(accepted.body)["acked"] == list(range(100))


def test_a_conflict_points_at_the_reading(store: SqliteStore, database: Path, body: Body) -> None:
    core = Core(store)
    core.accept(body(17), SECOND_NS)
    with pytest.raises(ProblemError) as caught:
        core.accept(body(16, 16, 17).replace(b"512", b"513"), SECOND_NS)
    assert (caught.value.kind.code, caught.value.pointer) == ("identity_conflict", "/readings/2")
    assert [reading.seq for reading in read_readings(database)] == [17]
