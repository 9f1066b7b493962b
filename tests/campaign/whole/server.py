"""The real server's application over the real store, in this process and in simulated time, to be tormented.

Its disk is a folder in memory. A kill is a copy of the files as they are at that moment: the store is opened
anew from the copy, with its write-ahead log and without the index that SQLite keeps in memory beside it.
What a power cut leaves of writes that were not synced is the claim of `store_crashes`.

Rules: nothing here looks at a clock but that which it is given. Errors of the disk are SQLite's own: a file
that may not be written or may not grow.
"""

import contextlib
import io
import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from google.cloud.logging_v2 import types

from campaign.uno.witness import Identity
from campaign.whole.server_faults import (
    ClockBack,
    DiskFull,
    Down,
    KeyRotated,
    KeysGone,
    KilledAfterCommit,
    KilledBeforeCommit,
    RateLimited,
    ReadOnly,
    ServerFault,
    ServerRestart,
)
from unoingest.app import create_app_of
from unoingest.cloud_entry import encode_frame
from unoingest.key_file import LIVE_KEYS_MAX, KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.service import REQUESTS_PER_S, Service
from unoingest.sqlite_file import connect_reader
from unoingest.store import SqliteStore, StoredReading, read_readings
from unosim.clock import NS_PER_S
from unosim.faults import Plan
from unosim.faults.wire import Strike
from unosim.lab import DEVICE, KEY, SERVER
from unosim.network import Peer, Reply, WsgiPeer

WriteLogEntriesRequest: Any = types.WriteLogEntriesRequest.pb()
POWER_ON_NS = 1_790_000_000 * NS_PER_S
"""The server's time when the Uno is powered on for the first time."""
UNLIMITED_PAGES = 1_073_741_823
"""The greatest size of a file in pages (SQLite, PRAGMA max_page_count)."""


class _KilledError(BaseException):
    """The process is gone: no handler of the application may see this."""


class Server:
    """A server under its plan.

    Args:
        folder: empty, best in memory.
        plan: the faults; those that concern the server are picked out.
        strike: told of each stroke.
        now_ns: the simulated instant.
    """

    def __init__(self, folder: Path, plan: Plan, strike: Strike, now_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._strike = strike
        self._now_ns = now_ns
        self._faults = [fault for fault in plan.faults if isinstance(fault, ServerFault)]
        limits = [fault for fault in plan.faults if isinstance(fault, RateLimited)]
        self._requests_per_s = float(limits[0].count) if limits else REQUESTS_PER_S
        self._lives = itertools.count()
        self._up_ns = 0
        self._set_back_ns = 0
        self.requests = 0
        """How many have arrived whole."""
        self.log_lines: list[bytes] = []
        self.acknowledgements: dict[bytes, set[Identity]] = {}
        """What each tag of an answer acknowledges."""
        self.unlogged: list[bytes] = []
        """Bodies of the requests whose lines the server was killed over."""
        self.database = folder / "readings.db"
        KeyFile(key_path(self.database)).add(DEVICE, Kind.DEVICE, POWER_ON_NS, KEY)
        self._start()

    def close(self) -> None:
        """Close store and keys."""
        self._store.close()
        self._keys.close()

    def peer(self) -> Peer:
        """Return the server's end of a new connection."""
        return _Connection(self, self._life)

    @property
    def servers(self) -> Mapping[tuple[str, int], Callable[[], Peer]]:
        """What listens, by name and port, as the virtual network asks for it at each connection."""
        return _Listening(self)

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._now_ns() >= self._up_ns

    def is_life(self, life: int) -> bool:
        """Return whether it has not been started anew since the life of this number."""
        return self._life == life

    def stored(self) -> dict[Identity, StoredReading]:
        """Return what is in the store."""
        return {(row.boot, row.seq): row for row in read_readings(self.database)}

    def outbox_ids(self) -> list[str]:
        """Return the insert ids of the entries that wait for the cloud."""
        with contextlib.closing(connect_reader(self.database)) as connection:
            rows = connection.execute("SELECT frames FROM outbox").fetchall()
        return [
            entry.insert_id
            for (frames,) in rows
            for entry in WriteLogEntriesRequest.FromString(frames).entries
        ]

    def application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, unless the plan forbids it (PEP 3333)."""
        number, self.requests = self.requests, self.requests + 1
        striking = [fault for fault in self._faults if fault.strikes(number)]
        for fault in striking:
            self._strike(self._now_ns(), fault)
        kinds = {type(fault) for fault in striking}
        self._prepare(kinds, striking)
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        down = next((fault for fault in striking if isinstance(fault, Down)), None)
        self._dies_at_line = isinstance(down, KilledAfterCommit)
        try:
            app = _killed if isinstance(down, KilledBeforeCommit) else self._app
            return list(app(environ, self._noting(body, start_response)))
        except _KilledError:
            if self._dies_at_line:
                self.unlogged.append(body)
            self._move_to_copy()
            raise
        finally:
            if down:
                self._begin_anew(down)

    def _noting(self, body: bytes, start_response: Callable[..., Any]) -> Callable[..., Any]:
        """Return what begins an answer, and notes an acknowledgement."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if status.startswith("204"):
                message = json.loads(body)
                identities = {(message["boot"], row[0]) for row in message["readings"]}
                self.acknowledgements[dict(headers)["Unolink-Tag"].encode()] = identities
            return start_response(status, headers, *more)

        return start

    def _prepare(self, kinds: set[type[ServerFault]], striking: list[ServerFault]) -> None:
        """Make the world what the faults of a request say."""
        connection = self._store._connection
        connection.execute(f"PRAGMA query_only = {int(ReadOnly in kinds)}")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if DiskFull in kinds else UNLIMITED_PAGES}")
        path = key_path(self.database)
        aside = path.with_suffix(".aside")
        if KeysGone in kinds and path.exists():
            path.rename(aside)
        elif KeysGone not in kinds and aside.exists():
            aside.rename(path)
        if KeyRotated in kinds and path.exists() and len((keys := KeyFile(path)).read_all()) < LIVE_KEYS_MAX:
            keys.rotate(DEVICE, self._clock_ns(), bytes(range(32, 64)))
        self._set_back_ns += sum(
            round(fault.seconds * NS_PER_S) for fault in striking if isinstance(fault, ClockBack)
        )

    def _start(self) -> None:
        self._life = next(self._lives)
        self._dies_at_line = False
        self._store = SqliteStore(self.database)
        self._keys = KeyRing(key_path(self.database))
        service = Service(
            self._store,
            self._keys,
            clock_ns=self._clock_ns,
            emit=self._emit,
            log=lambda _line: None,
            encode_frame=encode_frame,
            requests_per_s=self._requests_per_s,
        )
        self._app = create_app_of(service).wsgi_app

    def _move_to_copy(self) -> None:
        """Leave behind what only the running process knows."""
        copy = self._folder / f"life-{self._life + 1}"
        copy.mkdir()
        for path in self.database.parent.glob(f"{self.database.name}*"):
            if path.is_file() and not path.name.endswith("-shm"):
                shutil.copy(path, copy)
        keys = key_path(self.database)
        for path in (keys, keys.with_suffix(".aside")):
            if path.exists():
                shutil.copy(path, copy)
        self.close()
        self.database = copy / self.database.name

    def _begin_anew(self, down: Down) -> None:
        if isinstance(down, ServerRestart):
            self.close()
        self._up_ns = self._now_ns() + round(down.seconds * NS_PER_S)
        self._start()

    def _clock_ns(self) -> int:
        return POWER_ON_NS + self._now_ns() - self._set_back_ns

    def _emit(self, line: bytes) -> None:
        if self._dies_at_line:
            raise _KilledError
        self.log_lines.append(line)


def _killed(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    """Stand in for an application that does not live to answer."""
    raise _KilledError


class _Connection:
    """A connection to one life of the server."""

    def __init__(self, server: Server, life: int) -> None:
        self._server = server
        self._life = life
        self._http = WsgiPeer(server.application)

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Take bytes; a server that is gone answers with a reset."""
        if not self._server.is_life(self._life):
            return [Reply(b"", close=True)]
        try:
            replies = list(self._http.receive(data, now_ns))
        except _KilledError:
            return [Reply(b"", close=True)]
        if not self._server.is_life(self._life):
            replies[-1] = replies[-1]._replace(close=True)
        return replies


class _Listening(Mapping[tuple[str, int], Callable[[], Peer]]):
    """The server where it listens, and its machine, which has its name even when nobody listens."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getitem__(self, key: tuple[str, int]) -> Callable[[], Peer]:
        if key not in set(self):
            raise KeyError(key)
        return self._server.peer

    def __iter__(self) -> Iterator[tuple[str, int]]:
        yield SERVER if self._server.is_up else (SERVER[0], 0)

    def __len__(self) -> int:
        return 1
