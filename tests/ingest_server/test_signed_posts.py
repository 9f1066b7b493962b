"""The device contract of docs/wire-protocol.md, held against every entry of the server."""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingest_server.front_side import ask, head_of, serving
from ingest_server.wire import BODY, DEVICE, KEY, answer_tag, held, rows, signed, tag, tag_of
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.limits import FAILURES_MAX
from unoingest.request_body import BODY_BYTES_MAX
from unoingest.service import Service
from unoingest.store import SqliteStore, StoredReading, read_readings

NOW_NS = 1_795_250_000_123_456_789
MS = 10**6
DOCUMENT = (Path(__file__).parents[2] / "docs" / "wire-protocol.md").read_text()
NEW_KEY = bytes(range(32, 64))


@dataclass
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@dataclass
class Device:
    """A device and its server: `post` goes through the entry under test."""

    database: Path
    entry: Callable[[Service, bytes, dict[str, str]], Answered]
    service: Service
    lines: list[dict[str, Any]]
    events: list[dict[str, Any]]
    keys: KeyFile = field(init=False)
    now_ns: int = NOW_NS

    def __post_init__(self) -> None:
        self.keys = KeyFile(key_path(self.database))

    def send(self, body: bytes, headers: dict[str, str]) -> Answered:
        return self.entry(self.service, body, headers)

    def post(self, body: bytes = BODY, **headers: str) -> Answered:
        return self.send(body, {**signed(body), **{k.replace("_", "-"): v for k, v in headers.items()}})

    def stored(self) -> list[StoredReading]:
        return list(read_readings(self.database))


def through_flask(service: Service, body: bytes, headers: dict[str, str]) -> Answered:
    answer = create_app_of(service).test_client().post("/v1/readings", data=body, headers=headers)
    return Answered(answer.status_code, dict(answer.headers), answer.data)


def through_hot_path(service: Service, body: bytes, headers: dict[str, str]) -> Answered:
    head = head_of([*headers.items(), ("Content-Length", str(len(body)))])
    with serving(service) as side:
        answer = ask(side, head, body[:5], body[5:])
    # the HTTP server's own
    del answer.headers["date"]
    return Answered(
        answer.status, {_as_flask_has_it(name): value for name, value in answer.headers.items()}, answer.body
    )


def _as_flask_has_it(name: str) -> str:
    return "WWW-Authenticate" if name == "www-authenticate" else name.title()


@pytest.fixture(params=[through_flask, through_hot_path])
def device(request: pytest.FixtureRequest, store: SqliteStore, database: Path) -> Iterator[Device]:
    lines: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    with contextlib.closing(KeyRing(key_path(database))) as keys:
        service = Service(
            store,
            keys,
            clock_ns=lambda: made.now_ns,
            emit=lambda piece: lines.extend(json.loads(line) for line in piece.splitlines()),
            log=lambda line: events.append(json.loads(line)),
        )
        made = Device(database, request.param, service, lines, events)
        made.keys.add(DEVICE, Kind.DEVICE, NOW_NS, KEY)
        yield made


def assert_signed(answer: Answered, status: int, body: bytes = BODY, key: bytes = KEY) -> None:
    assert (answer.status, answer.headers.get("Unolink-Tag")) == (status, answer_tag(status, body, key))


def assert_unsigned(answer: Answered, status: int) -> None:
    assert (answer.status, answer.headers.get("Unolink-Tag")) == (status, None)


VECTOR = re.compile(
    r"^\| `(\{.*\})` \| `(\S{22})` \| `(\S{22})` \| `(\S{22})` \| `(\S{22})` \|$", re.MULTILINE
)


@pytest.mark.parametrize("vector", VECTOR.findall(DOCUMENT), ids=lambda vector: vector[1])
def test_the_vectors_of_the_page(device: Device, vector: tuple[str, ...]) -> None:
    body, request_tag, tag_204, tag_422, held_tag = vector
    authorization = f"Unolink uno-7f3a:{request_tag}"
    answer = device.send(
        body.encode(), {"Authorization": authorization, "Unolink-Held": f"86400000:{held_tag}"}
    )
    assert answer == Answered(204, {"Unolink-Tag": tag_204}, b"")
    other = body.replace("512", "511").encode()
    assert_signed(device.post(other), 422, other)
    assert tag(KEY, b"422\n" + request_tag.encode()) == tag_422


def test_there_are_two_vectors() -> None:
    assert len(VECTOR.findall(DOCUMENT)) == 2


def test_a_204_says_that_all_is_on_disk(device: Device) -> None:
    body = rows([17, 120, 512, 21.5], [19, 0, -7, 1e-3], channels=("a0", "temp"))
    assert_signed(device.post(body), 204, body)
    assert [
        (r.device, r.boot, r.seq, r.received_at_ns, r.timestamp_ns, r.values_json) for r in device.stored()
    ] == [
        (DEVICE, 3, 17, NOW_NS, NOW_NS - 120 * MS, b'{"a0":512,"temp":21.5}'),
        (DEVICE, 3, 19, NOW_NS, NOW_NS, b'{"a0":-7,"temp":0.001}'),
    ]
    assert [line["reading"]["seq"] for line in device.lines] == [17, 19]


def test_nulls(device: Device) -> None:
    body = rows([40, None, 512, None], [41, None, None, 3])
    assert_signed(device.post(body), 204, body)
    assert [(r.timestamp_ns, r.values_json) for r in device.stored()] == [
        (None, b'{"a0":512}'),
        (None, b'{"a1":3}'),
    ]
    assert [line["reading"]["age_ms"] for line in device.lines] == [None, None]


def test_sending_again_is_safe(device: Device) -> None:
    for _ in range(3):
        assert_signed(device.post(), 204)
    older = rows([17, 99_000, 512, 1023])
    assert_signed(device.post(older), 204, older)
    both = rows([17, 0, 512, 1023], [18, 0, 1, 2])
    assert_signed(device.post(both), 204, both)
    assert [reading.seq for reading in device.stored()] == [17, 18]
    assert [line["reading"]["seq"] for line in device.lines] == [17, 18]


def test_a_status_is_taken_with_the_first_new_reading(device: Device) -> None:
    first = rows([17, 0, 1, 2], status={"retries": 4, "stack_free": 210})
    second = rows([17, 0, 1, 2], status={"retries": 5})
    third = rows([17, 0, 1, 2], [18, 0, 1, 2], status={"retries": 6})
    for body in (first, first, second, third):
        assert_signed(device.post(body), 204, body)
    counters = [line["status"]["counters"] for line in device.lines if "status" in line]
    assert counters == [{"retries": 4, "stack_free": 210}, {"retries": 6}]


def test_the_time_that_a_gateway_held_it(device: Device) -> None:
    assert_signed(device.post(BODY, **held(86_400_000, BODY)), 204)
    (reading,) = device.stored()
    assert (reading.received_at_ns, reading.timestamp_ns) == (NOW_NS, NOW_NS - 86_400_000 * MS)


@pytest.mark.parametrize(
    "value",
    [
        "86400000",
        "86400000:",
        ":" + held(1, BODY)["Unolink-Held"].partition(":")[2],
        held(1, BODY)["Unolink-Held"].replace("1:", "2:", 1),
        "0" + held(1, BODY)["Unolink-Held"],
        held(1, rows([17, 0, 1, 1]))["Unolink-Held"],
        held(1, BODY, NEW_KEY)["Unolink-Held"],
        held(10**12, BODY)["Unolink-Held"],
        held(-1, BODY)["Unolink-Held"],
    ],
)
def test_a_wrong_word_of_a_gateway_stores_nothing(device: Device, value: str) -> None:
    assert_signed(device.post(BODY, Unolink_Held=value), 401)
    assert device.stored() == []


def test_a_gateway_may_say_zero(device: Device) -> None:
    assert_signed(device.post(BODY, **held(0, BODY)), 204)


ALIEN = tag_of(BODY, NEW_KEY)
RIGHT = tag_of(BODY)
WRONG = {
    "no tag": "Unolink uno-7f3a",
    "empty tag": "Unolink uno-7f3a:",
    "short tag": f"Unolink uno-7f3a:{RIGHT[:-1]}",
    "long tag": f"Unolink uno-7f3a:{RIGHT}A",
    "padded tag": f"Unolink uno-7f3a:{RIGHT}==",
    "last bits": f"Unolink uno-7f3a:{RIGHT[:-1]}R",
    "case": f"Unolink uno-7f3a:{RIGHT.swapcase()}",
    "base64": f"Unolink uno-7f3a:{RIGHT.replace('_', '/')}",
    "hexadecimal": f"Unolink uno-7f3a:{'0' * 32}",
    "another key": f"Unolink uno-7f3a:{ALIEN}",
    "unknown device": f"Unolink uno-7f3b:{RIGHT}",
    "device in capitals": f"Unolink UNO-7F3A:{RIGHT}",
    "no device": f"Unolink :{RIGHT}",
    "two devices": f"Unolink uno-7f3a:uno-7f3a:{RIGHT}",
    "two headers": f"Unolink uno-7f3a:{ALIEN},Unolink uno-7f3a:{RIGHT}",
    "parameters": f'Unolink device="uno-7f3a", tag="{RIGHT}"',
    "no space": f"Unolinkuno-7f3a:{RIGHT}",
    "space in the tag": f"Unolink uno-7f3a: {RIGHT}",
    "long device": f"Unolink {'x' * 33}:{RIGHT}",
    "no credentials": "Unolink",
}


@pytest.mark.parametrize("authorization", WRONG.values(), ids=WRONG.keys())
def test_who_cannot_prove_it_is_refused_alike(device: Device, authorization: str) -> None:
    answer = device.send(BODY, {"Authorization": authorization})
    assert_unsigned(answer, 401)
    assert answer.code == "bad_signature"
    assert answer.headers["WWW-Authenticate"] == "Unolink"
    assert json.loads(answer.body)["detail"] == "The device is not known, or the tag is wrong"
    assert device.stored() == []
    assert RIGHT not in json.dumps(device.events)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (BODY, {"Authorization": f"Unolink {DEVICE}:{'A' * 22}"}, 204),
        (BODY, {**signed(BODY), "Unolink-Held": f"5:{'A' * 22}"}, 204),
        (b" " * (BODY_BYTES_MAX + 1), {"Authorization": f"Unolink {DEVICE}:{'A' * 22}"}, 413),
    ],
    ids=["request", "held", "too large to be kept"],
)
def test_nothing_but_compare_digest_judges_a_tag(
    device: Device, mocker: Any, body: bytes, headers: dict[str, str], status: int
) -> None:
    # it takes as long wherever two tags differ (Python, hmac); == would not
    mocker.patch("hmac.compare_digest", return_value=True)
    answer = device.send(body, headers)
    assert (answer.status, "Unolink-Tag" in answer.headers) == (status, True)


@pytest.mark.parametrize("authorization", [f"unolink {DEVICE}:{RIGHT}", f"UNOLINK   {DEVICE}:{RIGHT}"])
def test_the_scheme_is_read_as_http_has_it(device: Device, authorization: str) -> None:
    # RFC 9110, section 11.1: the scheme is case-insensitive; section 11.4: one or more spaces follow
    assert_signed(device.send(BODY, {"Authorization": authorization}), 204)


@pytest.mark.parametrize("place", range(0, len(BODY), 7))
def test_a_changed_byte_is_refused(device: Device, place: int) -> None:
    changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
    assert_unsigned(device.send(changed, signed(BODY)), 401)


REFUSED = [
    (b"{", "malformed_json", None),
    (b"", "malformed_json", None),
    (b"\xff" + BODY, "malformed_json", None),
    (b"[]", "invalid_reading", ""),
    (BODY.replace(b'"boot":3,', b""), "invalid_reading", "/boot"),
    (BODY.replace(b'"boot":3', b'"boot":4294967296'), "invalid_reading", "/boot"),
    (BODY.replace(b'"boot":3', b'"boot":3.0'), "invalid_reading", "/boot"),
    (BODY.replace(b'"boot":3', b'"boot":3,"boot":3'), "invalid_reading", "/boot"),
    (BODY.replace(b'"boot":3', b'"boot":3,"age":1'), "invalid_reading", "/age"),
    (rows([1, 0, 5], channels=()), "invalid_reading", "/channels"),
    (rows([1, 0, 5], channels=("A",)), "invalid_reading", "/channels/0"),
    (rows([1, 0, 5], channels=("a" * 17,)), "invalid_reading", "/channels/0"),
    (rows([1, 0, 5, 6], channels=("a", "a")), "invalid_reading", "/channels/1"),
    (rows([1, 0, *range(33)], channels=tuple(f"c{n}" for n in range(33))), "invalid_reading", "/channels"),
    (rows(), "invalid_reading", "/readings"),
    (rows(*[[n, 0, 1, 2] for n in range(101)]), "invalid_reading", "/readings"),
    (rows([1, 0]), "invalid_reading", "/readings/0"),
    (rows([1, 0, 5]), "invalid_reading", "/readings/0"),
    (rows([1, 0, 5, 6], [2, 0, 5, 6, 7]), "invalid_reading", "/readings/1"),
    (rows([1, 0, None, None]), "invalid_reading", "/readings/0"),
    (rows([-1, 0, 5, 6]), "invalid_reading", "/readings/0/0"),
    (rows([4294967296, 0, 5, 6]), "invalid_reading", "/readings/0/0"),
    (rows([1.0, 0, 5, 6]), "invalid_reading", "/readings/0/0"),
    (rows([None, 0, 5, 6]), "invalid_reading", "/readings/0/0"),
    (rows([1, -1, 5, 6]), "invalid_reading", "/readings/0/1"),
    (rows([1, 1.5, 5, 6]), "invalid_reading", "/readings/0/1"),
    (rows([1, 4294967296, 5, 6]), "invalid_reading", "/readings/0/1"),
    (rows([1, 0, "5", 6]), "invalid_reading", "/readings/0/2"),
    (rows([1, 0, 5, True]), "invalid_reading", "/readings/0/3"),
    (rows([1, 0, 5, 2**63]), "invalid_reading", "/readings/0/3"),
    (rows([1, 0, 5, 6]).replace(b"6]", b"1e400]"), "invalid_reading", "/readings/0/3"),
    (rows([1, 0, 5, 6], status={"Bad": 1}), "invalid_reading", "/status/Bad"),
    (rows([1, 0, 5, 6], status={"ok": 1.5}), "invalid_reading", "/status/ok"),
    (rows([1, 0, 5, 6], status={"ok": None}), "invalid_reading", "/status/ok"),
    (rows([1, 0, 5, 6], status={"ok": 2**63}), "invalid_reading", "/status/ok"),
    (rows([1, 0, 5, 6], status={f"c{n}": n for n in range(17)}), "invalid_reading", "/status"),
    (
        rows([1, 0, 5, 6], status={"aa": 1}).replace(b'"aa": 1', b'"aa": 1, "aa": 1'),
        "invalid_reading",
        "/status/aa",
    ),
    (rows([1, 0, 5, 6], status=None), "invalid_reading", "/status"),
    (b" " * BODY_BYTES_MAX, "malformed_json", None),
]


@pytest.mark.parametrize(("body", "code", "pointer"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_body_that_breaks_the_page(device: Device, body: bytes, code: str, pointer: str | None) -> None:
    answer = device.post(body)
    assert_signed(answer, 400, body)
    problem = json.loads(answer.body)
    assert (problem["code"], problem.get("pointer")) == (code, pointer)
    assert device.stored() == []
    (event,) = device.events
    assert event["event"] == "request_refused"


TAKEN = [
    rows([0, 0, 1], channels=("a",)),
    rows([2**32 - 1, 2**32 - 1, 2**63 - 1, -(2**63)]),
    rows(*[[n, 0, n, n] for n in range(100)]),
    rows([1, 0, *range(32)], channels=tuple(f"c{n}_____________" for n in range(10, 42))),
    rows([1, 0, 5, 6], status={f"c{n}": n for n in range(16)}),
    rows([1, 0, 5, 6], status={}),
    rows([1, 0, 5, 6], boot=2**32 - 1),
    rows([5, 0, 1, 2], [5, 9, 1.0, 2e0]),
    b" " * (BODY_BYTES_MAX - len(BODY)) + BODY,
]


@pytest.mark.parametrize("body", TAKEN, ids=lambda body: str(body)[:60])
def test_a_body_at_the_limits(device: Device, body: bytes) -> None:
    assert_signed(device.post(body), 204, body)


def test_a_conflict_stores_nothing_of_the_request(device: Device) -> None:
    device.post()
    other = rows([16, 0, 1, 2], [17, 0, 511, 1023])
    answer = device.post(other)
    assert_signed(answer, 422, other)
    assert (answer.code, json.loads(answer.body)["pointer"]) == ("identity_conflict", "/readings/1")
    assert [reading.seq for reading in device.stored()] == [17]


def test_a_conflict_within_the_request(device: Device) -> None:
    body = rows([5, 0, 1, 2], [5, 0, 1, 3])
    answer = device.post(body)
    assert_signed(answer, 422, body)
    assert answer.code == "identity_conflict"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_media_type_may_be_sent(device: Device, content_type: str) -> None:
    assert_signed(device.post(BODY, Content_Type=content_type), 204)


@pytest.mark.parametrize("header", [{"Content_Type": "text/plain"}, {"Content_Encoding": "gzip"}])
def test_another_media_type_is_refused(device: Device, header: dict[str, str]) -> None:
    answer = device.post(BODY, **header)
    assert_signed(answer, 415)
    assert answer.code == "unsupported_media_type"


@pytest.mark.parametrize("size_bytes", [BODY_BYTES_MAX + 1, 200_000])
def test_a_body_that_is_too_large_gets_a_signed_answer(device: Device, size_bytes: int) -> None:
    body = BODY + b" " * (size_bytes - len(BODY))
    answer = device.post(body)
    assert_signed(answer, 413, body)
    assert answer.code == "body_too_large"
    assert_unsigned(device.send(body, signed(BODY)), 413)


def test_two_keys_live_during_a_rotation(device: Device) -> None:
    device.post()
    device.keys.rotate(DEVICE, NOW_NS, NEW_KEY)
    for key, seq in ((KEY, 1), (NEW_KEY, 2)):
        body = rows([seq, 0, 1, 2])
        assert_signed(device.send(body, signed(body, key)), 204, body, key)
    (old, _) = device.keys.read_all()
    device.keys.revoke(DEVICE, NOW_NS, old.key_id)
    for key, status in ((KEY, 403), (NEW_KEY, 204)):
        body = rows([3, 0, 1, 2])
        assert_signed(device.send(body, signed(body, key)), status, body, key)


def test_a_revoked_key_is_refused_from_the_next_request_on(device: Device) -> None:
    assert_signed(device.post(), 204)
    device.keys.revoke(DEVICE, NOW_NS)
    answer = device.post(rows([18, 0, 1, 2]))
    assert_signed(answer, 403, rows([18, 0, 1, 2]))
    assert answer.code == "key_revoked"
    device.keys.add(DEVICE, Kind.DEVICE, NOW_NS, NEW_KEY)
    assert_signed(device.send(BODY, signed(BODY, NEW_KEY)), 204, BODY, NEW_KEY)


def test_a_device_that_is_added_is_known_at_once(device: Device) -> None:
    headers = signed(BODY, NEW_KEY, "uno-new")
    assert_unsigned(device.send(BODY, headers), 401)
    device.keys.add("uno-new", Kind.DEVICE, NOW_NS, NEW_KEY)
    answer = device.send(BODY, headers)
    assert answer.headers["Unolink-Tag"] == answer_tag(204, BODY, NEW_KEY, "uno-new")


def test_a_bearer_key_signs_nothing(device: Device) -> None:
    stored, _ = device.keys.add("laptop", Kind.BEARER, NOW_NS, NEW_KEY)
    for key in (NEW_KEY, stored.secret):
        assert_unsigned(device.send(BODY, signed(BODY, key, "laptop")), 401)


def test_a_device_with_a_key_cannot_be_spoken_for_without_it(device: Device) -> None:
    plain = json.dumps(
        {"device": DEVICE, "boot": 3, "readings": [{"seq": 9, "age_ms": 0, "values": {"a0": 1}}]}
    ).encode()
    answer = device.send(plain, {"Content-Type": "application/json"})
    assert_unsigned(answer, 401)
    device.keys.revoke(DEVICE, NOW_NS)
    assert_unsigned(device.send(plain, {"Content-Type": "application/json"}), 401)
    assert device.stored() == []


def test_a_device_that_asks_too_often_waits(device: Device) -> None:
    answers = [device.post() for _ in range(201)]
    assert {answer.status for answer in answers[:200]} == {204}
    assert_signed(answers[200], 429)
    assert (answers[200].code, answers[200].headers["Retry-After"]) == ("rate_limited", "1")
    device.now_ns += 10 * MS
    assert_signed(device.post(), 204)
    assert_signed(device.post(), 429)


def test_guesses_are_slowed_and_logged_and_lock_nobody_out(device: Device) -> None:
    wrong = {"Authorization": f"Unolink {DEVICE}:{ALIEN}"}
    answers = [device.send(BODY, wrong) for _ in range(FAILURES_MAX + 3)]
    assert [answer.status for answer in answers] == [401] * FAILURES_MAX + [429] * 3
    assert answers[-1].headers["Retry-After"] == "60"
    events = [event["event"] for event in device.events]
    assert events == ["request_refused"] * FAILURES_MAX + ["wrong_keys"]
    assert_signed(device.post(), 204)
    device.now_ns += 60 * 1000 * MS
    assert_unsigned(device.send(BODY, wrong), 401)


def test_a_store_that_cannot_be_written(device: Device) -> None:
    with contextlib.closing(sqlite3.connect(device.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = device.post()
        assert_signed(answer, 503)
        assert (answer.code, answer.headers["Retry-After"]) == ("store_unavailable", "5")
        other.execute("ROLLBACK")
    assert_signed(device.post(), 204)


def test_keys_that_cannot_be_read(device: Device) -> None:
    os.truncate(key_path(device.database), 0)
    key_path(device.database).write_bytes(b"no database" * 1000)
    answer = device.post()
    assert_unsigned(answer, 503)
    assert answer.code == "store_unavailable"
    assert str(device.database) not in answer.body.decode()
    assert str(device.database) in device.events[0]["cause"]


def test_our_own_mistake_is_signed_too(device: Device, mocker: Any) -> None:
    mocker.patch("unoingest.signed_posts.decode_device_body", side_effect=ZeroDivisionError("a secret"))
    answer = device.post()
    assert_signed(answer, 500)
    assert b"secret" not in answer.body
    (event,) = device.events
    assert (event["severity"], "ZeroDivisionError" in event["stack_trace"]) == ("ERROR", True)


def test_a_trace_goes_into_the_line(device: Device) -> None:
    device.post()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    device.post(rows([18, 0, 1, 2]), traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    traces = [line["logging.googleapis.com/trace"] for line in device.lines]
    assert traces == ["43c82577d5af0abc316a50d1ac8e5665", trace_id]


def test_a_line_that_cannot_be_written_costs_no_acknowledgement(device: Device, mocker: Any) -> None:
    mocker.patch.object(device.service.signed, "_emit", side_effect=BrokenPipeError("nobody reads"))
    assert_signed(device.post(), 204)
    assert [event["event"] for event in device.events] == ["log_lines_lost"]


def test_no_key_is_ever_logged(device: Device) -> None:
    _, text = device.keys.rotate(DEVICE, NOW_NS)
    device.post()
    device.send(BODY, signed(BODY, NEW_KEY))
    device.keys.revoke(DEVICE, NOW_NS)
    device.post()
    logged = json.dumps([device.lines, device.events, [repr(key) for key in device.keys.read_all()]])
    assert text not in logged
    assert KEY.hex() not in logged
    assert "AAECAwQF" not in logged
