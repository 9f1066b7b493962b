"""Old readings go, young ones stay, and what has not been delivered is not old."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from unoingest import retention
from unoingest.outbox import read_backlog
from unoingest.retention import NS_PER_DAY, Retention, delete_older
from unoingest.sqlite_file import connect_reader
from unoingest.store import NewBatch, NewReading, SqliteStore, read_readings


def add(store: SqliteStore, received_at_ns: int, *seqs: int) -> None:
    readings = tuple(NewReading(seq, None, b"1", b"", b"<%d>" % seq) for seq in seqs)
    store.add(NewBatch("uno-1", 3, received_at_ns, readings))


def seqs(database: Path) -> list[int]:
    return [reading.seq for reading in read_readings(database)]


@pytest.fixture
def small_pages(mocker: MockerFixture) -> None:
    mocker.patch.object(retention, "PAGE_READINGS", 4)


@pytest.mark.usefixtures("small_pages")
def test_what_was_received_before_a_moment_goes(store: SqliteStore, database: Path) -> None:
    for day in range(6):
        add(store, day, *range(day * 5, day * 5 + 5))
    assert delete_older(store.commits, 3) == 15
    assert seqs(database) == list(range(15, 30))
    assert delete_older(store.commits, 3) == 0
    assert delete_older(store.commits, 100) == 15
    assert delete_older(store.commits, 100) == 0


@pytest.mark.usefixtures("small_pages")
def test_a_clock_that_was_wrong_for_a_moment_stops_nothing(store: SqliteStore, database: Path) -> None:
    add(store, 1, 1, 2)
    add(store, 999, 3)
    add(store, 2, *range(4, 12))
    assert delete_older(store.commits, 10) == 10
    assert seqs(database) == [3]


def test_what_waits_for_delivery_is_kept(store: SqliteStore, database: Path) -> None:
    add(store, 1, 1, 2)
    assert delete_older(store.commits, 10) == 2
    with closing(connect_reader(database)) as connection:
        assert read_backlog(connection).entries == 2


@contextmanager
def keeping(store: SqliteStore, days: int, now_ns: int) -> Iterator[tuple[Retention, list[dict[str, Any]]]]:
    events: list[dict[str, Any]] = []
    log = lambda line: events.append(json.loads(line))  # noqa: E731 - one use
    with closing(Retention(store.commits, days, clock_ns=lambda: now_ns, log=log)) as made:
        yield made, events


def test_old_readings_go_when_the_server_starts(store: SqliteStore, database: Path) -> None:
    add(store, NS_PER_DAY, 1)
    add(store, NS_PER_DAY + 1, 2)
    with keeping(store, 30, 31 * NS_PER_DAY + 1) as (_, events):
        pass
    assert seqs(database) == [2]
    (event,) = events
    assert (event["event"], event["count"], event["severity"]) == ("readings_deleted", 1, "INFO")


def test_a_store_that_cannot_be_written_is_told_of(store: SqliteStore, database: Path) -> None:
    add(store, 1, 1)
    store._connection.execute("PRAGMA query_only = ON")
    with keeping(store, 1, 9 * NS_PER_DAY) as (_, events):
        pass
    assert [event["event"] for event in events] == ["retention_failed"]
    assert seqs(database) == [1]
