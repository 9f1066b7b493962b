"""The fake Cloud Logging without a wire: what is written, refused, exported and found."""

import re
from pathlib import Path
from typing import Any

import pytest
from google.cloud.logging_v2.types import (
    ListLogEntriesRequest,
    WriteLogEntriesPartialErrors,
    WriteLogEntriesRequest,
)
from google.rpc import code_pb2, error_details_pb2  # type: ignore[import-untyped]

from unoingest.fake_cloud.faults import FAULTS, FaultPlan
from unoingest.fake_cloud.filters import FilterError, parse_filter
from unoingest.fake_cloud.log import ENTRY_BYTES_MAX, CallError, FakeLog

LOG = "projects/p/logs/l"
NOW_NS = 1_795_250_000_000_000_000
NOW_S = NOW_NS // 1_000_000_000
DAY_S = 86_400


def entry(insert_id: str = "", seconds: int = NOW_S, **fields: Any) -> dict[str, Any]:
    return {"insert_id": insert_id, "timestamp": {"seconds": seconds}, "text_payload": "x", **fields}


def request(*entries: dict[str, Any], **fields: Any) -> Any:
    return WriteLogEntriesRequest.pb(
        WriteLogEntriesRequest({"log_name": LOG, "entries": list(entries), **fields})
    )


def query(**fields: Any) -> Any:
    return ListLogEntriesRequest.pb(ListLogEntriesRequest({"resource_names": ["projects/p"], **fields}))


def ids(entries: list[Any]) -> list[str]:
    return [found.insert_id for found in entries]


def fake(*script: str) -> FakeLog:
    return FakeLog(FaultPlan(script=script), clock_ns=lambda: NOW_NS, sleep_s=lambda _seconds: None)


def test_a_query_shows_duplicates_once_and_the_export_shows_them_all() -> None:
    log = fake()
    log.write(request(entry("b"), entry("a")))
    log.write(request(entry("a"), entry("a", NOW_S - 1), entry("a", log_name="projects/q/logs/l")))
    assert ids(log.exported()) == ["b", "a", "a", "a", "a"]
    assert ids(log.view()) == ["a", "a", "a", "b"]
    assert [(e.timestamp.seconds - NOW_S, e.insert_id) for e in log.view({"projects/p"})] == [
        (-1, "a"),
        (0, "a"),
        (0, "b"),
    ]


def test_entries_without_an_id_are_never_duplicates() -> None:
    log = fake()
    log.write(request(entry(), entry()))
    assert len(set(ids(log.view()))) == 2


def test_defaults_of_the_request_fill_gaps_only() -> None:
    log = fake()
    own = entry("b", labels={"a": "own"}, log_name="projects/p/logs/own", resource={"type": "own"})
    log.write(request(entry("a"), own, labels={"a": "1", "b": "2"}, resource={"type": "global"}))
    first, second = log.exported()
    assert (first.log_name, first.resource.type, dict(first.labels)) == (LOG, "global", {"a": "1", "b": "2"})
    assert (second.log_name, second.resource.type) == ("projects/p/logs/own", "own")
    assert dict(second.labels) == {"a": "own", "b": "2"}
    assert first.receive_timestamp.ToNanoseconds() == NOW_NS


def test_the_service_gives_a_time_to_an_entry_that_has_none() -> None:
    log = fake()
    log.write(request({"text_payload": "x"}))
    assert log.exported()[0].timestamp.ToNanoseconds() == NOW_NS


def test_an_entry_older_than_30_days_is_accepted_and_never_found() -> None:
    log = fake()
    log.write(request(entry("in", NOW_S - 30 * DAY_S), entry("out", NOW_S - 30 * DAY_S - 1)))
    assert (ids(log.view()), ids(log.exported())) == (["in"], ["in", "out"])


REFUSED = [
    (entry(seconds=NOW_S + DAY_S + 1), "24 hours"),
    (entry(text_payload="x" * ENTRY_BYTES_MAX), "exceeds maximum size"),
    (entry(labels={str(n): "" for n in range(65)}), "65 labels"),
    (entry(log_name="nonsense"), "Log name"),
]
TAKEN = [
    entry(seconds=NOW_S + DAY_S),
    entry(text_payload="x" * (ENTRY_BYTES_MAX - 200)),
    entry(labels={str(n): "" for n in range(64)}),
    entry(log_name="folders/p/logs/l"),
]


@pytest.mark.parametrize(("bad", "message"), REFUSED)
def test_one_bad_entry_keeps_all_out(bad: dict[str, Any], message: str) -> None:
    log = fake()
    with pytest.raises(CallError, match=message) as caught:
        log.write(request(entry(), bad))
    assert (caught.value.status.code, list(caught.value.status.details)) == (code_pb2.INVALID_ARGUMENT, [])
    assert log.exported() == []


def test_with_partial_success_good_entries_are_written_and_the_others_named() -> None:
    log = fake()
    entries = [piece for pair in zip(TAKEN, (bad for bad, _ in REFUSED), strict=True) for piece in pair]
    with pytest.raises(CallError) as caught:
        log.write(request(*entries, partial_success=True))
    partial = WriteLogEntriesPartialErrors.pb()()
    assert caught.value.status.details[0].Unpack(partial)
    assert sorted(partial.log_entry_errors) == [1, 3, 5, 7]
    assert {error.code for error in partial.log_entry_errors.values()} == {code_pb2.INVALID_ARGUMENT}
    assert len(log.exported()) == len(TAKEN)


def test_a_dry_run_judges_and_writes_nothing() -> None:
    log = fake()
    log.write(request(entry(), dry_run=True))
    with pytest.raises(CallError):
        log.write(request(REFUSED[0][0], dry_run=True))
    assert log.exported() == []


def test_a_request_beyond_10_mib_is_refused_whole() -> None:
    log = fake()
    with pytest.raises(CallError, match="Request payload size exceeds the limit: 10485760 bytes") as caught:
        log.write(request(*[entry(text_payload="x" * 250_000)] * 42, partial_success=True))
    assert (list(caught.value.status.details), log.exported()) == ([], [])


@pytest.mark.parametrize("name", FAULTS)
def test_named_faults(name: str) -> None:
    fault, log = FAULTS[name], fake(name)
    if fault.code == code_pb2.OK:
        log.write(request(entry("a")))
    else:
        with pytest.raises(CallError) as caught:
            log.write(request(entry("a")))
        assert caught.value.status.code == fault.code
        info = error_details_pb2.RetryInfo()
        assert [detail.Unpack(info) for detail in caught.value.status.details] == [True] * bool(
            fault.retry_ms
        )
        assert info.retry_delay.ToMilliseconds() == (fault.retry_ms or 0)
    assert ids(log.exported()) == ["a"] * (fault.after_write or fault.code == code_pb2.OK)
    log.write(request(entry("b")))
    assert "b" in ids(log.exported())


def test_a_slow_call_is_held_up() -> None:
    slept: list[float] = []
    log = FakeLog(FaultPlan(script=["slow"]), clock_ns=lambda: NOW_NS, sleep_s=slept.append)
    log.write(request(entry()))
    assert slept == [FAULTS["slow"].delay_ms / 1000]


def test_rates_are_drawn_with_a_seed() -> None:
    draws = [
        [FaultPlan({"quota": 0.2, "internal": 0.1}, seed=seed).draw() for _ in range(1)] for seed in (7, 7)
    ]
    assert draws[0] == draws[1]
    plan = FaultPlan({"quota": 0.2, "internal": 0.1}, seed=7)
    drawn = [plan.draw() for _ in range(10_000)]
    assert 1800 < drawn.count(FAULTS["quota"]) < 2200
    assert 850 < drawn.count(FAULTS["internal"]) < 1150
    assert 6700 < drawn.count(None) < 7300


@pytest.mark.parametrize(
    "rates", [{"nonsense": 0.1}, {"quota": 1.1}, {"quota": -0.1}, {"quota": 0.6, "slow": 0.6}]
)
def test_plans_that_make_no_sense(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"no fault is called|shares"):
        FaultPlan(rates)


SAMPLE = {
    "logName": LOG,
    "timestamp": "2026-11-21T10:00:00.5Z",
    "severity": "WARNING",
    "labels": {"device": "uno-1", "a/b": "c"},
    "jsonPayload": {"reading": {"seq": 17.0, "ok": True}, "text": 'say "hi"'},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        (f'logName="{LOG}"', True),
        (f'logName = "{LOG}" AND severity>=WARNING', True),
        ("severity>=ERROR", False),
        ("severity<ERROR severity!=INFO", True),
        ('timestamp>="2026-11-21T10:00:00Z"', True),
        ('timestamp>="2026-11-21T10:00:00.500000Z" AND timestamp<="2026-11-21T10:00:00.5Z"', True),
        ('timestamp>"2026-11-21T10:00:00.5Z"', False),
        ('timestamp>="2026-11-22"', False),
        ('timestamp>="2026-11-21T11:00:00.5+0100"', True),
        ('timestamp>="2026-11-21T11:00:00.5+00:00"', False),
        ("labels.device=uno-1", True),
        ('labels."a/b"="c"', True),
        ("labels.missing!=x", False),
        ("labels.device:*", True),
        ("labels.missing:*", False),
        ("labels.device:UNO", True),
        ("jsonPayload.reading.seq=17", True),
        ("jsonPayload.reading.seq<17", False),
        ("jsonPayload.reading.ok=true", True),
        (r'jsonPayload.text="say \"hi\""', True),
    ],
)
def test_filters(text: str, holds: bool) -> None:
    assert parse_filter(text)(SAMPLE) is holds


@pytest.mark.parametrize(
    "text",
    [
        "error",
        "severity=ERROR OR severity=INFO",
        "NOT severity=INFO",
        "(severity=INFO)",
        "severity=INFO)",
        "severity>=LOUD",
        'timestamp>="yesterday"',
        'logName="unfinished',
    ],
)
def test_filters_that_are_not_understood_are_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)
    with pytest.raises(CallError) as caught:
        fake().list_entries(query(filter=text))
    assert caught.value.status.code == code_pb2.INVALID_ARGUMENT


def test_pages_and_order() -> None:
    log = fake()
    log.write(request(*[entry(str(n), NOW_S - n) for n in range(5)]))
    found, token = log.list_entries(query(page_size=2, order_by="timestamp desc"))
    assert ids(found) == ["0", "1"]
    found, token = log.list_entries(query(page_size=2, page_token=token))
    assert ids(found) == ["2", "1"]
    found, token = log.list_entries(query(page_size=2, page_token=token))
    assert (ids(found), token) == (["0"], "")
    for wrong in ({"order_by": "severity"}, {"page_token": "x"}):
        with pytest.raises(CallError):
            log.list_entries(query(**wrong))


def test_the_document_names_every_fault() -> None:
    document = (Path(__file__).parents[2] / "docs" / "fake-cloud.md").read_text()
    table = document[document.index("## Faults") :]
    assert set(re.findall(r"`([a-z_]+)`", table)) == FAULTS.keys()


def test_long_labels_are_cut_without_a_word() -> None:
    log = fake()
    log.write(request(entry(labels={"k" * 600: "v", "ü": "ü" * 40_000}), labels={"r" * 513: "x"}))
    labels = dict(log.exported()[0].labels)
    assert labels == {"k" * 512: "v", "ü": "ü" * 32_768, "r" * 512: "x"}


@pytest.mark.parametrize(("resources", "is_taken"), [(1000, True), (1001, False)])
def test_a_request_has_a_thousand_resources_at_most(resources: int, is_taken: bool) -> None:
    log = fake()
    entries = [entry(resource={"type": "t", "labels": {"n": str(n % resources)}}) for n in range(1100)]
    if is_taken:
        log.write(request(*entries, partial_success=True))
    else:
        with pytest.raises(CallError, match="1000 different resources"):
            log.write(request(*entries, partial_success=True))
    assert len(log.exported()) == (1100 if is_taken else 0)


def test_labels_of_the_request_count_in_each_entry() -> None:
    of_entry = {str(n): "" for n in range(60)}
    fake().write(request(entry(labels=of_entry), labels=dict.fromkeys("0123", "")))
    fake().write(request(entry(labels=of_entry), labels=dict.fromkeys("abcd", "")))
    with pytest.raises(CallError, match="65 labels"):
        fake().write(request(entry(labels=of_entry), labels=dict.fromkeys("abcde", "")))


def test_the_same_entries_are_poison_each_time() -> None:
    plan = FaultPlan(poison_rate=0.25)
    log = FakeLog(plan, clock_ns=lambda: NOW_NS)
    sent = [entry(str(n)) for n in range(400)]
    for _ in range(2):
        with pytest.raises(CallError, match="refused by the fault plan"):
            log.write(request(*sent, partial_success=True))
    assert 250 < len(log.view()) < 350
    assert len(log.exported()) == 2 * len(log.view())
    assert not any(plan.is_poison(found.insert_id) for found in log.view())
