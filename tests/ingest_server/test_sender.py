"""The sender: a real store, a real channel, and a fake service that does to it what the real one may."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from pytest_mock import MockerFixture

from unoingest.cloud_entry import encode_frame
from unoingest.delivery import sender as sender_module
from unoingest.delivery.cloud import Cloud
from unoingest.delivery.sender import AGE_NS_MAX, STORE_WAIT_S, Sender
from unoingest.delivery.verdicts import EntryError, WriteError
from unoingest.fake_cloud.faults import FAULTS, FaultPlan
from unoingest.fake_cloud.grpc_front import GrpcFront
from unoingest.fake_cloud.log import ENTRY_BYTES_MAX, FakeLog
from unoingest.outbox import DeadLetter, Outbox, OutboxRow, read_backlog, read_dead_letters
from unoingest.reading_log import ReadingLog
from unoingest.sqlite_file import connect_reader
from unoingest.store import NewBatch, NewReading, SqliteStore

NOW_NS = 1_795_250_000_123_456_789
PROJECT = "demo-project"


@dataclass
class Delivery:
    """A store with an outbox, a fake service, and one lane of a sender between them that waits in no time."""

    store: SqliteStore
    log: FakeLog
    cloud: Any
    waits: list[float] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    on_wait: Callable[[float], None] = lambda _seconds: None

    def add(self, *seqs: int, boot: int = 3, received_at_ns: int = NOW_NS, filler: str = "") -> None:
        encoder = ReadingLog("uno-1", boot, received_at_ns, project=PROJECT, encode_frame=encode_frame)
        readings = []
        for seq in seqs:
            made = encoder.reading(seq, 120, {"a0": seq}, b'{"a0":%d}' % seq)
            frame = encode_large(filler) if filler else made.frame
            readings.append(NewReading(seq, made.timestamp_ns, made.values_json, made.log_line, frame))
        self.store.add(NewBatch("uno-1", boot, received_at_ns, tuple(readings)))

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.on_wait(seconds)
        return False

    def run(self, outbox: Outbox | None = None) -> None:
        with closing(outbox or Outbox(self.store.path, self.store.commits)) as taken_from:
            options: dict[str, Any] = {"is_draining": True, "clock_ns": lambda: NOW_NS, "wait": self.wait}
            log = lambda line: self.events.append(json.loads(line))  # noqa: E731 - one use
            Sender(taken_from, self.cloud, log=log, **options).run_lane()

    def delivered(self) -> list[int]:
        return [int(entry.json_payload["reading"]["seq"]) for entry in self.log.view()]

    def left(self) -> int:
        with closing(connect_reader(self.store.path)) as connection:
            return read_backlog(connection).entries

    def dead(self) -> list[DeadLetter]:
        with closing(connect_reader(self.store.path)) as connection:
            return list(read_dead_letters(connection))

    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


def encode_large(filler: str) -> bytes:
    from google.cloud.logging_v2.types import WriteLogEntriesRequest  # noqa: PLC0415 - one use

    entry = {"insert_id": "large", "text_payload": filler}
    frame: bytes = WriteLogEntriesRequest.pb(WriteLogEntriesRequest({"entries": [entry]})).SerializeToString()
    return frame


@contextmanager
def delivering(store: SqliteStore, *script: str, **plan: Any) -> Iterator[Delivery]:
    log = FakeLog(FaultPlan(script=script, **plan), clock_ns=lambda: NOW_NS, sleep_s=lambda _seconds: None)
    with closing(GrpcFront(log)) as front, closing(Cloud(PROJECT, f"127.0.0.1:{front.port}")) as cloud:
        yield Delivery(store, log, cloud)


def test_what_is_in_the_outbox_reaches_the_log(store: SqliteStore) -> None:
    with delivering(store) as delivery:
        delivery.add(1, 2)
        delivery.add(3)
        delivery.run()
        assert (delivery.delivered(), delivery.left(), delivery.names()) == ([1, 2, 3], 0, [])
        entry = delivery.log.view()[0]
    assert entry.log_name == f"projects/{PROJECT}/logs/unolink"
    assert (entry.resource.type, entry.resource.labels["namespace"]) == ("generic_node", "unolink")
    assert entry.timestamp.ToNanoseconds() == NOW_NS
    assert entry.trace.startswith(f"projects/{PROJECT}/traces/")


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code])
def test_no_failure_of_a_call_loses_anything_or_shows_it_twice(store: SqliteStore, name: str) -> None:
    with delivering(store, name, name, "", name) as delivery:
        delivery.add(*range(5))
        delivery.run()
        delivery.add(*range(5, 9))
        delivery.run()
        assert (delivery.delivered(), delivery.left(), delivery.dead()) == (list(range(9)), 0, [])
    assert len(delivery.waits) == 3
    severity = "ERROR" if "needs a human" in delivery.events[0]["message"] else "WARNING"
    assert [event["severity"] for event in delivery.events] == [severity, "INFO"] * 2


def test_the_services_own_wait_is_kept(store: SqliteStore, mocker: MockerFixture) -> None:
    mocker.patch.dict(
        FAULTS, {"quota": FAULTS["quota"].__class__(code_pb2.RESOURCE_EXHAUSTED, retry_ms=9000)}
    )
    with delivering(store, "quota") as delivery:
        delivery.add(1)
        delivery.run()
    assert delivery.waits == [9.0]


def test_what_is_refused_by_name_is_a_dead_letter_and_its_neighbours_are_written(
    store: SqliteStore, mocker: MockerFixture
) -> None:
    with delivering(store) as delivery:
        calls = mocker.spy(delivery.log, "write")
        delivery.add(1, 2)
        delivery.add(3, filler="x" * ENTRY_BYTES_MAX)
        delivery.add(4)
        delivery.run()
        assert (delivery.delivered(), delivery.left()) == ([1, 2, 4], 0)
        # in the one call that it takes: nothing had to be narrowed down
        assert calls.call_count == 1
        (letter,) = delivery.dead()
    assert "exceeds maximum size" in letter.reason
    assert (letter.received_at_ns, letter.failed_at_ns) == (NOW_NS, NOW_NS)
    (event,) = delivery.events
    assert (event["event"], event["severity"], event["count"]) == ("entries_refused", "ERROR", 1)
    assert "exceeds maximum size" in event["reasons"][0]


class ScriptedCloud:
    """Refuses as it is told to, and keeps what it takes."""

    def __init__(self, *errors: Callable[[list[bytes]], WriteError | None]) -> None:
        self.errors = list(errors)
        self.calls: list[list[bytes]] = []
        self.taken: list[bytes] = []

    def write(self, frames: bytes) -> None:
        parts = [
            frame for _, frame in sender_module.letters_of(OutboxRow(1, NOW_NS, 1, frames, is_sound=True))
        ]
        self.calls.append(parts)
        error = self.errors.pop(0)(parts) if self.errors else None
        refused = error.entry_errors if error else {}
        if error is None or refused:
            self.taken += [part for index, part in enumerate(parts) if index not in refused]
        if error is not None:
            raise error


def invalid_if_any(is_bad: Callable[[bytes], bool]) -> Callable[[list[bytes]], WriteError | None]:
    def answer(parts: list[bytes]) -> WriteError | None:
        return WriteError(code_pb2.INVALID_ARGUMENT, "one of them") if any(map(is_bad, parts)) else None

    return answer


def test_a_refusal_that_names_no_entry_is_narrowed_down(store: SqliteStore) -> None:
    bad = {b"0000000003-0000000003", b"0000000003-0000000011"}
    answer = invalid_if_any(lambda frame: any(one in frame for one in bad))
    delivery = Delivery(store, FakeLog(), ScriptedCloud(*[answer] * 100))
    delivery.add(*range(16))
    delivery.run()
    assert len(delivery.cloud.taken) == 14
    assert [letter.reason for letter in delivery.dead()] == ["one of them"] * 2
    assert all(any(one in letter.frame for one in bad) for letter in delivery.dead())
    # two of sixteen: far fewer calls than one for each
    assert len(delivery.cloud.calls) < 16
    assert (delivery.left(), delivery.waits) == (0, [])


def test_entries_that_were_refused_for_now_are_written_again_and_no_others(store: SqliteStore) -> None:
    errors = {
        0: EntryError(code_pb2.UNAVAILABLE, "later"),
        2: EntryError(code_pb2.INVALID_ARGUMENT, "never"),
    }
    answer = WriteError(code_pb2.UNAVAILABLE, "some", entry_errors=errors)
    again = WriteError(code_pb2.UNAVAILABLE, "some", entry_errors={0: errors[0]})
    delivery = Delivery(store, FakeLog(), ScriptedCloud(lambda _: answer, lambda _: again))
    delivery.add(*range(4))
    delivery.run()
    assert [len(call) for call in delivery.cloud.calls] == [4, 1, 1]
    assert (len(delivery.cloud.taken), delivery.left()) == (3, 0)
    assert [letter.reason for letter in delivery.dead()] == ["never"]
    assert len(delivery.waits) == 2


@pytest.mark.parametrize(("age_ns", "dead"), [(AGE_NS_MAX, 0), (AGE_NS_MAX + 1, 2)])
def test_what_the_service_would_take_and_never_show_is_a_dead_letter(
    store: SqliteStore, age_ns: int, dead: int
) -> None:
    with delivering(store) as delivery:
        delivery.add(1, 2, received_at_ns=NOW_NS - age_ns)
        delivery.add(3)
        delivery.run()
        assert len(delivery.log.exported()) == 3 - dead
    assert [letter.reason for letter in delivery.dead()] == ["too old to be shown"] * dead


def test_a_row_that_is_damaged_is_a_dead_letter(store: SqliteStore) -> None:
    with delivering(store) as delivery:
        delivery.add(1)
        delivery.add(2)
        store._connection.execute("UPDATE outbox SET frames = CAST('x' AS BLOB) WHERE id = 1")
        delivery.run()
        assert (delivery.delivered(), delivery.left()) == ([2], 0)
    assert [(letter.reason, letter.frame) for letter in delivery.dead()] == [("damaged on disk", b"x")]


def test_a_store_that_cannot_be_written_is_waited_for(store: SqliteStore) -> None:
    with delivering(store) as delivery:
        delivery.add(1)
        store._connection.execute("PRAGMA query_only = ON")

        def heal(_seconds: float) -> None:
            store._connection.execute("PRAGMA query_only = OFF")

        delivery.on_wait = heal
        delivery.run()
        assert (delivery.delivered(), delivery.left(), delivery.waits) == ([1], 0, [STORE_WAIT_S])
    assert delivery.names() == ["outbox_unwritable"]


def test_a_mistake_of_ours_is_told_and_loses_nothing(store: SqliteStore) -> None:
    def broken(_parts: list[bytes]) -> WriteError:
        raise ZeroDivisionError("ours")

    delivery = Delivery(store, FakeLog(), ScriptedCloud(broken))
    delivery.add(1)
    delivery.run()
    assert (len(delivery.cloud.taken), delivery.left()) == (1, 0)
    assert delivery.names() == ["delivery_broken"]
    assert delivery.events[0]["stack_trace"].endswith("ZeroDivisionError: ours\n")


def test_batches_are_cut_by_entries_and_by_bytes(store: SqliteStore, mocker: MockerFixture) -> None:
    mocker.patch.object(sender_module, "ENTRIES_MAX", 4)
    delivery = Delivery(store, FakeLog(), ScriptedCloud())
    for first in range(0, 12, 3):
        delivery.add(first, first + 1, first + 2)
    delivery.run()
    assert [len(call) for call in delivery.cloud.calls] == [3, 3, 3, 3]
    mocker.patch.object(sender_module, "ENTRIES_MAX", 100)
    mocker.patch.object(sender_module, "FRAMES_BYTES_MAX", 1500)
    delivery.cloud.calls.clear()
    delivery.add(*range(20, 23))
    delivery.add(*range(23, 26))
    delivery.run()
    assert [len(call) for call in delivery.cloud.calls] == [3, 3]


def test_many_lanes_deliver_each_entry_once(store: SqliteStore, mocker: MockerFixture) -> None:
    mocker.patch.object(sender_module, "ENTRIES_MAX", 7)
    with delivering(store) as delivery, closing(Outbox(store.path, store.commits)) as outbox:
        for seq in range(0, 200, 2):
            delivery.add(seq, seq + 1)
        sender = Sender(outbox, delivery.cloud, is_draining=True, clock_ns=lambda: NOW_NS)
        sender.start()
        sender.join()
        assert len(delivery.log.exported()) == 200
        assert (delivery.delivered(), delivery.left()) == (list(range(200)), 0)


def test_a_sender_that_is_stopped_leaves_what_was_not_answered(store: SqliteStore) -> None:
    called, release = threading.Event(), threading.Event()

    def hold(_parts: list[bytes]) -> WriteError:
        called.set()
        release.wait()
        return WriteError(code_pb2.CANCELLED, "cut off")

    delivery = Delivery(store, FakeLog(), ScriptedCloud(hold, hold, hold, hold))
    delivery.add(1)
    with closing(Outbox(store.path, store.commits)) as outbox:
        sender = Sender(outbox, delivery.cloud)
        sender.start()
        called.wait()
        sender.stop()
        release.set()
        sender.join()
    assert (delivery.cloud.taken, delivery.left()) == ([], 1)


def test_a_call_after_the_end_is_cancelled(store: SqliteStore) -> None:
    with delivering(store) as delivery:
        delivery.cloud.close()
        with pytest.raises(WriteError) as caught:
            delivery.cloud.write(b"")
    assert caught.value.code == code_pb2.CANCELLED


def test_a_service_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    del tmp_path
    with closing(GrpcFront(FakeLog())) as front:
        port = front.port
    with closing(Cloud(PROJECT, f"127.0.0.1:{port}")) as cloud, pytest.raises(WriteError) as caught:
        cloud.write(b"")
    assert caught.value.code == code_pb2.UNAVAILABLE
