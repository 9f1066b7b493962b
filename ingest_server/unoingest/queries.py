"""Questions about what is stored: devices, latest values, history in pages, gaps.

Rules: each question is a short read of its own, so that a slow client holds no snapshot and the write-ahead
log can be folded in; a page ends at a cursor, the identity of its last reading. A reading whose checksum is
wrong is left out. Nothing here writes.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from unoingest.errors import StoreError, StoreUnavailableError
from unoingest.sqlite_file import connect_reader
from unoingest.store import SELECT_READINGS, StoredReading, sound_reading

PAGE_MAX = 1000
LATEST_READINGS_MAX = 1000
"""Of a device, among which the latest value of each channel is looked for."""

Identity = tuple[str, int, int]
"""Device, boot, seq."""


class DeviceSummary(msgspec.Struct, frozen=True):
    """A device, as far as its highest identity and its status tell.

    Args:
        device: Its name.
        boot: Of its latest reading by identity.
        seq: Of the same.
        received_at_ns: When that was received, nanoseconds since the Unix epoch.
        counters_json: Its own counters as JSON, or None if it never sent any.
    """

    device: str
    boot: int
    seq: int
    received_at_ns: int
    counters_json: bytes | None


class Gap(msgspec.Struct, frozen=True):
    """Readings of one start that are not there, though later ones are.

    Args:
        boot: The start.
        first_seq: The first that is missing.
        last_seq: The last.
    """

    boot: int
    first_seq: int
    last_seq: int


class Queries:
    """Asks one store. Safe to use from several threads.

    Args:
        path: The store's file, which is open for writing elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def devices(self, after: str, limit: int) -> Sequence[DeviceSummary]:
        """Return up to `limit` devices with readings, by name, behind the name `after`.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        with self._reading() as connection:
            # one look into the index a device, however many readings it has
            names = connection.execute(
                "WITH RECURSIVE name (device) AS ("
                " SELECT min(device) FROM reading WHERE device > ?"
                " UNION ALL SELECT (SELECT min(device) FROM reading WHERE device > name.device) FROM name"
                " WHERE name.device IS NOT NULL"
                ") SELECT device FROM name WHERE device IS NOT NULL LIMIT ?",
                (after, limit),
            ).fetchall()
            return [
                DeviceSummary(
                    *connection.execute(
                        "SELECT reading.device, reading.boot, reading.seq, reading.received_at_ns, counters"
                        " FROM reading LEFT JOIN device_status USING (device) WHERE reading.device = ?"
                        " ORDER BY reading.boot DESC, reading.seq DESC LIMIT 1",
                        name,
                    ).fetchone()
                )
                for name in names
            ]

    def latest(self, device: str) -> Sequence[StoredReading]:
        """Return a device's latest readings, the highest identity first.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        with self._reading() as connection:
            rows = connection.execute(
                f"{SELECT_READINGS} WHERE device = ? ORDER BY boot DESC, seq DESC LIMIT ?",
                (device, LATEST_READINGS_MAX),
            )
            return [reading for row in rows if (reading := sound_reading(row)) is not None]

    def page(
        self, device: str | None, after: Identity | None, limit: int
    ) -> tuple[list[StoredReading], Identity | None]:
        """Return up to `limit` readings by identity, and the identity behind which the next page begins.

        Args:
            device: Of this device, or None for all.
            after: Behind this one, or None from the first.
            limit: 1..PAGE_MAX.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        first = (device or "", -1, -1) if after is None else after
        of_device = "" if device is None else "device = ? AND "
        values = first if device is None else (device, *first)
        with self._reading() as connection:
            rows = connection.execute(
                f"{SELECT_READINGS} WHERE {of_device}(device, boot, seq) > (?, ?, ?)"
                " ORDER BY device, boot, seq LIMIT ?",
                (*values, limit),
            ).fetchall()
        following = rows[-1][:3] if len(rows) == limit else None
        return [reading for row in rows if (reading := sound_reading(row)) is not None], following

    def all_pages(self, device: str | None) -> Iterator[list[StoredReading]]:
        """Yield every reading in pages, in the memory of one.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        after: Identity | None = None
        while True:
            readings, after = self.page(device, after, PAGE_MAX)
            yield readings
            if after is None:
                return

    def gaps(self, device: str, after: tuple[int, int], limit: int) -> Sequence[Gap]:
        """Return up to `limit` gaps of a device, by boot and seq, behind (boot, last_seq) `after`.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT boot, previous + 1, seq - 1 FROM ("
                " SELECT boot, seq, lag(seq, 1, -1) OVER (PARTITION BY boot ORDER BY seq) AS previous"
                " FROM reading WHERE device = ? AND boot >= ?"
                ") WHERE seq > previous + 1 AND (boot, seq - 1) > (?, ?) ORDER BY boot, seq LIMIT ?",
                (device, after[0], *after, limit),
            )
            return [Gap(*row) for row in rows]

    def outbox_extent(self) -> tuple[int, int | None]:
        """Return how many requests wait in the outbox, at most, and when the oldest was received.

        Raises:
            StoreUnavailableError: the store cannot be read now.
        """
        with self._reading() as connection:
            # rows leave in their order; counting them would read the whole outbox
            requests, oldest_ns = connection.execute(
                "SELECT coalesce(max(id) - min(id) + 1, 0),"
                " (SELECT received_at_ns FROM outbox ORDER BY id LIMIT 1) FROM outbox"
            ).fetchone()
            return requests, oldest_ns

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(connect_reader(self.path)) as connection:
                yield connection
        except (sqlite3.Error, StoreError) as error:
            raise StoreUnavailableError("the store cannot be read") from error
