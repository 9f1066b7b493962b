"""Group commit: threads that wait for the disk at the same time share one transaction and one sync.

Rules:

* One transaction at a time. A caller that finds nobody at work commits by itself, in its own thread; that
  spares it two changes of thread. Otherwise it hands its work to the writer thread and waits. What is handed
  over while a commit is under way goes into the next one: nobody waits for a timer.
* Calls that share a thread (`call_together`) are one caller: all of their work goes into one commit.
* A caller hears of success only after the commit that holds its work has returned.
* Work that raises IdentityConflictError has written nothing; its neighbours in the transaction stay.
* Work that fails otherwise, or a disk too full for all, undoes the transaction; each piece of work then gets
  a transaction of its own, so that one which fits or is right does not fail for the sake of its neighbours.
* An error of the disk or of a lock is the same for all: all hear it, and the next commit tries again.
* Pieces of joint work (`Joint`) in one transaction run as one: between statements other threads take the
  interpreter, and a writer that must win it back for each row is a slow writer.
* The queue needs no limit of its own: each request has one piece of work in it.

This module knows nothing of readings.
"""

import contextlib
import itertools
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from unoingest.cooperative import CooperativeCalls, give_way
from unoingest.errors import IdentityConflictError, StoreUnavailableError

Item = TypeVar("Item")
T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(frozen=True, slots=True)
class Joint(Generic[Item, T]):
    """Work that is done for the items of several callers at once.

    Args:
        run: Returns a result for each item.
        items: This caller's.
    """

    run: Callable[[sqlite3.Connection, Sequence[Item]], Sequence[T]]
    items: Sequence[Item]

    def __call__(self, connection: sqlite3.Connection) -> Sequence[T]:
        """Do it for these items alone."""
        return self.run(connection, self.items)


class _Ticket:
    """A piece of work, and the place where its caller waits."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self._ended = threading.Lock()
        self._ended.acquire()

    def end(self) -> None:
        """Let the caller go on; called once."""
        self._ended.release()

    def wait(self) -> None:
        self._ended.acquire()

    def outcome(self) -> Any:
        """Return what the work returned, or raise what it raised; behind `end`."""
        if isinstance(self.error, StoreUnavailableError):
            # several callers may get this one, and each raises an exception of its own
            raise StoreUnavailableError(str(self.error)) from self.error.__cause__
        if self.error is not None:
            raise self.error
        return self.result


class GroupCommit:
    """Runs work of many threads on one connection.

    Args:
        connection: In autocommit mode, usable from another thread; from now on it belongs to this object.
        check: Called before each transaction; what it raises is what the callers get.
    """

    def __init__(self, connection: sqlite3.Connection, check: Callable[[], None]) -> None:
        self._connection = connection
        self._check = check
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        # nothing may be queued behind the None that ends the writer: nobody would answer it
        self._gate = threading.Lock()
        self._closed = False
        self._calls = CooperativeCalls(self._serve)
        # tickets in the queue or in the writer's hands; changed behind the gate
        self._handed_over = 0
        # held by whoever uses the connection
        self._turn = threading.Lock()
        # a daemon: at exit every request has been answered, and who was not answered was promised nothing
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._writer.start()

    def run(self, work: Work[T]) -> T:
        """Return what `work` returns, after the transaction that it ran in is on disk.

        Args:
            work: Runs within a transaction, in any thread, and again if a neighbour's failure undid it.

        Raises:
            StoreUnavailableError: nothing of the work was stored, and a later try may succeed.
            IdentityConflictError: `work` raised it.
        """
        ticket = _Ticket(work)
        if not give_way(ticket):
            self._serve([ticket])
        result: T = ticket.outcome()
        return result

    def call_together(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make calls, which may not raise, in this thread; those that come to `run` share a commit."""
        self._calls.run(calls)

    def _serve(self, tickets: Sequence[_Ticket]) -> None:
        """Have the tickets ended, by this thread or by the writer."""
        with self._gate:
            if self._closed:
                for ticket in tickets:
                    ticket.error = StoreUnavailableError("the store is closed")
                return
            # whoever was handed over goes first, even if the writer has not got its turn yet
            alone = self._handed_over == 0 and self._turn.acquire(blocking=False)
            if not alone:
                self._handed_over += len(tickets)
                for ticket in tickets:
                    self._queue.put(ticket)
        if alone:
            try:
                self._commit_or_divide(tickets)
            finally:
                self._turn.release()
        for ticket in tickets:
            ticket.wait()

    def close(self) -> None:
        """Run what was handed over, answer it, and close the connection."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._writer.join()

    def _write(self) -> None:
        closing = False
        while not closing:
            group = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    group.append(self._queue.get_nowait())
            closing = group[-1] is None
            tickets = [ticket for ticket in group if ticket is not None]
            if tickets:
                with self._turn:
                    self._commit_or_divide(tickets)
                with self._gate:
                    self._handed_over -= len(tickets)
        with self._turn:
            self._connection.close()

    def _commit_or_divide(self, tickets: Sequence[_Ticket]) -> None:
        """Run the tickets in one transaction, or each in its own if they cannot share one; end them."""
        try:
            self._commit(tickets)
        except BaseException as error:  # noqa: BLE001 - it is raised where the work came from
            if len(tickets) > 1 and may_be_one_pieces_fault(error):
                for ticket in tickets:
                    self._commit_or_divide([ticket])
                return
            for ticket in tickets:
                ticket.error = error
        for ticket in tickets:
            ticket.end()

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        self._check()
        joint = [ticket for ticket in tickets if isinstance(ticket.work, Joint)]
        with self._transaction():
            if len(joint) > 1:
                self._run_joint(joint)
            for ticket in tickets:
                if len(joint) > 1 and isinstance(ticket.work, Joint):
                    continue
                ticket.error = None
                try:
                    ticket.result = ticket.work(self._connection)
                except IdentityConflictError as error:
                    ticket.error = error

    def _run_joint(self, tickets: Sequence[_Ticket]) -> None:
        """Run joint work together; there is one kind of it."""
        works = [ticket.work for ticket in tickets if isinstance(ticket.work, Joint)]
        results = iter(works[0].run(self._connection, [item for work in works for item in work.items]))
        for ticket, work in zip(tickets, works, strict=True):
            ticket.result, ticket.error = list(itertools.islice(results, len(work.items))), None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the block as one write transaction; SQLite's errors become StoreUnavailableError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                # after COMMIT there is none; after any error, a failing COMMIT included, there may be
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the store cannot be written: {error}") from error


def may_be_one_pieces_fault(error: BaseException) -> bool:
    """Tell a fault that others may not have from one of the whole store, which all would meet again."""
    if not isinstance(error, StoreUnavailableError):
        return True
    # extended result codes carry the primary one in the low byte (SQLite, Result and Error Codes)
    return getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_TOOBIG,
    )
