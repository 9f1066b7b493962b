"""The entry in the outbox says exactly what the line of the same reading says to an agent."""

import json
import math
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.cloud.logging_v2.types import WriteLogEntriesRequest
from google.protobuf import json_format  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from unoingest.cloud_entry import TEMPLATES_MAX, encode_frame
from unoingest.log_profile import PROFILES
from unoingest.reading_log import ReadingLog
from unoingest.store import NewReading, NewStatus
from unoingest.structured_log import use_profile
from unoingest.trace_context import TraceContext

RECEIVED_AT_NS = 1_795_250_000_000_000_007
TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
PREFIX = "logging.googleapis.com/"

names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.none()
traces = st.none() | st.builds(
    TraceContext,
    st.from_regex(r"[0-9a-f]{31}1", fullmatch=True),
    st.from_regex(r"[0-9a-f]{15}1", fullmatch=True),
    st.booleans(),
)
batches = st.builds(
    ReadingLog,
    st.from_regex(r"[A-Za-z0-9._-]{1,32}", fullmatch=True),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**62),
    trace=traces,
    project=st.sampled_from(["", "my-project"]),
    encode_frame=st.just(encode_frame),
)


def reading(log: ReadingLog, seq: int, age_ms: int | None, values: dict[str, Any]) -> NewReading:
    return log.reading(seq, age_ms, values, msgspec.json.encode(values))


def entry_of_frame(frame: bytes) -> dict[str, Any]:
    """Return the one entry of a frame in the JSON form of the API, numbers as doubles."""
    (entry,) = WriteLogEntriesRequest.pb().FromString(frame).entries
    fields: dict[str, Any] = json_format.MessageToDict(entry)
    return fields


def entry_of_line(line: bytes) -> dict[str, Any]:
    """Return what an agent makes of a line: the special fields taken out, the rest as payload."""
    payload = json.loads(line, parse_int=float)
    seconds, nanos = int(payload.pop("timestampSeconds")), int(payload.pop("timestampNanos"))
    timestamp = WriteLogEntriesRequest.pb()().entries.add().timestamp
    timestamp.seconds, timestamp.nanos = seconds, nanos
    entry = {
        "severity": payload.pop("severity"),
        "timestamp": timestamp.ToJsonString(),
        "insertId": payload.pop(PREFIX + "insertId"),
        "labels": payload.pop(PREFIX + "labels"),
        "trace": payload.pop(PREFIX + "trace"),
    }
    if PREFIX + "spanId" in payload:
        entry["spanId"] = payload.pop(PREFIX + "spanId")
    if payload.pop(PREFIX + "trace_sampled", False):
        entry["traceSampled"] = True
    return {**entry, "jsonPayload": payload}


def assert_they_say_the_same(made: NewReading | NewStatus) -> None:
    assert entry_of_frame(made.frame) == entry_of_line(made.log_line)


@given(batches, st.integers(0, 2**32 - 1), st.none() | st.integers(0, 2**33), st.data())
def test_line_and_entry_say_the_same(log: ReadingLog, seq: int, age_ms: int | None, data: Any) -> None:
    values = data.draw(st.dictionaries(names, numbers, min_size=1, max_size=32))
    assert_they_say_the_same(reading(log, seq, age_ms, values))
    counters = data.draw(st.dictionaries(names, st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=16))
    assert_they_say_the_same(log.status(seq, counters))


def test_nothing_of_the_entry_before_stays_in_the_next() -> None:
    first = ReadingLog("a", 1, RECEIVED_AT_NS, trace=TRACE, project="p-12345", encode_frame=encode_frame)
    second = ReadingLog("b", 2, RECEIVED_AT_NS + 1, encode_frame=encode_frame)
    for log, value in [(first, 2**60), (second, None), (first, 1.5), (second, 2**60 + 1)]:
        assert_they_say_the_same(reading(log, 17, None, {"a0": value}))


def test_more_sets_of_channels_than_are_kept() -> None:
    log = ReadingLog("a", 1, RECEIVED_AT_NS, encode_frame=encode_frame)
    for number in [*range(TEMPLATES_MAX + 2), 0]:
        assert_they_say_the_same(reading(log, 1, 0, {f"c{number}": math.pi}))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_does_not_grow_with_the_readings() -> None:
    log = ReadingLog("a", 1, RECEIVED_AT_NS, encode_frame=encode_frame)

    def encode(count: int) -> None:
        for seq in range(count):
            log.reading(seq, seq, {"a0": seq}, b"0")

    encode(5_000)
    before_bytes = resident_bytes()
    encode(60_000)
    # 9.6 MB if the messages kept what was ever in them
    assert resident_bytes() - before_bytes < 2_000_000


@pytest.mark.parametrize("profile", PROFILES)
def test_the_entry_does_not_depend_on_who_reads_the_lines(profile: str) -> None:
    frames = set()
    for name in (profile, "gke"):
        use_profile(name)
        log = ReadingLog("a", 1, RECEIVED_AT_NS, trace=TRACE, encode_frame=encode_frame)
        frames.add(reading(log, 1, 0, {"a0": 1}).frame)
    assert len(frames) == 1


def test_without_an_outbox_there_is_no_entry() -> None:
    log = ReadingLog("a", 1, RECEIVED_AT_NS)
    assert (reading(log, 1, 0, {"a0": 1}).frame, log.status(1, {"retries": 1}).frame) == (b"", b"")
