"""The fake service itself, without a wire: what is written, refused, exported and found.

Rules:

* An entry is judged after the request's defaults have been filled in.
* Without `partial_success`, one bad entry keeps all out. With it, the good ones are written, and the call
  fails with one entry's status and the errors of all, by index (WriteLogEntriesPartialErrors).
* Every write is exported, as a sink would see it; a query shows entries of equal project, timestamp and
  insertId once (log_entry.proto, insert_id).
* An entry older than 30 days is accepted, exported, and never found; one more than 24 hours ahead is refused.
"""

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.cloud.logging_v2.types import WriteLogEntriesPartialErrors
from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]

from unoingest.fake_cloud.faults import Fault, FaultPlan
from unoingest.fake_cloud.filters import FilterError, parse_filter

ENTRY_BYTES_MAX = 256_000
REQUEST_BYTES_MAX = 10 * 1024 * 1024
LABELS_MAX = 64
LABEL_KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX = 512, 64 * 1024
RESOURCES_MAX = 1000
PAGE_ENTRIES_MAX = 1000
PAGE_ENTRIES = 50
PAST_NS_MAX = 30 * 24 * 3600 * 1_000_000_000
FUTURE_NS_MAX = 24 * 3600 * 1_000_000_000

_LOG_NAME = re.compile(r"(?:projects|organizations|billingAccounts|folders)/[^/]+/logs/.")
_PartialErrorsPb: Any = WriteLogEntriesPartialErrors.pb()


class CallError(Exception):
    """A call that failed, with the status that its client gets."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(f"{code_pb2.Code.Name(status.code)}: {status.message}")
        self.status = status


class FakeLog:
    """One service for any number of projects; safe to call from several threads.

    Args:
        plan: Which writes fail, and how.
        clock_ns: The service's time, nanoseconds since the Unix epoch.
        sleep_s: Holds a slow call up.
    """

    def __init__(
        self,
        plan: FaultPlan | None = None,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plan = plan or FaultPlan()
        self._clock_ns = clock_ns
        self._sleep_s = sleep_s
        self._lock = threading.Lock()
        self._written: list[_Written] = []
        self._ids = itertools.count()

    def write(self, request: Any) -> None:
        """Take a WriteLogEntriesRequest (protobuf).

        Raises:
            CallError: by a fault, or because entries are refused; with `partial_success` others are written.
        """
        fault = self._plan.draw()
        if fault is not None:
            self._sleep_s(fault.delay_ms / 1000)
            if not fault.after_write:
                _fail_by(fault)
        self._write(request)
        if fault is not None:
            _fail_by(fault)

    def exported(self) -> list[Any]:
        """Return every entry written (protobuf), in order, duplicates included: what a sink sees."""
        with self._lock:
            for written in self._written:
                # half of a load test's time would go into entries that nobody asks for
                written.complete(self._ids)
            return [entry for written in self._written for entry in written.entries]

    def view(self, projects: set[str] | None = None) -> list[Any]:
        """Return what a query can find, by timestamp and insertId: each entry once, none that is too old.

        Args:
            projects: Resource names such as `projects/p`, or None for all.
        """
        oldest_ns = self._clock_ns() - PAST_NS_MAX
        found: dict[tuple[str, int, str], Any] = {}
        for entry in self.exported():
            project, timestamp_ns = _project_of(entry.log_name), entry.timestamp.ToNanoseconds()
            if timestamp_ns >= oldest_ns and (projects is None or project in projects):
                found.setdefault((project, timestamp_ns, entry.insert_id), entry)
        return sorted(found.values(), key=lambda entry: (entry.timestamp.ToNanoseconds(), entry.insert_id))

    def list_entries(self, request: Any) -> tuple[list[Any], str]:
        """Return a page of entries for a ListLogEntriesRequest (protobuf), and the next page's token or "".

        Raises:
            CallError: INVALID_ARGUMENT for a filter, order or token that is not understood.
        """
        if request.order_by not in ("", "timestamp asc", "timestamp desc", "timestamp"):
            raise _invalid(f"order_by {request.order_by!r} is neither 'timestamp asc' nor 'timestamp desc'")
        if not request.page_token.isdecimal() and request.page_token:
            raise _invalid(f"page_token {request.page_token!r} is not one of ours")
        try:
            holds = parse_filter(request.filter)
            entries = [e for e in self.view(set(request.resource_names)) if holds(to_json(e))]
        except FilterError as error:
            raise _invalid(str(error)) from error
        if request.order_by == "timestamp desc":
            entries.reverse()
        first = int(request.page_token or 0)
        last = first + min(request.page_size or PAGE_ENTRIES, PAGE_ENTRIES_MAX)
        return entries[first:last], str(last) if last < len(entries) else ""

    def list_logs(self, parent: str) -> list[str]:
        """Return the names of the logs below `parent` (`projects/p`) that have entries."""
        return sorted({e.log_name for e in self.exported() if _project_of(e.log_name) == parent})

    def delete_log(self, log_name: str) -> None:
        """Delete a log's entries. Raises CallError if it has none."""
        found = False
        with self._lock:
            for written in self._written:
                written.complete(self._ids)
                left = [entry for entry in written.entries if entry.log_name != log_name]
                found |= len(left) < len(written.entries)
                written.entries = left
        if not found:
            raise CallError(status_pb2.Status(code=code_pb2.NOT_FOUND, message=f"no log {log_name!r}"))

    def _write(self, request: Any) -> None:
        if request.ByteSize() > REQUEST_BYTES_MAX:
            raise _invalid(f"Request payload size exceeds the limit: {REQUEST_BYTES_MAX} bytes.")
        now_ns = self._clock_ns()
        entries = list(request.entries)
        if len({entry.resource.SerializeToString() for entry in entries if entry.HasField("resource")}) > (
            RESOURCES_MAX
        ):
            raise _invalid(f"Log entries have more than {RESOURCES_MAX} different resources")
        judge = _Judge(request, now_ns, self._plan)
        errors = {index: text for index, entry in enumerate(entries) if (text := judge.fault_of(entry))}
        if errors and not request.partial_success:
            raise _invalid(next(iter(errors.values())))
        if not request.dry_run:
            good = (
                [entry for index, entry in enumerate(entries) if index not in errors] if errors else entries
            )
            with self._lock:
                self._written.append(_Written(request, good, now_ns))
        if errors:
            raise CallError(_partial_status(errors))


class _Written:
    """Entries of one request that were written; its defaults are filled in when somebody asks for them."""

    def __init__(self, request: Any, entries: list[Any], now_ns: int) -> None:
        self._request = request
        self._now_ns = now_ns
        self._is_complete = False
        self.entries = entries

    def complete(self, ids: Iterator[int]) -> None:
        """Fill in what the entries lack; `ids` are for those that have none."""
        if self._is_complete:
            return
        self._is_complete = True
        for entry in self.entries:
            entry.log_name = entry.log_name or self._request.log_name
            if not entry.HasField("resource"):
                entry.resource.CopyFrom(self._request.resource)
            labels = {**self._request.labels, **entry.labels}
            entry.labels.clear()
            for name, text in labels.items():
                entry.labels[_cut(name, LABEL_KEY_BYTES_MAX)] = _cut(text, LABEL_VALUE_BYTES_MAX)
            if not entry.HasField("timestamp"):
                entry.timestamp.FromNanoseconds(self._now_ns)
            entry.receive_timestamp.FromNanoseconds(self._now_ns)
            # the real service makes one up, too: such an entry is never a duplicate
            entry.insert_id = entry.insert_id or f"fake-{next(ids):012d}"


class _Judge:
    """Judges the entries of one request as they will be when the request's defaults are filled in."""

    def __init__(self, request: Any, now_ns: int, plan: FaultPlan) -> None:
        self._is_poison = plan.is_poison
        self._log_name = request.log_name
        self._labels = set(request.labels)
        self._latest_s = (now_ns + FUTURE_NS_MAX) // 1_000_000_000
        self._latest_nanos = (now_ns + FUTURE_NS_MAX) % 1_000_000_000
        # the defaults are written into each entry and count there; tags and lengths are a few bytes more
        self._defaults_bytes = request.resource.ByteSize() + len(request.log_name.encode())
        self._defaults_bytes += sum(len((name + text).encode()) for name, text in request.labels.items())

    def fault_of(self, entry: Any) -> str:
        """Return why an entry is refused, or ""."""
        log_name = entry.log_name or self._log_name
        if not _LOG_NAME.match(log_name):
            return f"Log name {log_name[:200]!r} is not of the form projects/[PROJECT]/logs/[LOG]"
        size_bytes = entry.ByteSize() + self._defaults_bytes
        if size_bytes > ENTRY_BYTES_MAX:
            return f"Log entry with size: {size_bytes} bytes exceeds maximum size of {ENTRY_BYTES_MAX} bytes"
        if len(entry.labels) + len(self._labels) > LABELS_MAX:
            labels = len(self._labels.union(entry.labels))
            if labels > LABELS_MAX:
                return f"Log entry has {labels} labels, more than {LABELS_MAX}"
        timestamp = entry.timestamp
        if (timestamp.seconds, timestamp.nanos) > (self._latest_s, self._latest_nanos):
            return "Log entry with timestamp more than 24 hours in the future"
        if self._is_poison(entry.insert_id):
            return "Log entry refused by the fault plan"
        return ""


def _cut(text: str, bytes_max: int) -> str:
    """Return as much of the text as fits; the service says nothing of it either."""
    encoded = text.encode()
    return text if len(encoded) <= bytes_max else encoded[:bytes_max].decode(errors="ignore")


def to_json(entry: Any) -> dict[str, Any]:
    """Return an entry in the JSON form of the API."""
    fields: dict[str, Any] = json_format.MessageToDict(entry)
    return fields


def exported_lines(log: FakeLog) -> Iterator[bytes]:
    """Yield the export as JSON lines."""
    for entry in log.exported():
        yield json_format.MessageToJson(entry, indent=None).encode() + b"\n"


def _project_of(log_name: str) -> str:
    return log_name.partition("/logs/")[0]


def _invalid(message: str) -> CallError:
    return CallError(status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message))


def _partial_status(errors: dict[int, str]) -> status_pb2.Status:
    partial = _PartialErrorsPb()
    for index, text in errors.items():
        partial.log_entry_errors[index].CopyFrom(
            status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=text)
        )
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=next(iter(errors.values())))
    status.details.append(_packed(partial))
    return status


def _fail_by(fault: Fault) -> None:
    if fault.code == code_pb2.OK:
        return
    status = status_pb2.Status(code=fault.code, message="a fault of the plan")
    if fault.retry_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(fault.retry_ms)
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    raise CallError(status)


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
