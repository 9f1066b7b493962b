"""Checksums of what is stored: a bit that flips on the disk must not pass for a value.

SQLite checks the structure of its pages, not the bytes of a value, so each row carries a CRC-32 of its own
(zlib.crc32, ISO 3309). It finds accidents; it proves nothing against somebody who edits the file.
"""

import zlib
from collections.abc import Sequence
from typing import Any


def batch_checksum(device: str, boot: int, received_at_ns: int, traceparent: str | None) -> int:
    """Return the checksum of what the readings of one request have in common, to be continued by each."""
    return zlib.crc32(f"{device}/{boot}/{received_at_ns}/{traceparent or ''}/".encode())


def continued_checksum(batch: int, seq: int, timestamp_ns: int | None, values_json: bytes) -> int:
    """Return the checksum of one reading of the request with `batch_checksum` `batch`."""
    return zlib.crc32(values_json, zlib.crc32(f"{seq}/{timestamp_ns}/".encode(), batch))


def reading_checksum(  # noqa: PLR0917 - an SQL function has no names for its arguments
    device: str,
    boot: int,
    seq: int,
    received_at_ns: int,
    timestamp_ns: int | None,
    values_json: bytes,
    traceparent: str | None,
) -> int:
    """Return the checksum of one stored reading, from its columns."""
    batch = batch_checksum(device, boot, received_at_ns, traceparent)
    return continued_checksum(batch, seq, timestamp_ns, values_json)


def is_reading_sound(columns: Sequence[Any], checksum: object) -> bool:
    """Tell whether the columns of a stored reading, in the order of `reading_checksum`, have this checksum.

    A flipped bit in the head of a row makes another type of a value, or none.
    """
    return isinstance(columns[5], bytes) and reading_checksum(*columns) == checksum


def frames_checksum(received_at_ns: int, frames: bytes) -> int:
    """Return the checksum of one row of the outbox."""
    return zlib.crc32(frames, zlib.crc32(f"{received_at_ns}/".encode()))
