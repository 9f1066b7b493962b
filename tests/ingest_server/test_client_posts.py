"""What software posts with a bearer key: who may, what is stored, and what a retry does."""

import base64
import gzip
import json
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_mock import MockerFixture
from werkzeug.test import TestResponse

from ingest_server.test_app import problem_of
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.limits import FAILURES_MAX
from unoingest.service import Service
from unoingest.signature import encode_key
from unoingest.store import SqliteStore, StoredReading, read_readings

NOW_NS = 1_795_250_000_123_456_789
S = 10**9
KEY = bytes(range(64, 96))
TOKEN = encode_key(KEY)
READER_KEY = bytes(range(96, 128))
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
SENML = {"Content-Type": "application/senml+json"}


@dataclass
class Laptop:
    """A client named `laptop` and its server."""

    database: Path
    http: FlaskClient
    keys: KeyFile
    lines: list[dict[str, Any]]
    events: list[dict[str, Any]]

    def post(self, body: Any, path: str = "/v1/readings", **headers: str) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, data=data, headers={**BEARER, **JSON, **named})

    def write(self, text: str | bytes, query: str = "", **headers: str) -> TestResponse:
        body = text.encode() if isinstance(text, str) else text
        return self.post(body, f"/api/v2/write{query}", **{"Content_Type": "text/plain", **headers})

    def stored(self) -> list[StoredReading]:
        return list(read_readings(self.database))

    def values(self) -> list[tuple[int, Any]]:
        return [(reading.seq, json.loads(reading.values_json)) for reading in self.stored()]


@pytest.fixture
def laptop(store: SqliteStore, database: Path) -> Iterator[Laptop]:
    lines: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    keys = KeyFile(key_path(database))
    keys.add("laptop", Kind.BEARER, 1, KEY)
    keys.add("grafana", Kind.READER, 1, READER_KEY)
    with closing(KeyRing(key_path(database))) as ring:
        service = Service(
            store,
            ring,
            clock_ns=lambda: NOW_NS,
            emit=lambda line: lines.append(json.loads(line)),
            log=lambda line: events.append(json.loads(line)),
        )
        yield Laptop(database, create_app_of(service).test_client(), keys, lines, events)


ONE = {"readings": [{"values": {"a0": 512}}]}
NUMBERED = {"device": "laptop", "boot": 3, "readings": [{"seq": 17, "age_ms": 5, "values": {"a0": 512}}]}


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKEN}",
        f"bearer  {TOKEN}",
        f"Token {TOKEN}",
        "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode(),
        "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode(),
    ],
)
def test_ways_to_send_the_key(laptop: Laptop, authorization: str) -> None:
    assert laptop.post(ONE, Authorization=authorization).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        f"Bearer{TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN[:-1]}A",
        f"Bearer {TOKEN}=",
        f"Bearer {TOKEN} x",
        f"Digest {TOKEN}",
        f"Bearer {encode_key(bytes(32))}",
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "Basic !!!",
        "Basic \xff",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
def test_a_wrong_key(laptop: Laptop, authorization: str) -> None:
    for path in ("/v1/readings", "/api/v2/write"):
        answer = laptop.post(ONE, path, Authorization=authorization)
        problem_of(answer, "bad_key", 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert laptop.stored() == []
    assert TOKEN not in json.dumps(laptop.events)


def test_nothing_but_compare_digest_admits_a_key(laptop: Laptop, mocker: MockerFixture) -> None:
    mocker.patch("hmac.compare_digest", return_value=False)
    assert laptop.post(ONE).status_code == 401


def test_a_key_is_for_one_thing(laptop: Laptop) -> None:
    reader = {"Authorization": f"Bearer {encode_key(READER_KEY)}"}
    problem_of(laptop.post(ONE, **reader), "not_allowed", 403)
    device, text = laptop.keys.add("uno-1", Kind.DEVICE, 1)
    assert device.kind is Kind.DEVICE
    problem_of(laptop.post(ONE, Authorization=f"Bearer {text}"), "bad_key", 401)


def test_a_revoked_key_is_refused_at_once(laptop: Laptop) -> None:
    assert laptop.post(ONE).status_code == 200
    laptop.keys.revoke("laptop", 2)
    problem_of(laptop.post(ONE), "key_revoked", 403)


def test_guesses_are_slowed(laptop: Laptop) -> None:
    answers = [laptop.post(ONE, Authorization="Bearer x") for _ in range(FAILURES_MAX + 1)]
    assert [answer.status_code for answer in answers] == [401] * FAILURES_MAX + [429]
    assert laptop.post(ONE).status_code == 200


def test_a_client_that_asks_too_often_waits(laptop: Laptop) -> None:
    statuses = [laptop.post(NUMBERED).status_code for _ in range(201)]
    assert statuses == [200] * 200 + [429]


def test_readings_with_numbers(laptop: Laptop) -> None:
    for _ in range(2):
        assert laptop.post(NUMBERED).data == b'{"boot":3,"acked":[17]}'
    assert [(r.device, r.boot, r.seq) for r in laptop.stored()] == [("laptop", 3, 17)]
    other = json.loads(json.dumps(NUMBERED).replace("512", "513"))
    assert problem_of(laptop.post(other), "identity_conflict", 422)["pointer"] == "/readings/0"


def test_readings_without_numbers_are_counted_by_the_server(laptop: Laptop) -> None:
    body = {
        "readings": [
            {"values": {"a0": 1}},
            {"values": {"a0": 2}, "age_ms": 500},
            {"values": {"a0": 3}, "timestamp": "2026-11-21T09:00:00.000001+01:00"},
        ]
    }
    assert laptop.post(body).data == b'{"boot":0,"acked":[0,1,2],"known":0}'
    assert laptop.post(ONE).data == b'{"boot":0,"acked":[3],"known":0}'
    times = [(r.boot, r.timestamp_ns) for r in laptop.stored()]
    assert times == [
        (0, NOW_NS),
        (0, NOW_NS - S // 2),
        (0, 1_795_248_000_000_001_000),
        (0, NOW_NS),
    ]
    assert [line["reading"]["seq"] for line in laptop.lines] == [0, 1, 2, 3]


def test_a_point_with_a_time_is_stored_once(laptop: Laptop) -> None:
    timed = {"values": {"a0": 3}, "timestamp": "2026-11-21T08:00:00Z"}
    assert laptop.post({"readings": [timed, timed]}).data == b'{"boot":0,"acked":[0],"known":1}'
    assert laptop.post({"readings": [timed]}).data == b'{"boot":0,"acked":[],"known":1}'
    later = {**timed, "timestamp": "2026-11-21T08:00:01Z"}
    assert laptop.post({"readings": [timed, later]}).data == b'{"boot":0,"acked":[1],"known":1}'
    assert [seq for seq, _ in laptop.values()] == [0, 1]


@pytest.mark.parametrize("key", ['"0190c1f6-7d2a"', "0190c1f6-7d2a", '"a \\"b\\" c"'])
def test_an_idempotency_key_makes_a_retry_safe(laptop: Laptop, key: str) -> None:
    first = laptop.post(ONE, Idempotency_Key=key)
    again = laptop.post(ONE, Idempotency_Key=key)
    assert first.data == again.data == b'{"boot":0,"acked":[0],"known":0}'
    assert laptop.post(ONE, Idempotency_Key='"another"').json == {"boot": 0, "acked": [1], "known": 0}
    assert len(laptop.lines) == 2


def test_an_idempotency_key_is_for_one_request(laptop: Laptop) -> None:
    laptop.post(ONE, Idempotency_Key='"k"')
    for other in (NUMBERED, {"readings": [{"values": {"a0": 513}}]}):
        problem_of(laptop.post(other, Idempotency_Key='"k"'), "idempotency_key_reused", 422)
    problem_of(laptop.write("m v=1", Idempotency_Key='"k"'), "idempotency_key_reused", 422)
    laptop.keys.add("other", Kind.BEARER, 1, bytes(32))
    other_key = {"Authorization": f"Bearer {encode_key(bytes(32))}"}
    assert laptop.post(ONE, Idempotency_Key='"k"', **other_key).status_code == 200
    assert len(laptop.stored()) == 2


@pytest.mark.parametrize("key", ["", '""', '"', '"a', "a b", '"ä"', '"' + "x" * 256 + '"', "\x7f", '"\\x"'])
def test_what_is_no_idempotency_key(laptop: Laptop, key: str) -> None:
    problem_of(laptop.post(ONE, Idempotency_Key=key), "invalid_idempotency_key", 400)
    assert laptop.stored() == []


def test_a_refused_request_uses_up_no_key(laptop: Laptop) -> None:
    laptop.post(NUMBERED)
    conflicting = json.loads(json.dumps(NUMBERED).replace("512", "513"))
    for _ in range(2):
        problem_of(laptop.post(conflicting, Idempotency_Key='"k"'), "identity_conflict", 422)
    assert laptop.post(ONE, Idempotency_Key='"k"').status_code == 200


PLAIN_REFUSED = [
    ({**NUMBERED, "device": "uno-1"}, "/device"),
    ({**NUMBERED, "boot": 0}, "/boot"),
    ({**NUMBERED, "readings": [{"values": {"a": 1}}]}, "/readings/0/seq"),
    ({**ONE, "device": "uno-1"}, "/device"),
    ({**ONE, "device": 1}, "/device"),
    ({"readings": []}, "/readings"),
    ({"readings": [{"values": {}}]}, "/readings/0/values"),
    ({"readings": [{"values": {"A": 1}}]}, "/readings/0/values/A"),
    ({"readings": [{"values": {"a": 1}, "seq": 1}]}, "/readings/0/seq"),
    ({"readings": [{"values": {"a": 1}, "age_ms": -1}]}, "/readings/0/age_ms"),
    ({"readings": [{"values": {"a": 1}, "timestamp": "2026-11-21T09:00:00"}]}, "/readings/0/timestamp"),
    (
        {"readings": [{"values": {"a": 1}, "age_ms": 1, "timestamp": "2026-11-21T09:00:00Z"}]},
        "/readings/0",
    ),
    (b'{"readings":[{"values":{"a":1,"a":1}}]}', "/readings/0/values/a"),
    ({"readings": [{"values": {"a": 1}, "timestamp": "0001-01-01T00:00:00+23:59"}]}, "/readings/0/timestamp"),
    ({"readings": [{"values": {"a": 1}, "timestamp": "9999-12-31T23:59:59-23:59"}]}, "/readings/0/timestamp"),
    ([1], ""),
]


@pytest.mark.parametrize(("body", "pointer"), PLAIN_REFUSED, ids=str)
def test_plain_bodies_that_are_refused(laptop: Laptop, body: Any, pointer: str) -> None:
    assert problem_of(laptop.post(body), "invalid_reading", 400)["pointer"] == pointer
    assert laptop.stored() == []


def test_what_is_no_json(laptop: Laptop) -> None:
    problem_of(laptop.post(b"{"), "malformed_json", 400)
    problem_of(laptop.post(ONE, Content_Type="text/plain"), "unsupported_media_type", 415)


# RFC 8428, section 5.1.2 and 5.1.3, and variations
TAKEN_PACKS: list[tuple[Any, list[tuple[int | None, Any]]]] = [
    (
        [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}],
        [(NOW_NS, {"urn:dev:ow:10e2073a01080063": 23.1})],
    ),
    (
        [
            {
                "bn": "urn:dev:ow:10e2073a0108006:",
                "bt": 1.276020076001e9,
                "bu": "A",
                "bver": 10,
                "n": "v",
                "v": 120.1,
            },
            {"n": "current", "t": -5, "v": 1.2},
            {"n": "current", "t": -4, "v": 1.3},
        ],
        [
            (1_276_020_076_001_000_000, {"urn:dev:ow:10e2073a0108006:v": 120.1}),
            (1_276_020_071_001_000_000, {"urn:dev:ow:10e2073a0108006:current": 1.2}),
            (1_276_020_072_001_000_000, {"urn:dev:ow:10e2073a0108006:current": 1.3}),
        ],
    ),
    ([{"bn": "d/", "n": "a", "v": 1}, {"n": "b", "vb": True}], [(NOW_NS, {"d/a": 1, "d/b": 1})]),
    ([{"n": "a", "v": 1}, {"n": "a", "v": 2}], [(NOW_NS, {"a": 1}), (NOW_NS, {"a": 2})]),
    ([{"n": "a", "v": 2, "bv": 40}, {"n": "b", "v": 0.5}], [(NOW_NS, {"a": 42, "b": 40.5})]),
    ([{"n": "a", "v": 1, "t": -1.5}], [(NOW_NS - 3 * S // 2, {"a": 1})]),
    ([{"n": "a", "v": 1, "t": 1795248000.000000001}], [(1_795_248_000_000_000_000, {"a": 1})]),
    ([{"n": "a", "v": 1, "unknown": [1]}], [(NOW_NS, {"a": 1})]),
]


@pytest.mark.parametrize(("pack", "readings"), TAKEN_PACKS, ids=str)
def test_senml(laptop: Laptop, pack: Any, readings: list[tuple[int, Any]]) -> None:
    answer = laptop.post(pack, Content_Type="application/senml+json")
    assert answer.json == {"boot": 0, "acked": list(range(len(readings))), "known": 0}
    assert [(r.timestamp_ns, json.loads(r.values_json)) for r in laptop.stored()] == readings


def test_a_senml_time_is_exact(laptop: Laptop) -> None:
    laptop.post(b'[{"n":"a","v":1,"t":1795248000.123456789}]', Content_Type="application/senml+json")
    assert laptop.stored()[0].timestamp_ns == 1_795_248_000_123_456_789


REFUSED_PACKS = [
    ({}, ""),
    ([], ""),
    ([1], "/0"),
    ([{"v": 1}], "/0/n"),
    ([{"n": "-a", "v": 1}], "/0/n"),
    ([{"n": "a b", "v": 1}], "/0/n"),
    ([{"n": 1, "v": 1}], "/0/n"),
    ([{"n": "a"}], "/0"),
    ([{"n": "a", "v": 1, "vb": True}], "/0"),
    ([{"n": "a", "v": True}], "/0/v"),
    ([{"n": "a", "v": "1"}], "/0/v"),
    ([{"n": "a", "vb": 1}], "/0/vb"),
    ([{"n": "a", "vs": "x"}], "/0/vs"),
    ([{"n": "a", "vd": "x"}], "/0/vd"),
    ([{"n": "a", "s": 1}], "/0/s"),
    ([{"n": "a", "v": 1, "u": 1}], "/0/u"),
    ([{"n": "a", "v": 1, "bver": 11}], "/0/bver"),
    ([{"n": "a", "v": 1, "x_": 1}], "/0/x_"),
    ([{"n": "a", "v": 1, "t": 1e15}], "/0/t"),
    ([{"n": "a", "v": 1, "t": "1"}], "/0/t"),
    ([{"n": "a" * 129, "v": 1}], "/0"),
    ([{"n": "a", "v": 2**63}], "/0"),
    ([{"n": "a", "v": n} for n in range(101)], ""),
    (b'[{"n":"a","v":1e999}]', "/0/v"),
    (b'[{"n":"a","v":1e99999999999}]', "/0/v"),
    (b'[{"n":"a","v":1,"bv":1e999999999}]', "/0/v"),
    (b'[{"n":"a","v":1,"t":1e999999999}]', "/0/t"),
    (b'[{"n":"a","v":1e-99999999999999999999}]', ""),
    (b'[{"n":"a","v":1,"x":1e99999999999999999999}]', ""),
    (b'[{"n":"a","v":1,"v":1}]', "/0/v"),
]


@pytest.mark.parametrize(("pack", "pointer"), REFUSED_PACKS, ids=lambda value: str(value)[:60])
def test_senml_that_is_refused(laptop: Laptop, pack: Any, pointer: str) -> None:
    answer = laptop.post(pack, Content_Type="application/senml+json")
    assert problem_of(answer, "invalid_reading", 400)["pointer"] == pointer
    assert laptop.stored() == []


def test_nesting_ends_somewhere_and_nowhere_in_a_mistake(laptop: Laptop) -> None:
    # one reader of JSON gives up a few levels before the other; which, depends on the stack
    packs = [b'[{"n":"a","v":1,"x":' + b"[" * depth + b"]" * depth + b"}]" for depth in range(880, 1000)]
    answers = [laptop.post(pack, Content_Type="application/senml+json") for pack in packs]
    assert {answer.status_code for answer in answers} == {200, 400}
    problem_of(answers[-1], "malformed_json", 400)


T = 1_465_839_830_100_400_200
LINES: list[tuple[str, Any, int | None]] = [
    (f"weather temperature=82 {T}", {"weather.temperature": 82}, T),
    (
        f"weather,location=us temperature=82.5,n=7i {T}",
        {"weather,location=us.n": 7, "weather,location=us.temperature": 82.5},
        T,
    ),
    ("m,b=2,a=1 v=1", {"m,a=1,b=2.v": 1}, None),
    ("m v=t,w=False", {"m.v": 1, "m.w": 0}, None),
    (
        "m v=9223372036854775807i,w=-1u,x=1e3,y=.5,z=-1.",
        {"m.v": 2**63 - 1, "m.w": -1, "m.x": 1000, "m.y": 0.5, "m.z": -1},
        None,
    ),
    (r"my\ m,tag\ k=a\,b f\=x=1", {r"my\ m,tag\ k=a\,b.f\=x": 1}, None),
    ("küche,raum=öst temp=1", {"küche,raum=öst.temp": 1}, None),
    ("m v=1   -5", {"m.v": 1}, -5),
]


@pytest.mark.parametrize(("line", "values", "time_ns"), LINES)
def test_line_protocol(laptop: Laptop, line: str, values: Any, time_ns: int | None) -> None:
    answer = laptop.write(f"\n# a comment\n{line}\r\n")
    assert (answer.status_code, answer.data) == (204, b"")
    (reading,) = laptop.stored()
    assert json.loads(reading.values_json) == values
    assert reading.timestamp_ns == (NOW_NS if time_ns is None else time_ns)


BAD_LINES = [
    "m",
    "m v",
    "m v=",
    "m =1",
    "m v=1,",
    "m v=1,,w=2",
    "m,t v=1",
    "m,t= v=1",
    ",t=1 v=1",
    'm v="text"',
    'm v="a b, c=1"',
    "m v=abc",
    "m v=1x",
    "m v=0x10",
    "m v=nan",
    "m v=inf",
    "m v=1e999",
    "m v=1_0",
    "m v=9223372036854775808i",
    "m v=1,v=2",
    "m v=1 12.5",
    "m v=1 9223372036854775808",
    "m v=1 1 1",
    "-m v=1",
    "=m v=1",
    "m\x01 v=1",
    "m" * 129 + " v=1",
    "m " + ",".join(f"f{n}=1" for n in range(33)),
    "m" * 90 + " " + ",".join(f"f{n}=1" for n in range(30)),
]


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:40])
def test_lines_that_are_refused(laptop: Laptop, line: str) -> None:
    problem = problem_of(laptop.write(line), "invalid_line", 400)
    assert problem["detail"].startswith("line 1: ")
    assert laptop.stored() == []


@pytest.fixture
def at_once() -> Iterator[None]:
    """End the test with an error where it would go on for hours, as only a reader of square cost does."""

    def too_late(_signal: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


MEGABYTE = 1_000_000
LONG_LINES = [
    "m v=" + "9" * MEGABYTE + "x",
    "m v=" + "9" * MEGABYTE + ".x",
    "m v=." + "9" * MEGABYTE + "e",
    "m v=1" + " " * MEGABYTE + "x",
    "m " + "a=1," * (MEGABYTE // 4),
    "m" + ",a=b" * (MEGABYTE // 4) + " v",
    "m v=" + '"a"' * (MEGABYTE // 3) + '"',
    "m" + "\\," * (MEGABYTE // 2),
    "m v=1 " + "1" * MEGABYTE,
]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("line", LONG_LINES, ids=lambda line: f"{line[:8]}...{line[-4:]}")
def test_no_line_keeps_the_server_busy(laptop: Laptop, line: str) -> None:
    problem_of(laptop.write(gzip.compress(line.encode()), Content_Encoding="gzip"), "invalid_line", 400)


def test_a_partial_write_stores_what_is_valid_and_names_the_rest(laptop: Laptop) -> None:
    text = f'm v=1 {T}\nm v="x"\n\nm v=2 {T + 1}\nm v'
    for _ in range(2):
        problem = problem_of(laptop.write(text), "partial_write", 400)
        expected = "line 2: field 'v' is text, and channels are numbers; line 5: expected field=value"
        assert problem["detail"].startswith(expected)
    assert laptop.values() == [(0, {"m.v": 1}), (1, {"m.v": 2})]
    many = "\n".join(["m v=1 1", *["x"] * 30])
    assert problem_of(laptop.write(many), "partial_write", 400)["detail"].endswith("; and 10 more")


@pytest.mark.parametrize(
    ("path", "time_ns"),
    [
        ("/api/v2/write?org=o&bucket=b", 7),
        ("/api/v2/write?precision=us", 7_000),
        ("/api/v2/write?precision=ms", 7_000_000),
        ("/api/v2/write?precision=s", 7 * S),
        ("/write?db=d", 7),
        ("/write?precision=u", 7_000),
        ("/write?precision=h", 7 * 3600 * S),
    ],
)
def test_where_influxdb_clients_write(laptop: Laptop, path: str, time_ns: int) -> None:
    assert laptop.post(b"m v=1 7", path, Content_Type="text/plain; charset=utf-8").status_code == 204
    assert laptop.stored()[0].timestamp_ns == time_ns


def test_a_precision_that_is_none(laptop: Laptop) -> None:
    problem_of(laptop.write("m v=1", "?precision=fortnight"), "invalid_query", 400)


def test_lines_may_be_packed(laptop: Laptop) -> None:
    packed = gzip.compress(b"m v=1 1\nm v=2 2")
    assert laptop.write(packed, Content_Encoding="gzip").status_code == 204
    assert len(laptop.stored()) == 2


@pytest.mark.parametrize(
    ("body", "coding", "code", "status"),
    [
        (b"m v=1", "gzip", "malformed_gzip", 400),
        (gzip.compress(b"m v=1", mtime=0)[:-4], "gzip", "malformed_gzip", 400),
        (gzip.compress(b"m v=1", mtime=0) + b"x", "gzip", "malformed_gzip", 400),
        (gzip.compress(b" " * 1_048_577, mtime=0), "gzip", "body_too_large", 413),
        (b"m v=1", "br", "unsupported_media_type", 415),
        (b"m v=1\nm v=\xff", "identity", "invalid_line", 400),
        (b"m v=1 " + b" " * 65_536, "identity", "body_too_large", 413),
    ],
)
def test_lines_that_cannot_be_unpacked(
    laptop: Laptop, body: bytes, coding: str, code: str, status: int
) -> None:
    problem_of(laptop.write(body, Content_Encoding=coding), code, status)
    assert laptop.stored() == []


def test_as_many_lines_as_a_request_may_have(laptop: Laptop) -> None:
    text = "\n".join(f"m v={n} {n}" for n in range(2001))
    answer = laptop.write(gzip.compress(text.encode()), Content_Encoding="gzip")
    problem = problem_of(answer, "partial_write", 400)
    assert problem["detail"] == "line 2001: more than 2000 lines in one request"
    assert len(laptop.stored()) == 2000
