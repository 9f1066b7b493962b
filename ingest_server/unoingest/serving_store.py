"""What stands behind a serving process: the open store, and what goes on in it beside requests.

It is opened in the process that serves, after any fork: neither SQLite's connections nor gRPC's channels may
cross one (SQLite, "How To Corrupt", section 2.6; gRPC Python, "Fork support").
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from unoingest.config import Config
from unoingest.reading_log import FrameEncoder, no_frame
from unoingest.retention import Retention
from unoingest.store import SqliteStore


@dataclass(frozen=True, slots=True)
class ServingStore:
    """An open store, and how entries for its outbox are made."""

    store: SqliteStore
    encode_frame: FrameEncoder


@contextlib.contextmanager
def open_serving_store(config: Config) -> Iterator[ServingStore]:
    """Open the store while the block runs; with `outbox=send`, deliver from it.

    Raises:
        StoreError: the store cannot be opened, or another sender has its outbox.
        ServeError: there are no credentials to deliver with.
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(SqliteStore(config.database)))
        encode_frame: FrameEncoder = no_frame
        if config.outbox != "off":
            # Google's client is 0.3 s and 40 MB that a server without an outbox shall not pay for
            from unoingest.cloud_entry import encode_frame  # noqa: PLC0415
        if config.outbox == "send":
            from unoingest.delivery.command import sending  # noqa: PLC0415

            stack.enter_context(sending(store, config.project, config.emulator))
        if config.keep_days:
            stack.enter_context(contextlib.closing(Retention(store.commits, config.keep_days)))
        yield ServingStore(store, encode_frame)
