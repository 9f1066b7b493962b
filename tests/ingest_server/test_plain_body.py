"""The body of POST /v1/readings, as tables: what is taken, what is refused and where the finger points."""

import json
from typing import Any

import pytest

from unoingest.plain_body import decode_plain_body
from unoingest.problems import ProblemError

READING = '{"seq":17,"age_ms":120,"values":{"a0":512,"a1":300}}'
NINES_400 = "9" * 400
DEEP = "[" * 60_000


def one(reading: str) -> bytes:
    return f'{{"device":"uno-1","boot":3,"readings":[{reading}]}}'.encode()


def values(text: str) -> bytes:
    return one(f'{{"seq":17,"age_ms":120,"values":{text}}}')


def refused(body: bytes) -> tuple[str, str | None]:
    with pytest.raises(ProblemError) as caught:
        decode_plain_body(body)
    return caught.value.kind.code, caught.value.pointer


def test_the_example_of_the_contract() -> None:
    batch = decode_plain_body(one(READING))
    (reading,) = batch.readings
    assert (batch.device, batch.boot) == ("uno-1", 3)
    assert (reading.seq, reading.age_ms, reading.values) == (17, 120, {"a0": 512, "a1": 300})
    assert reading.values_json == b'{"a0":512,"a1":300}'


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ('{"b":1,"a":2}', b'{"a":2,"b":1}'),
        ('{ "a" : 1.50 }', b'{"a":1.5}'),
        ('{"a":512.0}', b'{"a":512}'),
        ('{"a":5.12e2}', b'{"a":512}'),
        ('{"a":-0.0}', b'{"a":0}'),
        ('{"\\u0061":1}', b'{"a":1}'),
        ('{"a":9007199254740992.0}', b'{"a":9007199254740992}'),
        ('{"a":1e300}', b'{"a":1e300}'),
        ('{"a":9223372036854775807}', b'{"a":9223372036854775807}'),
        ('{"a":-9223372036854775808}', b'{"a":-9223372036854775808}'),
        ('{"a_9_______16char":1}', b'{"a_9_______16char":1}'),
    ],
)
def test_equal_values_have_one_canonical_form(sent: str, canonical: bytes) -> None:
    assert decode_plain_body(values(sent)).readings[0].values_json == canonical


@pytest.mark.parametrize("device", ["a", "Z9._-", "x" * 32])
def test_device_names_that_are_taken(device: str) -> None:
    assert decode_plain_body(one(READING).replace(b"uno-1", device.encode())).device == device


@pytest.mark.parametrize("number", [0, 2**32 - 1])
def test_limits_of_the_counters(number: int) -> None:
    reading = f'{{"seq":{number},"age_ms":{number},"values":{{"a":1}}}}'
    text = f'{{"device":"d","boot":{number},"readings":[{reading}]}}'
    batch = decode_plain_body(text.encode())
    assert (batch.boot, batch.readings[0].seq, batch.readings[0].age_ms) == (number, number, number)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hello",
        b"\xef\xbb\xbf" + one(READING),
        one(READING) + b"x",
        one(READING)[:-1],
        one(READING).replace(b"uno-1", b"uno-\xff"),
        one(READING).replace(b"uno-1", b"uno-\xed\xa0\x80"),
        one(READING).replace(b"uno-1", b"\\ud800"),
        values('{"\xff":1}').replace(b"\xc3\xbf", b"\xff"),
        values('{"a":NaN}'),
        values('{"a":Infinity}'),
        values('{"a":-Infinity}'),
        values('{"a":01}'),
        values('{"a":1.}'),
        values('{"a":1,}'),
        values("{'a':1}"),
    ],
)
def test_what_is_not_json(body: bytes) -> None:
    assert refused(body) == ("malformed_json", None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"null", ""),
        (b"[]", ""),
        (b"17", ""),
        (DEEP.encode(), ""),
        (b"{}", "/device"),
        (one(READING).replace(b'"device":"uno-1",', b""), "/device"),
        (one(READING).replace(b'"boot":3,', b""), "/boot"),
        (one(READING).replace(b'"boot"', b'"Boot"'), "/Boot"),
        (one(READING).replace(b'"boot"', b'"bo~/ot"'), "/bo~0~1ot"),
        (one(READING).replace(b'"boot"', '"böot"'.encode()), "/böot"),
        (one(READING).replace(b'"uno-1"', b"1"), "/device"),
        (one(READING).replace(b'"uno-1"', b'""'), "/device"),
        (one(READING).replace(b'"uno-1"', b'"' + b"x" * 33 + b'"'), "/device"),
        (one(READING).replace(b"uno-1", b"uno 1"), "/device"),
        (one(READING).replace(b"uno-1", b"uno-1\\n"), "/device"),
        (one(READING).replace(b"uno-1", "unö".encode()), "/device"),
        (one(READING).replace(b'"uno-1"', DEEP.encode()), "/device"),
        (one(READING).replace(b'"boot":3', b'"boot":-1'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":4294967296'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":18446744073709551616'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":3.0'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":"3"'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":true'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":null'), "/boot"),
        (one(READING).replace(b'"boot":3', b'"boot":3,"boot":3'), "/boot"),
        (one(""), "/readings"),
        (one(",".join([READING] * 101)), "/readings"),
        (one("1"), "/readings/0"),
        (one(READING + ",{}"), "/readings/1/seq"),
        (one(READING + "," + READING.replace("17", "-1")), "/readings/1/seq"),
        (one(READING.replace("17", "17.5")), "/readings/0/seq"),
        (one(READING.replace("120", "4294967296")), "/readings/0/age_ms"),
        (one(READING.replace("}}", '},"age":1}')), "/readings/0/age"),
        (one(READING.replace('"seq":17', '"seq":17,"seq":18')), "/readings/0/seq"),
        (values("[]"), "/readings/0/values"),
        (values("{}"), "/readings/0/values"),
        (values(json.dumps({f"c{n}": n for n in range(33)})), "/readings/0/values"),
        (values('{"ok":1,"Bad":1}'), "/readings/0/values/Bad"),
        (values('{"ok":1,"9a":1}'), "/readings/0/values/9a"),
        (values('{"ok":1,"a\\n":1}'), "/readings/0/values/a\n"),
        (values('{"ok":1,"seventeen_letters":1}'), "/readings/0/values/seventeen_letters"),
        (values('{"":1}'), "/readings/0/values/"),
        (values('{"ok":1,"b":true}'), "/readings/0/values/b"),
        (values('{"ok":1,"b":null}'), "/readings/0/values/b"),
        (values('{"ok":1,"b":"2"}'), "/readings/0/values/b"),
        (values('{"ok":1,"b":[2]}'), "/readings/0/values/b"),
        (values('{"ok":1,"b":9223372036854775808}'), "/readings/0/values/b"),
        (values('{"ok":1,"b":-9223372036854775809}'), "/readings/0/values/b"),
        (values(f'{{"ok":1,"b":{NINES_400}}}'), "/readings/0/values/b"),
        (values('{"a":1,"b":2,"a":1}'), "/readings/0/values/a"),
        (b'{"readings":[{"values":{"a":"x"}}],"readings":[]}', "/readings/0/values"),
        (b'{"readings":[{"values":{"a":"x"}}],"readings":5}', "/readings/0/values"),
        (b'{"readings":[{"values":{"a":"x"}}],"readings":[{"values":[]}]}', "/readings/0/values"),
        (b'{"x` - at `$.boot[...]":1}', "/boot/x"),
        # a name too long to be quoted
        (one(READING).replace(b'"boot"', b'"' + b"b" * 60_000 + b'"'), ""),
        (values('{"' + "b" * 60_000 + '":1}'), "/readings/0/values"),
        # msgspec names no member and the rest cannot be read as JSON to find it
        (values('{"ok":1,"b":1e400}'), "/readings/0/values"),
        (values('{"ok":1,"b":' + DEEP), "/readings/0/values"),
    ],
)
def test_what_is_json_but_no_reading(body: bytes, pointer: str) -> None:
    with pytest.raises(ProblemError) as caught:
        decode_plain_body(body)
    assert (caught.value.kind.code, caught.value.pointer) == ("invalid_reading", pointer)
    assert 0 < len(caught.value.detail) <= 200


def test_a_seq_sent_twice_with_equal_values_counts_once() -> None:
    again = READING.replace("120", "999").replace("512", "512.0")
    assert [reading.age_ms for reading in decode_plain_body(one(f"{READING},{again}")).readings] == [120]


def test_a_seq_sent_twice_with_other_values_is_a_conflict() -> None:
    other: Any = READING.replace("512", "513")
    assert refused(one(f"{READING},{other}")) == ("identity_conflict", "/readings/1")
