"""The outbox: written with the readings, in order, in one sender's hands, and gone only when settled."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from unoingest.errors import IdentityConflictError, StoreError, StoreUnavailableError
from unoingest.outbox import (
    DeadLetter,
    Outbox,
    OutboxRow,
    read_backlog,
    read_dead_letters,
    read_outbox,
    requeue_dead_letters,
)
from unoingest.sqlite_file import connect_reader
from unoingest.store import NewBatch, NewReading, NewStatus, SqliteStore

ALL = {"entries_max": 1000, "frames_bytes_max": 10**6}


def batch(
    *seqs: int, status: NewStatus | None = None, received_at_ns: int = 1000, values: bytes = b"1"
) -> NewBatch:
    readings = tuple(NewReading(seq, None, values, b"", b"<%d>" % seq) for seq in seqs)
    return NewBatch("uno-1", 3, received_at_ns, readings, status=status)


@pytest.fixture
def outbox(store: SqliteStore, database: Path) -> Iterator[Outbox]:
    with closing(Outbox(database, store.commits)) as opened:
        yield opened


def waiting(database: Path) -> list[tuple[int, bytes]]:
    with closing(connect_reader(database)) as connection:
        return [(row.entries, row.frames) for row in read_outbox(connection)]


def dead_letters(database: Path) -> list[DeadLetter]:
    with closing(connect_reader(database)) as connection:
        return list(read_dead_letters(connection))


def frames(rows: tuple[OutboxRow, ...]) -> list[bytes]:
    return [row.frames for row in rows]


def test_the_entries_of_a_request_are_one_row(store: SqliteStore, database: Path) -> None:
    store.add(batch(1, 2))
    store.add(batch(3, status=NewStatus(b"{}", b"", b"<s>")))
    assert waiting(database) == [(2, b"<1><2>"), (2, b"<3><s>")]


def test_what_was_known_is_not_sent_again(store: SqliteStore, database: Path) -> None:
    status = NewStatus(b"{}", b"", b"<s>")
    for seqs in [(1, 2), (2, 3), (1, 3)]:
        store.add(batch(*seqs, status=status))
    assert waiting(database) == [(3, b"<1><2><s>"), (2, b"<3><s>")]


def test_a_refused_request_sends_nothing(store: SqliteStore, database: Path) -> None:
    store.add(batch(1))
    with pytest.raises(IdentityConflictError):
        store.add(batch(1, 2, values=b"2"))
    assert waiting(database) == [(1, b"<1>")]


def test_readings_without_an_outbox_leave_it_empty(store: SqliteStore, database: Path) -> None:
    store.add(NewBatch("uno-1", 3, 1000, (NewReading(1, None, b"1", b""),)))
    assert waiting(database) == []


def test_rows_are_taken_in_order_and_by_nobody_twice(store: SqliteStore, outbox: Outbox) -> None:
    for seq in range(5):
        store.add(batch(seq))
    assert frames(outbox.take(entries_max=2, frames_bytes_max=100)) == [b"<0>", b"<1>"]
    assert frames(outbox.take(entries_max=100, frames_bytes_max=6)) == [b"<2>", b"<3>"]
    assert frames(outbox.take(**ALL)) == [b"<4>"]
    assert outbox.take(**ALL) == ()


def test_a_row_beyond_the_limits_goes_alone(store: SqliteStore, outbox: Outbox) -> None:
    for seqs in [(0,), (1, 2, 3), (4,)]:
        store.add(batch(*seqs))
    limits = {"entries_max": 2, "frames_bytes_max": 8}
    taken = [frames(outbox.take(**limits)) for _ in range(3)]
    assert taken == [[b"<0>"], [b"<1><2><3>"], [b"<4>"]]


def test_only_what_is_settled_is_gone(store: SqliteStore, outbox: Outbox, database: Path) -> None:
    for seq in range(3):
        store.add(batch(seq))
    first = outbox.take(entries_max=1, frames_bytes_max=100)
    second = outbox.take(entries_max=1, frames_bytes_max=100)
    outbox.settle(second, [])
    assert waiting(database) == [(1, b"<0>"), (1, b"<2>")]
    outbox.settle(first, [DeadLetter(1000, 2000, "too large", b"<0>")])
    assert waiting(database) == [(1, b"<2>")]
    assert dead_letters(database) == [DeadLetter(1000, 2000, "too large", b"<0>", 1)]


def test_rows_given_back_are_taken_again(store: SqliteStore, outbox: Outbox) -> None:
    store.add(batch(1))
    outbox.release(outbox.take(**ALL))
    assert frames(outbox.take(**ALL)) == [b"<1>"]


def test_ids_that_are_used_again_hide_nothing(store: SqliteStore, outbox: Outbox, database: Path) -> None:
    for seq in range(8):
        store.add(batch(seq))
        rows = outbox.take(**ALL)
        assert frames(rows) == [b"<%d>" % seq]
        outbox.settle(rows, [])
    assert waiting(database) == []


def test_what_was_in_hand_at_a_crash_is_taken_by_the_next_sender(store: SqliteStore, database: Path) -> None:
    store.add(batch(1))
    for _ in range(2):
        with closing(Outbox(database, store.commits)) as sender:
            assert frames(sender.take(**ALL)) == [b"<1>"]


def test_two_senders_at_once_are_one_too_many(outbox: Outbox, store: SqliteStore, database: Path) -> None:
    with pytest.raises(StoreError, match="another sender") as caught:
        Outbox(database, store.commits)
    assert "unoingest serve" in caught.value.hint
    outbox.close()
    Outbox(database, store.commits).close()


def test_a_store_that_cannot_be_written_keeps_the_rows_in_hand(
    store: SqliteStore, outbox: Outbox, database: Path
) -> None:
    store.add(batch(1))
    rows = outbox.take(**ALL)
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError):
        outbox.settle(rows, [])
    assert outbox.take(**ALL) == ()
    store._connection.execute("PRAGMA query_only = OFF")
    outbox.settle(rows, [])
    assert waiting(database) == []


def test_a_damaged_row_is_known(store: SqliteStore, outbox: Outbox) -> None:
    store.add(batch(1))
    store.add(batch(2))
    store._connection.execute("UPDATE outbox SET frames = CAST('<x>' AS BLOB) WHERE id = 1")
    assert [row.is_sound for row in outbox.take(**ALL)] == [False, True]


@pytest.mark.parametrize(
    "row",
    [(None, 1, b"<x>", 5), (1000, None, b"<x>", 5), (1000, 1, None, 5), (1000, 1, "<x>", None)],
    ids=str,
)
def test_a_row_with_values_of_other_types_is_damaged(row: tuple[Any, ...]) -> None:
    # the table does not take them; a bit that flips on the disk asks nobody
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE outbox (id, received_at_ns, entries, frames, checksum)")
        connection.execute("INSERT INTO outbox VALUES (7, ?, ?, ?, ?)", row)
        assert list(read_outbox(connection)) == [OutboxRow(7, 0, 0, b"", is_sound=False)]


def test_dead_letters_go_back_into_the_outbox(store: SqliteStore, outbox: Outbox, database: Path) -> None:
    store.add(batch(*range(5)))
    letters = [DeadLetter(1000, 2000, "no", b"<%d>" % seq) for seq in range(5)]
    outbox.settle(outbox.take(**ALL), letters)
    assert requeue_dead_letters(store.commits, letters_max=2) == 5
    assert (waiting(database), dead_letters(database)) == ([(1, b"<%d>" % seq) for seq in range(5)], [])
    assert all(row.is_sound and row.received_at_ns == 1000 for row in outbox.take(**ALL))
    assert requeue_dead_letters(store.commits) == 0


def test_the_backlog(store: SqliteStore, outbox: Outbox, database: Path) -> None:
    with closing(connect_reader(database)) as connection:
        empty = read_backlog(connection)
        assert (empty.requests, empty.entries, empty.oldest_received_at_ns) == (0, 0, None)
        store.add(batch(1, 2, received_at_ns=5000))
        store.add(batch(3, received_at_ns=4000))
        store.add(batch(4, received_at_ns=6000))
        outbox.settle(outbox.take(entries_max=1, frames_bytes_max=9), [DeadLetter(1, 2, "no", b"<1>")])
        found = read_backlog(connection)
    assert (found.requests, found.entries, found.frames_bytes) == (2, 2, 6)
    assert (found.oldest_received_at_ns, found.dead_letters) == (4000, 1)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([(3, 17), (3, 18)], (3, 18)),
        ([(3, 18), (3, 17)], (3, 18)),
        ([(4, 0), (3, 99)], (4, 0)),
        ([(3, 99), (4, 0)], (4, 0)),
    ],
)
def test_the_newest_status_of_a_device_is_kept(
    store: SqliteStore, database: Path, sent: list[tuple[int, int]], kept: tuple[int, int]
) -> None:
    for boot, seq in sent:
        reading = NewReading(seq, None, b"1", b"")
        status = NewStatus(b'{"seq":%d}' % seq, b"")
        store.add(NewBatch("uno-1", boot, 1000, (reading,), status=status))
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT boot, seq, counters FROM device_status").fetchall()
    assert rows == [(*kept, b'{"seq":%d}' % kept[1])]
