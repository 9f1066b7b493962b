"""Readings without a number of their own: who sent them has no boot counter, so the server numbers them.

Rules:

* They have boot 0 and the next free seq of the client's name, given in the transaction that stores them.
* A point with a time of its own is known by (name, time, values): sent again it is not stored again. One
  without a time is another one each time it is sent, unless its request has an idempotency key.
* An idempotency key (draft-ietf-httpapi-idempotency-key-header-07) stands for one request of one client for
  KEY_HOURS: the same request gets the same answer and stores nothing, another one is refused. Key, readings
  and answer are one transaction, so two requests at once cannot both be first.

This module knows no form of a body and no HTTP.
"""

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from unoingest.errors import IdentityConflictError
from unoingest.group_commit import Work
from unoingest.sent import UINT32_MAX
from unoingest.store import NewBatch, NewReading, insert_all
from unoingest.timestamps import NS_PER_S

SERVER_BOOT = 0
KEY_HOURS = 24


class Point(msgspec.Struct, frozen=True, gc=False):
    """One valid reading without a number.

    Args:
        time_ns: Its own time, nanoseconds since the Unix epoch, or None for that of the request.
        values: Channel name to number, in the order of the names.
        values_json: The same as canonical JSON.
    """

    time_ns: int | None
    values: dict[str, int | float]
    values_json: bytes


class PointBatch(msgspec.Struct, frozen=True):
    """Points and their numbers: `first_seq` and up."""

    device: str
    first_seq: int
    points: Sequence[Point]


class RequestKey(msgspec.Struct, frozen=True):
    """An idempotency key.

    Args:
        client: Whose request.
        key: 1..255 characters.
        fingerprint: Of everything that makes the request another one.
    """

    client: str
    key: str
    fingerprint: bytes


class KeyReusedError(IdentityConflictError):
    """An idempotency key came with another request; nothing was stored."""

    def __init__(self) -> None:
        super().__init__(0)


class Kept(msgspec.Struct, frozen=True):
    """What a request came to.

    Args:
        answer: The body of the answer, kept with the key.
        batch: What was offered to the store, or None if the request was known.
        new: What of it is new.
    """

    answer: bytes
    batch: NewBatch | None
    new: Sequence[NewReading]


class Offered(msgspec.Struct, frozen=True):
    """What a client sends, before it has numbers; no points if it has them already."""

    device: str
    received_at_ns: int
    points: Sequence[Point]


MakeBatch = Callable[[int, Sequence[Point]], NewBatch]
"""Makes a batch of points, numbered from the first seq that is free."""


def keep(
    make_batch: MakeBatch,
    offered: Offered,
    answer: Callable[[NewBatch], bytes],
    key: RequestKey | None,
) -> Work[Kept]:
    """Return the work that stores what is offered once.

    Raises (from the work):
        KeyReusedError: the key came with another request.
        IdentityConflictError: as `unoingest.store.Store.add`.
    """

    def work(connection: sqlite3.Connection) -> Kept:
        if key is not None:
            kept = connection.execute(
                "SELECT fingerprint, answer FROM request_key WHERE client = ? AND key = ?",
                (key.client, key.key),
            ).fetchone()
            if kept is not None:
                if kept[0] != key.fingerprint:
                    raise KeyReusedError
                return Kept(kept[1], None, ())
        batch = make_batch(_next_seq(connection, offered.device), _unknown(connection, offered))
        (new,) = insert_all(connection, [batch])
        if isinstance(new, IdentityConflictError):
            raise new
        body = answer(batch)
        if key is not None:
            _remember(connection, key, body, offered.received_at_ns)
        return Kept(body, batch, new)

    return work


def _next_seq(connection: sqlite3.Connection, device: str) -> int:
    (highest,) = connection.execute(
        "SELECT max(seq) FROM reading WHERE device = ? AND boot = ?", (device, SERVER_BOOT)
    ).fetchone()
    seq = 0 if highest is None else highest + 1
    if seq + 1000 > UINT32_MAX:
        raise OverflowError(f"{device} has used up its sequence numbers")
    return int(seq)


def _unknown(connection: sqlite3.Connection, offered: Offered) -> Sequence[Point]:
    """Return the points that are not stored, each once."""
    seen: set[tuple[int, bytes]] = set()
    unknown = []
    for point in offered.points:
        if point.time_ns is not None:
            identity = (point.time_ns, point.values_json)
            if identity in seen or _is_stored(connection, offered.device, identity):
                continue
            seen.add(identity)
        unknown.append(point)
    return unknown


def _is_stored(connection: sqlite3.Connection, device: str, identity: tuple[int, bytes]) -> bool:
    row = connection.execute(
        "SELECT 1 FROM reading WHERE device = ? AND boot = 0 AND timestamp_ns = ? AND channel_values = ?",
        (device, *identity),
    ).fetchone()
    return row is not None


def _remember(connection: sqlite3.Connection, key: RequestKey, answer: bytes, at_ns: int) -> None:
    connection.execute(
        "DELETE FROM request_key WHERE received_at_ns < ?", (at_ns - KEY_HOURS * 3600 * NS_PER_S,)
    )
    connection.execute(
        "INSERT INTO request_key (client, key, fingerprint, answer, received_at_ns) VALUES (?, ?, ?, ?, ?)",
        (key.client, key.key, key.fingerprint, answer, at_ns),
    )
