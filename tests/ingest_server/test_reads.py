"""What is shown of the stored readings: devices, latest values, pages, gaps, CSV; and to whom."""

import csv
import io
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ingest_server.front_side import ask, head_of, serving
from ingest_server.test_app import problem_of
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.queries import LATEST_READINGS_MAX, PAGE_MAX
from unoingest.service import Service
from unoingest.signature import encode_key
from unoingest.store import NewBatch, NewReading, NewStatus, SqliteStore

NOW_NS = 1_795_250_000_000_000_000
S = 10**9
KEY = bytes(range(32))
READER = {"Authorization": f"Bearer {encode_key(KEY)}"}
NOW = "2026-11-21T08:33:20.000000000Z"
PATHS = [
    "/v1/devices",
    "/v1/devices/a/latest",
    "/v1/devices/a/readings",
    "/v1/devices/a/gaps",
    "/v1/readings.csv",
]


@dataclass
class Shown:
    """A store with readings, and a reader of it."""

    store: SqliteStore
    database: Path
    http: FlaskClient
    service: Service

    def add(self, device: str, boot: int, *seqs: int, received_at_ns: int = NOW_NS, **values: float) -> None:
        encoded = json.dumps(values or {"a0": 1}, separators=(",", ":")).encode()
        readings = tuple(NewReading(seq, received_at_ns - S, encoded, b"") for seq in seqs)
        self.store.add(NewBatch(device, boot, received_at_ns, readings))

    def get(self, path: str) -> Any:
        answer = self.open(path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def open(self, path: str) -> TestResponse:
        return self.http.get(path, headers=READER)


@pytest.fixture
def shown(store: SqliteStore, database: Path) -> Iterator[Shown]:
    keys = KeyFile(key_path(database))
    keys.add("grafana", Kind.READER, 1, KEY)
    keys.add("laptop", Kind.BEARER, 1, bytes(32))
    with closing(KeyRing(key_path(database))) as ring:
        service = Service(store, ring, clock_ns=lambda: NOW_NS, log=lambda _line: None, requests_per_s=0)
        yield Shown(store, database, create_app_of(service).test_client(), service)


@pytest.mark.parametrize("path", PATHS)
def test_only_readers_may_read(shown: Shown, path: str) -> None:
    shown.add("a", 1, 0)
    problem_of(shown.http.get(path), "bad_key", 401)
    writer = {"Authorization": f"Bearer {encode_key(bytes(32))}"}
    problem_of(shown.http.get(path, headers=writer), "not_allowed", 403)
    assert shown.open(path).status_code == 200


def test_devices_and_since_when_they_are_quiet(shown: Shown) -> None:
    shown.add("b", 1, 5, received_at_ns=NOW_NS - 90 * S)
    shown.add("a", 2, 7)
    shown.add("a", 1, 900, received_at_ns=NOW_NS - 5 * S)
    status = NewStatus(b'{"retries":3}', b"")
    shown.store.add(NewBatch("c", 1, NOW_NS, (NewReading(0, None, b'{"a":1}', b""),), None, status))
    entry = {"last_received_at": NOW, "quiet_for_s": 0, "status": None}
    quiet = {**entry, "last_received_at": "2026-11-21T08:31:50.000000000Z", "quiet_for_s": 90}
    a, b, c = (
        {"device": "a", "boot": 2, "seq": 7, **entry},
        {"device": "b", "boot": 1, "seq": 5, **quiet},
        {"device": "c", "boot": 1, "seq": 0, **entry, "status": {"retries": 3}},
    )
    assert shown.get("/v1/devices") == {"devices": [a, b, c], "next": None}
    assert shown.get("/v1/devices?quiet_for_s=60") == {"devices": [b], "next": None}
    assert shown.get("/v1/devices?limit=2") == {"devices": [a, b], "next": "b"}
    assert shown.get("/v1/devices?limit=2&cursor=b") == {"devices": [c], "next": None}


def test_the_latest_value_of_each_channel(shown: Shown) -> None:
    shown.add("a", 1, 1, a0=1, temp=21.5)
    shown.add("a", 2, 0, a0=2)
    shown.add("a", 2, 1, a0=3, a1=4)
    values = shown.get("/v1/devices/a/latest")["values"]
    assert list(values) == ["a0", "a1", "temp"]
    assert [(v["value"], v["boot"], v["seq"]) for v in values.values()] == [
        (3, 2, 1),
        (4, 2, 1),
        (21.5, 1, 1),
    ]
    assert values["a0"]["received_at"] == NOW
    assert values["a0"]["timestamp"] == "2026-11-21T08:33:19.000000000Z"


def test_the_latest_value_is_looked_for_among_the_latest_readings(shown: Shown) -> None:
    shown.add("a", 1, 0, old=1)
    shown.add("a", 1, *range(1, LATEST_READINGS_MAX))
    assert list(shown.get("/v1/devices/a/latest")["values"]) == ["a0", "old"]
    shown.add("a", 1, LATEST_READINGS_MAX)
    assert list(shown.get("/v1/devices/a/latest")["values"]) == ["a0"]


def test_history_in_pages(shown: Shown) -> None:
    shown.add("a", 2, 0)
    shown.add("a", 1, *range(7))
    shown.add("b", 1, 9)
    path = "/v1/devices/a/readings?limit=3"
    pages = [shown.get(path)]
    while pages[-1]["next"] is not None:
        pages.append(shown.get(f"{path}&cursor={pages[-1]['next']}"))
    seen = [[(reading["boot"], reading["seq"]) for reading in page["readings"]] for page in pages]
    assert seen == [[(1, 0), (1, 1), (1, 2)], [(1, 3), (1, 4), (1, 5)], [(1, 6), (2, 0)]]
    first = shown.get("/v1/devices/a/readings?limit=1")["readings"][0]
    assert first == {
        "boot": 1,
        "seq": 0,
        "received_at": NOW,
        "timestamp": "2026-11-21T08:33:19.000000000Z",
        "values": {"a0": 1},
    }


def test_a_page_that_ends_with_the_last_reading(shown: Shown) -> None:
    shown.add("a", 1, *range(4))
    page = shown.get("/v1/devices/a/readings?limit=4")
    assert page["next"] == "1-3"
    assert shown.get("/v1/devices/a/readings?cursor=1-3") == {"device": "a", "readings": [], "next": None}


def test_gaps(shown: Shown) -> None:
    shown.add("a", 1, 0, 1, 4, 5)
    shown.add("a", 2, 3, 4, 9)
    shown.add("b", 1, 7)
    expected = [(1, 2, 3, 2), (2, 0, 2, 3), (2, 5, 8, 4)]
    found = shown.get("/v1/devices/a/gaps")
    assert [tuple(gap.values()) for gap in found["gaps"]] == expected
    assert found["next"] is None
    first = shown.get("/v1/devices/a/gaps?limit=2")
    assert [tuple(gap.values()) for gap in first["gaps"]] == expected[:2]
    rest = shown.get(f"/v1/devices/a/gaps?limit=2&cursor={first['next']}")
    assert [tuple(gap.values()) for gap in rest["gaps"]] == expected[2:]


@pytest.mark.parametrize("what", ["latest", "readings", "gaps"])
@pytest.mark.parametrize("device", ["nobody", "a%20b", "x" * 33, "%00", "ä"])
def test_a_device_that_is_not_there(shown: Shown, what: str, device: str) -> None:
    problem_of(shown.open(f"/v1/devices/{device}/{what}"), "unknown_device", 404)


@pytest.mark.parametrize(
    "query",
    [
        *("devices?limit=0", f"devices?limit={PAGE_MAX + 1}", "devices?limit=x", "devices?limit=-1"),
        *("devices?limit=", "devices?cursor=a/b", "devices?cursor=", "devices?quiet_for_s=1.5"),
        *("devices/a/readings?cursor=1", "devices/a/readings?cursor=1-2-3", "devices/a/gaps?cursor=a-b"),
        *("readings.csv?device=a%20b", "readings.csv?channels=", "readings.csv?channels=a,,b"),
        "readings.csv?channels=" + ",".join(map(str, range(33))),
    ],
)
def test_queries_that_are_refused(shown: Shown, query: str) -> None:
    shown.add("a", 1, 0)
    problem_of(shown.open(f"/v1/{query}"), "invalid_query", 400)


def rows(answer: TestResponse) -> list[list[str]]:
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.text.count("\n") == answer.text.count("\r\n")
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def test_csv_has_a_row_for_each_value(shown: Shown) -> None:
    shown.add("b", 1, 0, a0=1, a1=2.5)
    shown.store.add(NewBatch("-a", 3, NOW_NS, (NewReading(7, None, b'{"x,\\"y\\".v":-1}', b""),)))
    times = [NOW, "2026-11-21T08:33:19.000000000Z"]
    assert rows(shown.open("/v1/readings.csv")) == [
        ["device", "boot", "seq", "received_at", "timestamp", "channel", "value"],
        ["'-a", "3", "7", NOW, "", 'x,"y".v', "-1"],
        ["b", "1", "0", *times, "a0", "1"],
        ["b", "1", "0", *times, "a1", "2.5"],
    ]


def test_csv_with_named_channels_has_a_row_for_each_reading(shown: Shown) -> None:
    shown.add("a", 1, 0, a0=1, a1=2)
    shown.add("a", 1, 1, a1=3)
    shown.add("b", 1, 0, a0=4)
    found = rows(shown.open("/v1/readings.csv?device=a&channels=a1,a0,=x"))
    assert found[0][5:] == ["a1", "a0", "'=x"]
    assert [row[5:] for row in found[1:]] == [["2", "1", ""], ["3", "", ""]]


def test_csv_of_nothing_is_its_head(shown: Shown) -> None:
    assert len(rows(shown.open("/v1/readings.csv"))) == 1


def test_csv_of_many_pages_is_complete_and_takes_the_memory_of_few(shown: Shown) -> None:
    for start in range(0, 20 * PAGE_MAX, 5000):
        shown.add("a", 1, *range(start, start + 5000))
    seqs = []
    with closing(shown.http.get("/v1/readings.csv?channels=a0", headers=READER, buffered=False)) as answer:
        pieces = answer.iter_encoded()
        next(pieces)
        tracemalloc.start()
        for piece in pieces:
            seqs += [int(line.split(b",")[2]) for line in piece.splitlines()]
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seqs == list(range(20 * PAGE_MAX))
    # the numbers kept above take 0.7 MB; 20 pages of readings at once would take 20 MB
    assert peak_bytes < 6_000_000


def test_csv_goes_out_in_chunks(shown: Shown) -> None:
    shown.add("a", 1, *range(2 * PAGE_MAX + 1))
    head = head_of([("Authorization", READER["Authorization"])], "GET", "/v1/readings.csv")
    with serving(shown.service) as side:
        answer = ask(side, head)
    assert (answer.status, answer.headers["transfer-encoding"]) == (200, "chunked")
    assert answer.body.count(b"\r\n") == 2 * PAGE_MAX + 2


def test_a_damaged_reading_is_left_out(shown: Shown) -> None:
    shown.add("a", 1, 0, 1, 2)
    with closing(sqlite3.connect(shown.database)) as connection:
        connection.execute("UPDATE reading SET channel_values = CAST('{\"a0\":9}' AS BLOB) WHERE seq = 1")
        connection.commit()
    readings = shown.get("/v1/devices/a/readings")["readings"]
    assert [reading["seq"] for reading in readings] == [0, 2]


def test_a_store_that_cannot_be_read(shown: Shown) -> None:
    shown.add("a", 1, 0)
    shown.database.rename(shown.database.with_name("away"))
    for path in PATHS:
        problem_of(shown.open(path), "store_unavailable", 503)
