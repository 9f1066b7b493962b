"""Old stores are opened and upgraded, whole or not at all, and nothing in them is lost."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from unoingest import sqlite_file
from unoingest.errors import StoreError
from unoingest.migrations import MIGRATIONS
from unoingest.sqlite_file import APPLICATION_ID, SCHEMA_VERSION
from unoingest.store import SqliteStore, read_readings
from unoingest.trace_context import TraceContext

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PREFIX = "logging.googleapis.com"
LINES = {
    17: f'{{"{PREFIX}/trace":"379ea5cd8f5bdd6bd0d159504eb80da8"}}\n',
    18: f'{{"{PREFIX}/trace":"projects/p/traces/{TRACE_ID}","{PREFIX}/spanId":"00f067aa0ba902b7",'
    f'"{PREFIX}/trace_sampled":true}}\n',
    19: f'{{"{PREFIX}/trace":"{TRACE_ID}","{PREFIX}/spanId":"00f067aa0ba902b7",'
    f'"{PREFIX}/trace_sampled":false}}\n',
}
TRACES = {
    17: None,
    18: TraceContext(TRACE_ID, "00f067aa0ba902b7", sampled=True),
    19: TraceContext(TRACE_ID, "00f067aa0ba902b7", sampled=False),
}


def version_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version


@pytest.fixture
def version_1(database: Path) -> Path:
    """A store as the first version wrote it."""
    with closing(sqlite3.connect(database)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        for seq, line in LINES.items():
            values = ("uno-1", 3, seq, 1000 + seq, 1000 - seq, b'{"a0":512}', line.encode())
            connection.execute("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    return database


def test_an_old_store_is_upgraded_with_all_its_readings(version_1: Path) -> None:
    SqliteStore(version_1).close()
    assert version_of(version_1) == SCHEMA_VERSION
    # reading them verifies the checksum of each
    readings = list(read_readings(version_1))
    assert {(r.device, r.boot, r.values_json) for r in readings} == {("uno-1", 3, b'{"a0":512}')}
    assert [(r.seq, r.received_at_ns, r.timestamp_ns) for r in readings] == [
        (seq, 1000 + seq, 1000 - seq) for seq in LINES
    ]
    assert {reading.seq: reading.trace for reading in readings} == TRACES


def test_a_reader_does_not_upgrade(version_1: Path) -> None:
    before = version_1.read_bytes()
    with pytest.raises(StoreError, match="version 1, an older one") as caught:
        list(read_readings(version_1))
    assert "unoingest serve" in caught.value.hint
    assert version_1.read_bytes() == before


def test_a_step_that_fails_leaves_the_version_before_it(version_1: Path, mocker: MockerFixture) -> None:
    broken = (MIGRATIONS[0], (*MIGRATIONS[1], "CREATE TABLE nonsense ("))
    mocker.patch.object(sqlite_file, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="incomplete input"):
        SqliteStore(version_1)
    assert version_of(version_1) == 1
    mocker.stopall()
    SqliteStore(version_1).close()
    assert len(list(read_readings(version_1))) == len(LINES)


def test_steps_are_taken_one_by_one_and_kept_one_by_one(database: Path, mocker: MockerFixture) -> None:
    mocker.patch.object(sqlite_file, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE nonsense (",)))
    mocker.patch.object(sqlite_file, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(StoreError):
        SqliteStore(database)
    assert version_of(database) == SCHEMA_VERSION


def test_two_that_upgrade_at_once_take_each_step_once(version_1: Path) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def open_it() -> None:
        barrier.wait()
        try:
            SqliteStore(version_1, busy_timeout_ms=10_000).close()
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(read_readings(version_1))) == len(LINES)
