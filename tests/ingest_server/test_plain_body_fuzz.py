"""Any bytes get a verdict, and it is that of a second, slower reading of the rules."""

import json
import math
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unoingest.plain_body import decode_plain_body
from unoingest.problems import ProblemError

COUNTER = st.one_of(st.integers(-1, 3), st.sampled_from([2**32 - 1, 2**32, 1.0, True, None, "1"]))
NUMBER = st.one_of(
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**63, -(2**63), True]),
)
NAME = st.sampled_from(["a", "b_1", "x" * 16, "x" * 17, "A", "1a", "", "a:b", "é"])
READING = st.fixed_dictionaries(
    {"seq": COUNTER, "age_ms": COUNTER, "values": st.dictionaries(NAME, NUMBER, max_size=4)},
    optional={"unit": st.just("V")},
)
REQUEST = st.fixed_dictionaries(
    {
        "device": st.sampled_from(["uno-1", "x" * 32, "x" * 33, "", "uno 1", 7]),
        "boot": COUNTER,
        "readings": st.lists(READING, max_size=3),
    },
    optional={"time": st.integers()},
)


def is_counter(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**32


def is_number(value: Any) -> bool:
    if type(value) is int:
        return bool(-(2**63) <= value < 2**63)
    return type(value) is float and math.isfinite(value)


def is_reading(reading: Any) -> bool:
    return (
        reading.keys() == {"seq", "age_ms", "values"}
        and is_counter(reading["seq"])
        and is_counter(reading["age_ms"])
        and 1 <= len(reading["values"]) <= 32
        and all(re.fullmatch("[a-z][a-z0-9_]{0,15}", name) for name in reading["values"])
        and all(is_number(value) for value in reading["values"].values())
    )


def expected_code(request: Any) -> str | None:
    if not (
        request.keys() == {"device", "boot", "readings"}
        and isinstance(request["device"], str)
        and re.fullmatch("[A-Za-z0-9._-]{1,32}", request["device"])
        and is_counter(request["boot"])
        and request["readings"]
        and all(is_reading(reading) for reading in request["readings"])
    ):
        return "invalid_reading"
    values_by_seq: dict[int, Any] = {}
    for reading in request["readings"]:
        if values_by_seq.setdefault(reading["seq"], reading["values"]) != reading["values"]:
            return "identity_conflict"
    return None


def code_of(body: bytes) -> str | None:
    try:
        decode_plain_body(body)
    except ProblemError as problem:
        return problem.kind.code
    return None


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(REQUEST)
def test_two_readings_of_the_rules_agree(request: Any) -> None:
    assert code_of(json.dumps(request).encode()) == expected_code(request)


@settings(deadline=None, derandomize=True, database=None, max_examples=100)
@given(
    st.one_of(
        st.binary(), st.text().map(str.encode), st.recursive(NUMBER, st.lists).map(json.dumps).map(str.encode)
    )
)
def test_whatever_comes_gets_a_verdict(body: bytes) -> None:
    assert code_of(body) in {"malformed_json", "invalid_reading"}


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(st.integers(0, 91), st.integers(0, 255))
def test_one_damaged_byte_gets_a_verdict(place: int, byte: int) -> None:
    body = bytearray(
        b'{"device":"uno-1","boot":3,"readings":[{"seq":17,"age_ms":120,"values":{"a0":512,"a1":300}}]}'
    )
    body[place] = byte
    assert code_of(bytes(body)) in {None, "malformed_json", "invalid_reading"}
