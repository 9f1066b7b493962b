"""The journal: what is in it, what is not, and what becomes of it when the disk or the clock misbehaves."""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from unobridge.instant import Instant, this_instant
from unobridge.journal import DAMAGED, Held, Journal, JournalUnavailableError, Reader
from unobridge.journal_file import JournalError

NOW = Instant(1_000, "boot", 10)


def alter(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Change a journal as no gateway would; return what the last statement finds."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_requests_come_out_in_order_until_every_outlet_is_done(path: Path) -> None:
    journal = Journal(path)
    for number in range(3):
        journal.add("a", f"tag{number}", b"%d" % number, ["http", "mqtt"], NOW)
    first = journal.next("http")
    assert first
    assert (first.device, first.tag, first.body, first.received) == ("a", "tag0", b"0", NOW)
    journal.done("http", first.number)
    second = journal.next("http")
    assert second
    assert second.tag == "tag1"
    assert [held.tag for held in journal.after("mqtt", 0, 99)] == ["tag0", "tag1", "tag2"]
    assert [held.tag for held in journal.after("mqtt", first.number, 1)] == ["tag1"]
    journal.done("mqtt", first.number)
    assert {name: one.requests for name, one in journal.backlog().items()} == {"http": 2, "mqtt": 2}
    journal.close()
    rows = sqlite3.connect(path).execute("SELECT tag FROM request").fetchall()
    assert rows == [("tag1",), ("tag2",)]


def test_the_same_request_again_is_kept_once(path: Path) -> None:
    journal = Journal(path)
    journal.add("a", "tag", b"x", ["http"], NOW)
    journal.add("a", "tag", b"x", ["http"], Instant(2_000, "boot", 20))
    held = journal.after("http", 0, 9)
    assert [one.received for one in held] == [NOW]
    journal.close()


def test_a_device_can_be_left_out(path: Path) -> None:
    journal = Journal(path)
    for device in ("a", "b", "a"):
        journal.add(device, f"{device}{os.urandom(2).hex()}", b"x", ["http"], NOW)
    found = journal.next("http", ["a"])
    assert found
    assert found.device == "b"
    assert journal.next("http", ["a", "b"]) is None
    journal.close()


def test_it_survives_its_process(path: Path) -> None:
    journal = Journal(path)
    journal.add("a", "tag", b"x", ["http"], NOW)
    journal.close()
    again = Journal(path)
    assert again.next("http") is not None
    again.close()


def test_a_commit_is_synced_to_the_disk(path: Path) -> None:
    journal = Journal(path)
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_a_split_keeps_the_order_within_the_device(path: Path) -> None:
    journal = Journal(path)
    for device, tag in (("a", "1"), ("b", "x"), ("a", "2"), ("a", "3")):
        journal.add(device, tag, b"", ["http", "mqtt"], NOW)
    first = journal.next("http")
    assert first
    journal.split("http", first, [("1a", b""), ("1b", b"")])
    assert [held.tag for held in journal.after("http", 0, 9)] == ["x", "1a", "1b", "2", "3"]
    assert sorted(held.tag for held in journal.after("mqtt", 0, 9)) == ["1", "2", "3", "x"]
    journal.close()


def test_what_is_refused_is_put_aside(path: Path) -> None:
    journal = Journal(path)
    journal.add("a", "tag", b"body", ["http"], NOW)
    held = journal.next("http")
    assert held
    journal.refuse("http", held, "why")
    assert journal.next("http") is None
    reader = Reader(path)
    assert reader.refused() == [("http", "a", "why", b"body")]
    reader.close()
    journal.close()


def test_a_full_journal_takes_nothing_forgets_nothing_and_recovers(path: Path) -> None:
    journal = Journal(path, bytes_max=1 << 20)
    taken = 0
    try:
        for taken in range(10_000):
            journal.add("a", f"t{taken}", bytes(2_000), ["http"], NOW)
    except JournalUnavailableError as error:
        assert "full" in str(error)  # noqa: PT017  # which of the calls fails is the question
    assert 300 < taken < 600
    assert path.stat().st_size <= 1 << 20
    held = journal.after("http", 0, 10_000)
    assert len(held) == taken
    for one in held[:20]:
        journal.done("http", one.number)
    journal.add("a", "again", bytes(2_000), ["http"], NOW)
    journal.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_that_is_taken_away_is_noticed(path: Path, suffix: str) -> None:
    journal = Journal(path)
    journal.add("a", "1", b"", ["http"], NOW)
    (path.parent / f"journal.db{suffix}").unlink()
    with pytest.raises(JournalUnavailableError, match="replaced or removed"):
        journal.add("a", "2", b"", ["http"], NOW)
    journal.close()


def test_one_gateway_at_a_time(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(JournalError, match="another unobridge uses"):
        Journal(path)
    journal.close()
    Journal(path).close()


def test_files_that_are_no_journal(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE mine (x)").connection.close()
    with pytest.raises(JournalError, match="is no journal of this version"):
        Journal(other)
    text = tmp_path / "text"
    text.write_text("hello" * 1000)
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(text)
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(tmp_path / "absent" / "journal.db")
    with pytest.raises(JournalError, match="no journal at"):
        Reader(tmp_path / "absent.db")


def test_a_damaged_schema(path: Path) -> None:
    Journal(path).close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE refused", b"CREATE\xa0TABLE refused"))
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(path)
    with pytest.raises(JournalError, match="cannot open the journal"):
        Reader(path)


@pytest.mark.parametrize(
    "change",
    [
        "body = x'7b7e'",
        "tag = 'tag!'",
        "device = CAST(x'61ff' AS TEXT)",  # no UTF-8
        "received_ns = received_ns + 1",
        "clock = 'root'",
        "clock_ns = clock_ns | 1 << 40",
        "checksum = checksum + 1",
    ],
)
def test_a_damaged_request_is_put_aside_and_told(path: Path, change: str) -> None:
    told: list[str] = []
    journal = Journal(path, tell=told.append)
    for tag in ("tag1", "tag2", "tag3"):
        journal.add("a", tag, b"{}", ["http", "mqtt"], NOW)
    alter(path, f"UPDATE request SET {change} WHERE tag = 'tag2'")  # noqa: S608 - the test's own texts
    first = journal.next("http")
    assert first
    journal.done("http", first.number)
    third = journal.next("http")
    assert third
    assert third.tag == "tag3"
    assert [held.tag for held in journal.after("mqtt", 0, 9)] == ["tag1", "tag3"]
    assert [(outlet, reason) for outlet, _, reason, _ in journal.refused()] == [
        ("http", DAMAGED),
        ("mqtt", DAMAGED),
    ]
    assert len(told) == 1
    assert "is damaged; it is kept aside" in told[0]
    journal.close()


def test_damage_waits_for_a_disk_that_takes_it_aside(path: Path) -> None:
    journal = Journal(path)
    journal.add("a", "tag", b"{}", ["http"], NOW)
    alter(path, "UPDATE request SET tag = ''")
    journal._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalUnavailableError, match="readonly"):
        journal.next("http")
    journal._connection.execute("PRAGMA query_only = OFF")
    assert journal.next("http") is None
    assert len(journal.refused()) == 1
    journal.close()


def test_a_split_leaves_damage_where_it_is(path: Path) -> None:
    journal = Journal(path)
    for tag in ("1", "2", "3"):
        journal.add("a", tag, b"", ["http"], NOW)
    alter(path, "UPDATE request SET body = x'00' WHERE tag = '2'")
    first = journal.next("http")
    assert first
    journal.split("http", first, [("1a", b""), ("1b", b"")])
    assert [held.tag for held in journal.after("http", 0, 9)] == ["1a", "1b", "3"]
    assert [body for *_, body in journal.refused()] == [b"\0"]
    journal.close()


def test_a_request_for_which_nobody_waits_is_put_aside(path: Path) -> None:
    journal = Journal(path)
    journal.add("a", "tag", b"{}", ["http"], NOW)
    journal.close()
    alter(path, "UPDATE pending SET request_id = 77")
    again = Journal(path)
    assert again.refused() == [("", "a", DAMAGED, b"{}")]
    assert again.backlog()["http"].oldest_s == 0
    again.close()


def test_a_journal_of_version_1_is_taken_over(path: Path) -> None:
    Journal(path).close()
    alter(
        path,
        "DROP INDEX pending_of_request",
        "ALTER TABLE request DROP COLUMN checksum",
        "INSERT INTO request VALUES (1, 'a', 'tag', x'7b7d', 1000, 'boot', 10)",
        "INSERT INTO pending VALUES ('http', 1)",
        "PRAGMA user_version = 1",
    )
    journal = Journal(path)
    assert journal.next("http") == Held(1, "a", "tag", b"{}", NOW)
    journal.done("http", 1)
    journal.close()
    (schema,) = zip(*alter(path, "SELECT sql FROM sqlite_schema WHERE type = 'index'"), strict=True)
    assert "CREATE INDEX pending_of_request ON pending (request_id)" in schema


def test_the_way_out_costs_the_same_behind_a_long_outage(path: Path) -> None:
    """Counted in instructions of SQLite's machine, by hundreds."""
    journal = Journal(path)
    hundreds: list[int] = []
    journal._connection.set_progress_handler(lambda: hundreds.append(1), 100)

    def cost() -> int:
        hundreds.clear()
        held = journal.next("http")
        assert held
        journal.done("http", held.number)
        return len(hundreds)

    def wait(requests: int) -> None:
        for number in range(requests):
            journal.add("a", f"{requests}/{number}", b"{}", ["http", "mqtt"], NOW)

    wait(10)
    short = cost()
    wait(500)
    assert cost() <= short + 1
    journal.close()


def test_a_flipped_bit_is_never_passed_on(tmp_path: Path, path: Path) -> None:
    journal = Journal(path)
    journal.add("uno-7f3a", "tag", b'{"boot":3}', ["http"], NOW)
    stored = journal.next("http")
    journal.close()
    content = path.read_bytes()
    head, end = content.index(b"uno-7f3atag") - 12, content.index(b'{"boot":3}') + 30
    fates = Counter[str]()
    for bit in range(8 * head, 8 * end):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        copy = tmp_path / f"{bit}.db"
        copy.write_bytes(flipped)
        fates[fate_of(copy, stored)] += 1
    assert fates.keys() <= {"as it was", "put aside", "found"}
    assert fates["put aside"] > fates["as it was"]


def fate_of(path: Path, stored: Held | None) -> str:
    """Say what becomes of the one request of a journal."""
    told: list[str] = []
    try:
        journal = Journal(path, tell=told.append)
    except JournalError:
        return "found"
    try:
        held = journal.next("http")
        aside = journal.refused()
    except JournalUnavailableError:
        return "found"
    finally:
        journal.close()
    if held == stored:
        return "as it was"
    if held is None and aside:
        return "put aside"
    return "found" if held is None and told else f"{held} is passed on"


@pytest.mark.parametrize(
    ("then", "now", "held_ns"),
    [
        (
            Instant(100, "x", 5),
            Instant(900, "x", 15),
            10,
        ),  # the same start of the computer: the clock nobody sets
        (Instant(100, "x", 5), Instant(900, "y", 2), 800),
        (Instant(100, "", 0), Instant(900, "", 0), 800),
        (Instant(900, "", 0), Instant(100, "", 0), 0),  # the time of day was set back
    ],
)
def test_the_time_held(then: Instant, now: Instant, held_ns: int) -> None:
    assert then.elapsed_ns(now) == held_ns


def test_the_present_moment_moves_on() -> None:
    before = this_instant()
    assert before.elapsed_ns(this_instant()) >= 0
    assert before.wall_ns > 1_700_000_000 * 10**9
