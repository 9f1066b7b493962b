"""`unoingest send`, and the same sender inside `unoingest serve`."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from unoingest.delivery.cloud import Cloud
from unoingest.delivery.sender import Sender
from unoingest.outbox import Outbox
from unoingest.sqlite_file import connect_reader
from unoingest.store import SqliteStore

BUSY_TIMEOUT_MS = 30_000
"""The server goes first: a sender can wait for the write lock, devices cannot."""
STOP_S = 5.0


def run(*, database: Path, project: str, emulator: str, is_draining: bool) -> None:
    """Deliver until SIGTERM or SIGINT, or until the outbox is empty if `is_draining`.

    Raises:
        StoreError: there is no store, it cannot be written, or another sender has its outbox.
        ServeError: there are no credentials.
    """
    # a missing store is a mistake in the path, and is not created
    connect_reader(database).close()
    ends = {signal.SIGTERM, signal.SIGINT}
    # a signal that comes before there is anything to stop waits for it
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with contextlib.ExitStack() as stack:
        # this process writes only the removal of what was delivered: undone by a power cut, it is sent again
        store = stack.enter_context(
            contextlib.closing(SqliteStore(database, busy_timeout_ms=BUSY_TIMEOUT_MS, sync_commits=False))
        )
        sender = stack.enter_context(sending(store, project, emulator, is_draining=is_draining))
        for number in ends:
            signal.signal(number, lambda _number, _frame: sender.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
        sender.join()


@contextlib.contextmanager
def sending(
    store: SqliteStore, project: str, emulator: str, *, is_draining: bool = False
) -> Iterator[Sender]:
    """Deliver from the store's outbox in threads of this process while the block runs.

    Raises:
        StoreError: another sender has the outbox.
        ServeError: there are no credentials.
    """
    with contextlib.closing(Outbox(store.path, store.commits)) as outbox:
        cloud = Cloud(project, emulator)
        sender = Sender(outbox, cloud, is_draining=is_draining)
        sender.start()
        try:
            yield sender
        finally:
            sender.stop()
            sender.join(STOP_S)
            # who waits for an answer still hears that the call was cancelled
            cloud.close()
            sender.join()
