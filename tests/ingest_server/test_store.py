"""The SQLite store: what is kept, what is refused, and what each failure of the disk looks like."""

import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from unoingest.errors import IdentityConflictError, StoreError, StoreUnavailableError
from unoingest.sqlite_file import SCHEMA_VERSION
from unoingest.store import (
    _ROWS_A_STATEMENT,
    PROBE_BYTES,
    NewBatch,
    NewReading,
    Outcome,
    SqliteStore,
    read_readings,
    sound_reading,
)

NOBODY = 65534


def batch(*seqs: int, values: bytes = b'{"a":1}', device: str = "uno-1", boot: int = 3) -> NewBatch:
    readings = tuple(NewReading(seq, 1000 - seq, values, b"line %d\n" % seq) for seq in seqs)
    return NewBatch(device, boot, 1000, readings)


def stored_seqs(database: Path) -> list[int]:
    return [reading.seq for reading in read_readings(database)]


def test_a_reading_comes_back_as_it_was_given(store: SqliteStore, database: Path) -> None:
    store.add(batch(17))
    (reading,) = read_readings(database)
    assert (reading.device, reading.boot, reading.seq) == ("uno-1", 3, 17)
    assert (reading.received_at_ns, reading.timestamp_ns) == (1000, 983)
    assert (reading.values_json, reading.trace) == (b'{"a":1}', None)


def test_only_new_readings_are_returned_and_stored(store: SqliteStore, database: Path) -> None:
    assert [r.seq for r in store.add(batch(1, 2))] == [1, 2]
    assert [r.seq for r in store.add(batch(2, 3))] == [3]
    assert [r.seq for r in store.add(batch(1, 2, 3))] == []
    assert stored_seqs(database) == [1, 2, 3]


def test_identity_is_device_boot_and_seq(store: SqliteStore, database: Path) -> None:
    for device, boot in [("uno-1", 3), ("uno-1", 4), ("uno-2", 3)]:
        assert len(store.add(batch(17, values=str(boot).encode(), device=device, boot=boot))) == 1
    assert [(r.device, r.boot) for r in read_readings(database)] == [("uno-1", 3), ("uno-1", 4), ("uno-2", 3)]


def test_a_conflict_stores_nothing_of_its_batch(store: SqliteStore, database: Path) -> None:
    store.add(batch(2))
    with pytest.raises(IdentityConflictError) as caught:
        store.add(batch(1, 2, 3, values=b'{"a":2}'))
    assert caught.value.seq == 2
    assert stored_seqs(database) == [2]
    assert [r.seq for r in store.add(batch(3))] == [3]


def test_the_file_itself_holds_an_identity_once(store: SqliteStore, database: Path) -> None:
    store.add(batch(17))
    with closing(sqlite3.connect(database)) as other, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        other.execute("INSERT INTO reading SELECT * FROM reading")


def kinds(outcomes: Sequence[Outcome]) -> list[Any]:
    return [type(one) if isinstance(one, Exception) else [r.seq for r in one] for one in outcomes]


def test_several_batches_in_one_commit_have_each_their_outcome(store: SqliteStore, database: Path) -> None:
    store.add(batch(5))
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    batches = [batch(4, 5, 6), batch(5, values=b"{}"), batch(6, 7), batch(6, values=b"{}"), batch(5, boot=4)]
    assert kinds(store.add_all(batches)) == [
        [4, 6],
        IdentityConflictError,
        [7],
        IdentityConflictError,
        [5],
    ]
    assert statements.count("COMMIT") == 1
    assert stored_seqs(database) == [4, 5, 6, 7, 5]


@pytest.mark.parametrize("seqs", [(1, 2, 3), (1, 3, 5, 6), (3, 1, 2), (7, 4_000_000_000, 9)])
def test_what_is_known_is_found_however_it_is_numbered(store: SqliteStore, seqs: tuple[int, ...]) -> None:
    store.add(batch(*seqs[:2]))
    store.add(batch(*range(20, 30), device="another"))
    assert [r.seq for r in store.add(batch(*seqs))] == list(seqs[2:])
    with pytest.raises(IdentityConflictError) as caught:
        store.add(batch(*seqs, values=b'{"a":2}'))
    assert caught.value.seq == seqs[0]


def test_more_batches_than_fit_a_statement(store: SqliteStore, database: Path) -> None:
    count = 3 * _ROWS_A_STATEMENT + 1
    outcomes = store.add_all([batch(0, device=f"d{number}") for number in range(count)])
    assert kinds(outcomes) == [[0]] * count
    assert len(stored_seqs(database)) == count
    assert kinds(store.add_all([batch(0, device=f"d{number}") for number in range(count)])) == [[]] * count


def test_what_does_not_fit_is_refused_alone(store: SqliteStore, database: Path) -> None:
    store.add(batch(1))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    batches = [batch(2), batch(3, values=b"x" * 10_000), batch(4)]
    assert kinds(store.add_all(batches)) == [[2], StoreUnavailableError, [4]]
    assert stored_seqs(database) == [1, 2, 4]


def test_a_store_that_is_closed_refuses_each(store: SqliteStore) -> None:
    store.close()
    assert kinds(store.add_all([batch(1), batch(2)])) == [StoreUnavailableError] * 2


def test_the_largest_counters(store: SqliteStore, database: Path) -> None:
    store.add(batch(2**32 - 1, boot=2**32 - 1))
    (reading,) = read_readings(database)
    assert (reading.boot, reading.seq) == (2**32 - 1, 2**32 - 1)


def test_commits_are_synced_before_they_return(store: SqliteStore, database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    # FULL is 2: the write-ahead log is synced at each commit (SQLite, PRAGMA synchronous)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_creating_a_store_makes_its_name_durable(database: Path, mocker: MockerFixture) -> None:
    synced = []
    mocker.patch("unoingest.sqlite_file.os.fsync", lambda fd: synced.append(os.fstat(fd)))
    SqliteStore(database).close()
    assert [(stat.S_ISDIR(s.st_mode), s.st_ino) for s in synced] == [(True, database.parent.stat().st_ino)]


def test_a_store_opened_again_has_its_readings(database: Path) -> None:
    for seq in (1, 2):
        with closing(SqliteStore(database)) as opened:
            opened.add(batch(seq))
    assert stored_seqs(database) == [1, 2]


def test_a_store_is_on_disk_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(SqliteStore(Path(":memory:"))) as opened:
        opened.add(batch(1))
    assert stored_seqs(tmp_path / ":memory:") == [1]


def test_two_writing_processes_worth_of_connections(database: Path) -> None:
    with closing(SqliteStore(database)) as one, closing(SqliteStore(database)) as other:
        stored: list[int] = []

        def write(store: SqliteStore) -> None:
            for seq in range(50):
                stored.extend(r.seq for r in store.add(batch(seq)))

        threads = [threading.Thread(target=write, args=(store,)) for store in (one, other, one)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(stored) == list(range(50)) == stored_seqs(database)


def test_a_full_disk_refuses_and_heals(store: SqliteStore, database: Path) -> None:
    store.add(batch(1))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailableError, match="full"):
        store.add(batch(2, 3, values=b"x" * 10_000))
    with pytest.raises(StoreUnavailableError, match="full"):
        store.probe()
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.probe()
    store.add(batch(3))
    assert stored_seqs(database) == [1, 3]


def test_a_lock_of_another_process_refuses_and_heals(store: SqliteStore, database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            store.add(batch(1))
        with pytest.raises(StoreUnavailableError, match="locked"):
            store.probe()
        other.execute("ROLLBACK")
    store.add(batch(1))
    assert stored_seqs(database) == [1]


def test_a_store_that_turns_read_only_refuses_and_heals(store: SqliteStore, database: Path) -> None:
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError, match="readonly"):
        store.add(batch(1))
    with pytest.raises(StoreUnavailableError, match="readonly"):
        store.probe()
    store._connection.execute("PRAGMA query_only = OFF")
    store.add(batch(1))
    assert stored_seqs(database) == [1]


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("put_another_there", [False, True])
def test_a_file_taken_away_refuses(
    store: SqliteStore, database: Path, suffix: str, put_another_there: bool
) -> None:
    path = database.with_name(database.name + suffix)
    aside = database.with_suffix(".aside")
    path.rename(aside)
    if put_another_there:
        path.touch()
    with pytest.raises(StoreUnavailableError, match="replaced or removed"):
        store.add(batch(1))
    with pytest.raises(StoreUnavailableError, match="replaced or removed"):
        store.probe()
    aside.rename(path)
    store.add(batch(1))
    assert stored_seqs(database) == [1]


def test_the_probe_commits_and_leaves_nothing(store: SqliteStore, database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        versions = [other.execute("PRAGMA data_version").fetchone()]
        for _ in range(3):
            store.probe()
            versions.append(other.execute("PRAGMA data_version").fetchone())
        assert len(set(versions)) == 4
        assert other.execute("SELECT count(*) FROM probe").fetchone() == (0,)
        (pages,) = other.execute("PRAGMA page_count").fetchone()
        store.probe()
        assert other.execute("PRAGMA page_count").fetchone() == (pages,)
        (page_bytes,) = other.execute("PRAGMA page_size").fetchone()
        assert pages * page_bytes > PROBE_BYTES


def no_directory(database: Path) -> Path:
    return database / "missing" / "readings.db"


def is_directory(database: Path) -> Path:
    database.mkdir()
    return database


def not_a_database(database: Path) -> Path:
    database.write_bytes(b"once upon a time there was a text file\n" * 100)
    return database


def other_programs_database(database: Path) -> Path:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    return database


def newer_store(database: Path) -> Path:
    SqliteStore(database).close()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    return database


@pytest.mark.parametrize(
    ("prepare", "message", "hint"),
    [
        (no_directory, "unable to open", "directory exists"),
        (is_directory, "unable to open", "directory exists"),
        (not_a_database, "not a database", "sound SQLite database"),
        (other_programs_database, "another program's", "another file"),
        (
            newer_store,
            f"version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION} at most",
            "release",
        ),
    ],
)
def test_stores_that_cannot_be_opened(
    database: Path, prepare: Callable[[Path], Path], message: str, hint: str
) -> None:
    path = prepare(database)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=message) as caught:
        SqliteStore(path, busy_timeout_ms=0)
    assert hint in caught.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.fixture
def read_only_store() -> Iterator[Path]:
    """A store in a directory in which this process may write nothing, not even if it runs as root."""
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "readings.db"
        SqliteStore(database).close()
        database.chmod(0o444)
        database.parent.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        yield database
        os.seteuid(user)
        database.parent.chmod(0o755)


def test_a_read_only_store_cannot_be_opened(read_only_store: Path) -> None:
    with pytest.raises(StoreError) as caught:
        SqliteStore(read_only_store)
    assert "writable" in caught.value.hint


def test_a_store_that_is_locked_cannot_be_opened(store: SqliteStore, database: Path) -> None:
    store._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        SqliteStore(database, busy_timeout_ms=0)
    assert "only one server" in caught.value.hint


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path, "no store at"),
        (lambda path: path.touch() or path, "is empty"),
        (not_a_database, "not a database"),
        (other_programs_database, "another program's"),
        (newer_store, f"version {SCHEMA_VERSION + 1}"),
    ],
)
def test_stores_that_cannot_be_read(database: Path, prepare: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        list(read_readings(prepare(database)))


@pytest.mark.parametrize("values", [None, "{}", 5])
def test_values_of_another_type_are_damage(values: object) -> None:
    # the table does not take them; a bit that flips on the disk asks nobody
    assert sound_reading(("uno-1", 3, 17, 1000, 983, values, None, 0)) is None


def test_a_damaged_schema(store: SqliteStore, database: Path) -> None:
    store.close()
    damaged = database.read_bytes().replace(b"CREATE TABLE probe", b"CREATE\xa0TABLE probe")
    database.write_bytes(damaged)
    with pytest.raises(StoreError, match="its schema is damaged"):
        SqliteStore(database)
    with pytest.raises(StoreError, match="its schema is damaged"):
        list(read_readings(database))
    assert database.read_bytes() == damaged


def test_a_damaged_store_is_reported_while_it_is_read(store: SqliteStore, database: Path) -> None:
    store.add(batch(*range(50), values=b"x" * 4000))
    store.close()
    content = bytearray(database.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    database.write_bytes(content)
    with pytest.raises(StoreError, match="cannot read"):
        list(read_readings(database))
