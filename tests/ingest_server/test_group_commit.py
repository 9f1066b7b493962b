"""Group commit: who shares a transaction, and who hears of whose failure."""

import functools
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from unoingest.errors import IdentityConflictError, StoreUnavailableError
from unoingest.group_commit import GroupCommit, Joint, Work

CALLERS = 8


@dataclass
class Bench:
    """Group commit over a file with one table, and the statements that begin and end transactions."""

    commits: GroupCommit
    connection: sqlite3.Connection
    path: Path
    handed_over: threading.Semaphore
    statements: list[str] = field(default_factory=list)

    def numbers(self) -> list[int]:
        with closing(sqlite3.connect(self.path)) as other:
            return [number for (number,) in other.execute("SELECT number FROM entry ORDER BY number")]

    def together(self, *works: Work[Any]) -> list[Any]:
        """Run works as one group; return for each what its caller gets, or the class of what it raises."""
        outcomes: list[Any] = [None] * len(works)

        def call(number: int) -> None:
            outcomes[number] = outcome(lambda: self.commits.run(works[number]))

        self.commits.call_together([functools.partial(call, number) for number in range(len(works))])
        return outcomes


@pytest.fixture
def bench(tmp_path: Path, mocker: MockerFixture) -> Iterator[Bench]:
    handed_over = threading.Semaphore(0)

    class CountedQueue(queue.Queue[Any]):
        def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
            super().put(item, block, timeout)
            handed_over.release()

    mocker.patch("unoingest.group_commit.queue.SimpleQueue", CountedQueue)
    path = tmp_path / "entries.db"
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, filler BLOB)")
    made = Bench(GroupCommit(connection, lambda: None), connection, path, handed_over)
    connection.set_trace_callback(made.statements.append)
    yield made
    made.commits.close()


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - the table of expectations decides which is right
        return type(error)


def put(number: int, filler_bytes: int = 0) -> Work[int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO entry VALUES (?, zeroblob(?))", (number, filler_bytes))
        return number

    return work


def conflict(_connection: sqlite3.Connection) -> int:
    raise IdentityConflictError(17)


def write_then_fail(connection: sqlite3.Connection) -> int:
    put(99)(connection)
    raise ZeroDivisionError


@dataclass
class Crowd:
    """Threads that wait for one transaction, which is under way until `let_go`."""

    bench: Bench
    release: threading.Event = field(default_factory=threading.Event)
    outcomes: list[Any] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, call: Callable[[], Any]) -> None:
        thread = threading.Thread(target=lambda: self.outcomes.append(outcome(call)))
        thread.start()
        self.threads.append(thread)

    def gather(self) -> None:
        under_way = threading.Event()

        def hold(_connection: sqlite3.Connection) -> str:
            under_way.set()
            self.release.wait()
            return "held"

        self.start(lambda: self.bench.commits.run(hold))
        under_way.wait()
        for number in range(CALLERS):
            self.start(lambda number=number: self.bench.commits.run(put(number)))  # type: ignore[misc]
        for _ in range(CALLERS):
            self.bench.handed_over.acquire()

    def let_go(self) -> None:
        self.release.set()
        for thread in self.threads:
            thread.join()


def test_a_lone_caller_commits_in_its_own_thread(bench: Bench) -> None:
    threads: list[threading.Thread] = []
    bench.commits.run(lambda _connection: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]
    assert bench.statements == ["BEGIN IMMEDIATE", "COMMIT"]


def test_callers_that_wait_together_share_a_commit(bench: Bench) -> None:
    crowd = Crowd(bench)
    crowd.gather()
    crowd.let_go()
    assert sorted(map(str, crowd.outcomes)) == [*map(str, range(CALLERS)), "held"]
    assert bench.numbers() == list(range(CALLERS))
    # the one under way, what the writer had taken by then, and all the rest
    assert bench.statements.count("COMMIT") <= 3


def test_calls_of_one_thread_share_a_commit_and_go_on_behind_it(bench: Bench) -> None:
    threads: set[str] = set()
    stored: list[tuple[int, int]] = []

    def call(number: int) -> None:
        threads.add(threading.current_thread().name)
        for of_call in range(number % 3):
            assert bench.commits.run(put(10 * number + of_call)) == 10 * number + of_call
            stored.append((number, bench.statements.count("COMMIT")))

    bench.commits.call_together([functools.partial(call, number) for number in range(6)])
    assert threads == {threading.current_thread().name}
    assert stored == [(1, 1), (2, 1), (4, 1), (5, 1), (2, 2), (5, 2)]
    assert bench.numbers() == [10, 20, 21, 40, 50, 51]


def test_calls_that_share_a_thread_wait_for_the_writer_like_others(bench: Bench) -> None:
    crowd = Crowd(bench)
    crowd.gather()
    crowd.start(lambda: bench.together(put(97), conflict, put(98)))
    for _ in range(3):
        bench.handed_over.acquire()
    crowd.let_go()
    assert [97, IdentityConflictError, 98] in crowd.outcomes
    assert bench.numbers() == [*range(CALLERS), 97, 98]


def test_calls_that_share_a_thread_hear_of_a_closed_store(bench: Bench) -> None:
    bench.commits.close()
    assert bench.together(put(1), put(2)) == [StoreUnavailableError] * 2


def test_nobody_overtakes_who_was_handed_over(bench: Bench) -> None:
    # as if the writer had somebody's work in hand and had not got its turn yet
    bench.commits._handed_over = 1
    assert bench.commits.run(put(2)) == 2
    assert bench.handed_over.acquire(blocking=False)


def test_nobody_hears_of_success_before_the_commit(bench: Bench) -> None:
    crowd = Crowd(bench)
    crowd.gather()
    assert (crowd.outcomes, bench.numbers()) == ([], [])
    crowd.let_go()


def test_close_answers_who_is_waiting_and_refuses_who_comes_later(bench: Bench) -> None:
    crowd = Crowd(bench)
    crowd.gather()
    crowd.start(bench.commits.close)
    bench.handed_over.acquire()
    assert outcome(lambda: bench.commits.run(put(99))) is StoreUnavailableError
    crowd.let_go()
    assert bench.numbers() == list(range(CALLERS))
    assert StoreUnavailableError not in crowd.outcomes
    bench.commits.close()


@pytest.mark.parametrize(
    ("works", "outcomes", "stored", "begins"),
    [
        ([put(1), put(2)], [1, 2], [1, 2], 1),
        ([put(1), conflict, put(2)], [1, IdentityConflictError, 2], [1, 2], 1),
        ([conflict, conflict], [IdentityConflictError] * 2, [], 1),
        ([put(1), write_then_fail, put(2)], [1, ZeroDivisionError, 2], [1, 2], 4),
        ([write_then_fail], [ZeroDivisionError], [], 1),
        ([put(1), put(2, 50_000), put(3)], [1, StoreUnavailableError, 3], [1, 3], 4),
        ([put(1, 50_000), conflict], [StoreUnavailableError, IdentityConflictError], [], 3),
    ],
)
def test_a_failure_is_its_own_pieces_alone(
    bench: Bench, works: list[Work[Any]], outcomes: list[Any], stored: list[int], begins: int
) -> None:
    bench.connection.execute("PRAGMA max_page_count = 6")
    bench.statements.clear()
    assert bench.together(*works) == outcomes
    assert bench.numbers() == stored
    assert bench.statements.count("BEGIN IMMEDIATE") == begins


def put_all(connection: sqlite3.Connection, numbers: Sequence[int]) -> Sequence[str]:
    connection.executemany("INSERT INTO entry VALUES (?, NULL)", [(number,) for number in numbers])
    return [f"{number} of {len(numbers)}" for number in numbers]


def test_joint_work_runs_once_and_each_hears_of_its_own_items(bench: Bench) -> None:
    works: list[Work[Any]] = [Joint(put_all, [1, 2]), put(3), Joint(put_all, [4]), Joint(put_all, [])]
    assert bench.together(*works) == [["1 of 3", "2 of 3"], 3, ["4 of 3"], []]
    assert bench.together(Joint(put_all, [5])) == [["5 of 1"]]
    assert bench.numbers() == [1, 2, 3, 4, 5]


def test_a_verdict_of_an_undone_transaction_is_forgotten(bench: Bench) -> None:
    runs = []

    def only_once(connection: sqlite3.Connection) -> int:
        runs.append(1)
        return put(1)(connection) if len(runs) == 1 else write_then_fail(connection)

    def conflict_with_1(connection: sqlite3.Connection) -> str:
        if connection.execute("SELECT 1 FROM entry WHERE number = 1").fetchone():
            raise IdentityConflictError(1)
        return "new"

    works = [only_once, conflict_with_1, write_then_fail]
    assert bench.together(*works) == [ZeroDivisionError, "new", ZeroDivisionError]


def test_a_lock_is_waited_for_once_and_heard_by_all(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert bench.together(put(1), put(2), put(3)) == [StoreUnavailableError] * 3
        assert len(bench.statements) == 1
        other.execute("ROLLBACK")
    assert bench.together(put(1), put(2)) == [1, 2]


def test_each_caller_raises_an_exception_of_its_own(bench: Bench) -> None:
    bench.connection.execute("PRAGMA query_only = ON")
    raised: list[StoreUnavailableError] = []

    def call(number: int) -> None:
        with pytest.raises(StoreUnavailableError, match="readonly") as caught:
            bench.commits.run(put(number))
        raised.append(caught.value)

    bench.commits.call_together([functools.partial(call, number) for number in range(2)])
    assert raised[0] is not raised[1]


def test_the_check_comes_before_the_transaction(bench: Bench, mocker: MockerFixture) -> None:
    mocker.patch.object(bench.commits, "_check", side_effect=StoreUnavailableError("gone"))
    assert bench.together(put(1), put(2)) == [StoreUnavailableError] * 2
    assert bench.statements == []
