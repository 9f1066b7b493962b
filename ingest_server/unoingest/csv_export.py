"""Readings as CSV (RFC 4180), page by page: long, a row for each value, or wide, a row for each reading.

Times are UTC, RFC 3339; a reading without a time of its own has an empty `timestamp`. A name that a
spreadsheet would take for a formula is preceded by an apostrophe.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from unoingest.store import StoredReading
from unoingest.timestamps import rfc3339

_IDENTITY = ("device", "boot", "seq", "received_at", "timestamp")
# OWASP, "CSV Injection"; the wide forms count where text is entered in East Asian scripts
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Pages = Iterable[Sequence[StoredReading]]


def long_rows(first: Sequence[StoredReading], pages: Pages) -> Iterator[str]:
    """Yield the text in pieces of a page: the head, then device, identity, times, channel and value."""
    yield _text([(*_IDENTITY, "channel", "value")])
    for page in _all(first, pages):
        yield _text(
            (*_identity(reading), _harmless(channel), value)
            for reading in page
            for channel, value in msgspec.json.decode(reading.values_json).items()
        )


def wide_rows(first: Sequence[StoredReading], pages: Pages, channels: Sequence[str]) -> Iterator[str]:
    """Yield the text in pieces of a page: the head, then device, identity, times and a value a channel."""
    yield _text([(*_IDENTITY, *map(_harmless, channels))])
    for page in _all(first, pages):
        yield _text(
            (*_identity(reading), *map(msgspec.json.decode(reading.values_json).get, channels))
            for reading in page
        )


def _all(first: Sequence[StoredReading], pages: Pages) -> Iterator[Sequence[StoredReading]]:
    yield first
    yield from pages


def _identity(reading: StoredReading) -> tuple[Any, ...]:
    timestamp = "" if reading.timestamp_ns is None else rfc3339(reading.timestamp_ns)
    return _harmless(reading.device), reading.boot, reading.seq, rfc3339(reading.received_at_ns), timestamp


def _harmless(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA_SIGNS) else name


def _text(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
