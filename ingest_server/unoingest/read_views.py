"""The views that show what is stored, to clients with a reader's key."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from flask import Flask, Response, request

from unoingest.csv_export import long_rows, wide_rows
from unoingest.key_file import Kind
from unoingest.problems import INVALID_QUERY, UNKNOWN_DEVICE, ProblemError
from unoingest.queries import PAGE_MAX, DeviceSummary, Gap, Identity, Queries
from unoingest.sent import CHANNELS_MAX, DEVICE_PATTERN, UINT32_MAX
from unoingest.service import Service
from unoingest.store import StoredReading
from unoingest.timestamps import NS_PER_S, rfc3339
from unoingest.views import LeanResponse, asked

LIMIT_DEFAULT = 100
_CURSOR = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
View = Callable[..., Response]


def add_reads(app: Flask, service: Service) -> None:
    """Add the views to the application."""
    queries = service.queries
    for_readers = _only_for_readers(service)
    _add_of_one_device(app, queries, for_readers)

    @app.get("/v1/devices")
    @for_readers
    def devices() -> Response:
        after, limit = _device("cursor"), _limit()
        quiet_s = _whole("quiet_for_s", 0, UINT32_MAX)
        found = queries.devices(after or "", limit)
        now_ns = service.clock_ns()
        shown = [one for one in found if now_ns - one.received_at_ns >= (quiet_s or 0) * NS_PER_S]
        following = found[-1].device if len(found) == limit else None
        return _json({"devices": [_shown_device(one, now_ns) for one in shown], "next": following})

    @app.get("/v1/readings.csv")
    @for_readers
    def export() -> Response:
        device, channels = _device("device"), _channels()
        pages = queries.all_pages(device)
        # the first page now, so that a store that cannot be read is a problem and not half a file
        first = next(pages)
        rows = wide_rows(first, pages, channels) if channels else long_rows(first, pages)
        return _stream(rows)


def _add_of_one_device(app: Flask, queries: Queries, for_readers: Callable[[View], View]) -> None:
    @app.get("/v1/devices/<device>/latest")
    @for_readers
    def latest(device: str) -> Response:
        values: dict[str, Any] = {}
        for reading in _known(queries, device):
            for channel, value in msgspec.json.decode(reading.values_json).items():
                values.setdefault(channel, {"value": value, **_identity_and_times(reading)})
        return _json({"device": device, "values": dict(sorted(values.items()))})

    @app.get("/v1/devices/<device>/readings")
    @for_readers
    def history(device: str) -> Response:
        _known(queries, device)
        after, limit = _cursor(device), _limit()
        readings, following = queries.page(device, after, limit)
        shown = [
            {**_identity_and_times(reading), "values": msgspec.Raw(reading.values_json)}
            for reading in readings
        ]
        return _json(
            {"device": device, "readings": shown, "next": following and f"{following[1]}-{following[2]}"}
        )

    @app.get("/v1/devices/<device>/gaps")
    @for_readers
    def gaps(device: str) -> Response:
        _known(queries, device)
        after, limit = _cursor(device), _limit()
        found = queries.gaps(device, (-1, -1) if after is None else after[1:], limit)
        following = f"{found[-1].boot}-{found[-1].last_seq}" if len(found) == limit else None
        return _json({"device": device, "gaps": [_shown_gap(gap) for gap in found], "next": following})


def _only_for_readers(service: Service) -> Callable[[View], View]:
    """Return a decorator that admits to a view only who has a reader's key."""

    def for_readers(view: View) -> View:
        @functools.wraps(view)
        def admitted(**parameters: str) -> Response:
            authorization = request.headers.get("Authorization", "")
            service.bearers.admit(authorization, asked(), service.clock_ns(), Kind.READER)
            return view(**parameters)

        return admitted

    return for_readers


def _known(queries: Queries, device: str) -> Any:
    """Return a device's latest readings. Raises ProblemError, unknown_device, if there are none."""
    readings = queries.latest(device) if re.match(DEVICE_PATTERN, device) else []
    if not readings:
        raise ProblemError(UNKNOWN_DEVICE, f"There is no reading of {device[:40]!r}")
    return readings


def _whole(name: str, least: int, most: int) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise ProblemError(INVALID_QUERY, f"{name} is {text[:20]!r}: expected {least} to {most}")
    return int(text)


def _limit() -> int:
    return _whole("limit", 1, PAGE_MAX) or LIMIT_DEFAULT


def _device(name: str) -> str | None:
    text = request.args.get(name)
    if text is not None and not re.match(DEVICE_PATTERN, text):
        raise ProblemError(INVALID_QUERY, f"{name} is {text[:40]!r}, which is no device")
    return text


def _cursor(device: str) -> Identity | None:
    text = request.args.get("cursor")
    if text is None:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise ProblemError(INVALID_QUERY, f"cursor is {text[:40]!r}: expected what `next` said")
    return device, int(match[1]), int(match[2])


def _channels() -> list[str]:
    channels = request.args.get("channels")
    if channels is None:
        return []
    names = channels.split(",")
    if not all(names) or len(names) > CHANNELS_MAX:
        raise ProblemError(INVALID_QUERY, f"channels: expected 1 to {CHANNELS_MAX} names")
    return names


def _shown_device(one: DeviceSummary, now_ns: int) -> dict[str, Any]:
    return {
        "device": one.device,
        "boot": one.boot,
        "seq": one.seq,
        "last_received_at": rfc3339(one.received_at_ns),
        "quiet_for_s": max(0, (now_ns - one.received_at_ns) // NS_PER_S),
        "status": None if one.counters_json is None else msgspec.Raw(one.counters_json),
    }


def _shown_gap(gap: Gap) -> dict[str, int]:
    return {
        "boot": gap.boot,
        "first_seq": gap.first_seq,
        "last_seq": gap.last_seq,
        "missing": gap.last_seq - gap.first_seq + 1,
    }


def _identity_and_times(reading: StoredReading) -> dict[str, Any]:
    return {
        "boot": reading.boot,
        "seq": reading.seq,
        "received_at": rfc3339(reading.received_at_ns),
        "timestamp": None if reading.timestamp_ns is None else rfc3339(reading.timestamp_ns),
    }


def _json(content: Any) -> Response:
    return LeanResponse(msgspec.json.encode(content), content_type="application/json")


def _stream(rows: Iterator[str]) -> Response:
    response = LeanResponse(rows, content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = 'attachment; filename="readings.csv"'
    return response
