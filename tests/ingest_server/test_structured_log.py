"""The structured log lines, held against an explicit model of the agents' special fields."""

import json
import os
import re
import threading
from typing import Any

import pytest

from unoingest import structured_log
from unoingest.plain_body import decode_plain_body
from unoingest.reading_log import ReadingLog
from unoingest.structured_log import LINE_BYTES_MAX, encode_event
from unoingest.trace_context import TraceContext

RECEIVED_AT_NS = 1_795_250_000_000_000_007
TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)

SEVERITIES = {"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}
HEX_TRACE = r"[0-9a-f]{32}"
# key -> (type, form of its text); any other key at top level must be of the payload
SPECIAL_FIELDS: dict[str, tuple[type, str]] = {
    "severity": (str, "|".join(SEVERITIES)),
    "message": (str, r"(?s).+"),
    "timestampSeconds": (int, r"\d{1,10}"),
    "timestampNanos": (int, r"\d{1,9}"),
    "logging.googleapis.com/insertId": (str, r"[0-9a-f]{16}-\d{10}-\d{10}"),
    "logging.googleapis.com/labels": (dict, r".*"),
    "logging.googleapis.com/trace": (str, rf"(projects/[a-z0-9.:-]+/traces/)?{HEX_TRACE}"),
    "logging.googleapis.com/spanId": (str, r"[0-9a-f]{16}"),
    "logging.googleapis.com/trace_sampled": (bool, r"True|False"),
}


def checked(line: bytes, *payload_keys: str) -> dict[str, Any]:
    """Return the parsed line after holding it against the model."""
    assert len(line) <= LINE_BYTES_MAX
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    entry: dict[str, Any] = json.loads(line)
    for key in entry.keys() - set(payload_keys):
        kind, form = SPECIAL_FIELDS[key]
        assert type(entry[key]) is kind, key
        assert re.fullmatch(form, str(entry[key])), (key, entry[key])
    assert 0 <= entry["timestampNanos"] < 1_000_000_000
    labels = entry.get("logging.googleapis.com/labels", {})
    assert len(labels) <= 64
    assert all(type(value) is str for value in labels.values())
    return entry


def reading_line(**changes: Any) -> bytes:
    call: dict[str, Any] = {"device": "uno-1", "boot": 3, "trace": None, "project": "", "seq": 17}
    call |= {"values": {"a0": 512}, "age_ms": 120, "received_at_ns": RECEIVED_AT_NS, **changes}
    context = {name: call[name] for name in ("trace", "project")}
    log = ReadingLog(call["device"], call["boot"], call["received_at_ns"], **context)
    return log.reading(
        call["seq"], call["age_ms"], call["values"], json.dumps(call["values"]).encode()
    ).log_line


def test_a_reading_in_full() -> None:
    assert checked(reading_line(), "reading") == {
        "severity": "INFO",
        "message": "reading uno-1 boot 3 seq 17",
        "timestampSeconds": 1_795_250_000,
        "timestampNanos": 7,
        "logging.googleapis.com/insertId": "88ff50feb91365bc-0000000003-0000000017",
        "logging.googleapis.com/labels": {"device": "uno-1", "boot": "3"},
        "logging.googleapis.com/trace": "379ea5cd8f5bdd6bd0d159504eb80da8",
        "reading": {
            "device": "uno-1",
            "boot": 3,
            "seq": 17,
            "age_ms": 120,
            "timestamp": "2026-11-21T08:33:19.880000007Z",
            "values": {"a0": 512},
        },
    }


def test_a_trace_of_the_request() -> None:
    entry = checked(reading_line(trace=TRACE, project="my-project-1"), "reading")
    assert entry["logging.googleapis.com/trace"] == f"projects/my-project-1/traces/{TRACE.trace_id}"
    assert entry["logging.googleapis.com/spanId"] == TRACE.span_id
    assert entry["logging.googleapis.com/trace_sampled"] is True


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**53), -(2**53)),
        (-(2**53) - 1, "-9007199254740993"),
        (1.5, 1.5),
        (1e300, 1e300),
    ],
)
def test_integers_that_a_double_cannot_hold_are_texts(sent: float, logged: float | str) -> None:
    logged_value = checked(reading_line(values={"a": sent}), "reading")["reading"]["values"]["a"]
    assert (type(logged_value), logged_value) == (type(logged), logged)


def test_insert_ids_have_one_width_and_sort_by_boot_and_seq() -> None:
    identities = [(0, 0), (0, 9), (0, 10), (0, 2**32 - 1), (1, 0), (10, 5), (2**32 - 1, 2**32 - 1)]
    ids = [
        json.loads(reading_line(boot=boot, seq=seq))["logging.googleapis.com/insertId"]
        for boot, seq in identities
    ]
    assert ids == sorted(set(ids))
    other = json.loads(reading_line(device="x" * 32))["logging.googleapis.com/insertId"]
    assert len({len(i) for i in [*ids, other]}) == 1


def test_an_insert_id_follows_from_the_identity_alone() -> None:
    later = {
        "received_at_ns": RECEIVED_AT_NS + 86_400_000_000_000,
        "age_ms": 5,
        "trace": TRACE,
        "project": "p",
    }
    ids = {
        json.loads(reading_line(**changes))["logging.googleapis.com/insertId"]
        for changes in ({}, later, {"values": {"a1": 3}})
    }
    assert len(ids) == 1


def test_the_line_depends_on_nothing_but_the_reading() -> None:
    assert reading_line() == reading_line()


@pytest.mark.parametrize("number", [-9223372036854775808, -1.7976931348623157e308, -2.2250738585072014e-308])
def test_the_longest_valid_reading_fits_one_write(number: float) -> None:
    names = [f"channel_______{n:02d}" for n in range(32)]
    body = json.dumps(
        {
            "device": "x" * 32,
            "boot": 2**32 - 1,
            "readings": [{"seq": 2**32 - 1, "age_ms": 2**32 - 1, "values": dict.fromkeys(names, number)}],
        }
    )
    batch = decode_plain_body(body.encode())
    (reading,) = batch.readings
    line = reading_line(
        device=batch.device,
        boot=batch.boot,
        seq=reading.seq,
        age_ms=reading.age_ms,
        values=reading.values,
        trace=TRACE,
        project="d" * 63 + ":" + "p" * 30,  # the longest that the command line takes
    )
    assert len(names[0]) == 16
    checked(line, "reading")


@pytest.mark.parametrize(
    "text", ["", "plain", "x" * 10_000, "\x00" * 5000, "\n" * 5000, "ü" * 5000, "😀" * 5000, "\udcff" * 9]
)
def test_service_events_fit_one_write_whatever_they_quote(text: str) -> None:
    fields = {"problem": {"detail": text, "code": "c"}, "stack_trace": text + "LAST LINE"}
    entry = checked(encode_event("ERROR", "e", text + ".", 5, fields), "event", "problem", "stack_trace")
    assert entry["stack_trace"].endswith("LAST LINE")
    assert entry["event"] == "e"


@pytest.mark.parametrize(
    "sign", ["\x7f", "\x85", "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\x1b[2J", "\n", "\0"]
)
def test_what_a_client_sent_does_nothing_where_an_event_is_shown(sign: str) -> None:
    line = encode_event("WARNING", "e", f"a{sign}b", 5, {"path": sign * 2000})
    text = line.decode()
    assert text.splitlines() == [text[:-1]]
    assert sign[0] not in text[:-1]
    assert json.loads(line)["message"] == f"a{sign}b"
    assert set(json.loads(line)["path"]) <= {*sign, "…"}


def test_lines_of_many_threads_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    monkeypatch.setattr(structured_log, "STDOUT", write_end)
    lines = {reading_line(seq=seq, values={f"c{n}": n for n in range(32)}) for seq in range(200)}

    def write(share: list[bytes]) -> None:
        for line in share:
            structured_log.write_stdout(line)

    threads = [threading.Thread(target=write, args=(sorted(lines)[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    received = b""
    while received.count(b"\n") < len(lines):
        received += os.read(read_end, 65536)
    for thread in threads:
        thread.join()
    os.close(read_end)
    os.close(write_end)
    assert set(received.splitlines(keepends=True)) == lines


def test_a_line_cut_short_by_the_system_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unoingest.structured_log.os.write", lambda _fd, line: len(line) - 1)
    with pytest.raises(OSError, match="only 2 of 3 bytes"):
        structured_log.write_stdout(b"ab\n")


def test_a_service_log_that_nobody_reads_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    monkeypatch.setattr(structured_log, "STDERR", write_end)
    monkeypatch.setattr(structured_log, "STDOUT", write_end)
    structured_log.write_stderr(b"{}\n")
    with pytest.raises(BrokenPipeError):
        structured_log.write_stdout(b"{}\n")
    os.close(write_end)
