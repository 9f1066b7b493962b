"""The ingest core: a request's body and its time in, what to answer and what to log out.

It validates, stores, and says what is acknowledged. It has no HTTP, no clock and no output, so every entry to
the server (today a Flask view) stays a thin adapter over the same verdicts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from unoingest.errors import IdentityConflictError, StoreUnavailableError
from unoingest.json_body import pointer_of
from unoingest.plain_body import decode_plain_body
from unoingest.points import SERVER_BOOT, PointBatch
from unoingest.problems import BAD_SIGNATURE, IDENTITY_CONFLICT, STORE_UNAVAILABLE, ProblemError
from unoingest.reading_log import FrameEncoder, ReadingLog, no_frame
from unoingest.sent import SentBatch
from unoingest.store import NewBatch, Store
from unoingest.trace_context import TraceContext


class _Acknowledgement(msgspec.Struct):
    boot: int
    acked: list[int]


def encode_acknowledgement(sent: SentBatch) -> bytes:
    """Return the answer to a request whose readings are all on disk."""
    return msgspec.json.encode(_Acknowledgement(sent.boot, [reading.seq for reading in sent.readings]))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request whose readings are all on disk.

    Args:
        body: The answer, compact JSON: the boot counter and the sequence numbers that are on disk.
        log_lines: One structured log line for each reading that was not stored before.
    """

    body: bytes
    log_lines: tuple[bytes, ...]


class Core:
    """Takes requests for one store.

    Args:
        store: Where readings go.
        project: Google Cloud project that log lines name as the home of traces, or "" for none.
        encode_frame: Makes the entries for the outbox (`unoingest.cloud_entry.encode_frame`), or `no_frame`.
    """

    def __init__(self, store: Store, project: str = "", encode_frame: FrameEncoder = no_frame) -> None:
        self._store = store
        self._project = project
        self._encode_frame = encode_frame

    def accept(
        self,
        body: bytes,
        received_at_ns: int,
        trace: TraceContext | None = None,
        has_key: Callable[[str], bool] = lambda _device: False,
    ) -> Accepted:
        """Store the readings in `body`; when this returns they are on disk.

        Args:
            body: JSON as sent, at most 64 KiB.
            received_at_ns: When it was received, nanoseconds since the Unix epoch, not negative.
            trace: The trace named by the request, if any.
            has_key: Tells whether a device has a key; its readings are not taken unsigned.

        Raises:
            ProblemError: nothing of the request was stored.
        """
        sent = decode_plain_body(body)
        if has_key(sent.device):
            raise ProblemError(BAD_SIGNATURE, "This device has a key, so its requests must be signed")
        try:
            stored = self._store.add(self.batch_of(sent, received_at_ns, trace))
        except IdentityConflictError as error:
            raise self.conflict(sent, error) from error
        except StoreUnavailableError as error:
            raise ProblemError(STORE_UNAVAILABLE, str(error)) from error
        return Accepted(encode_acknowledgement(sent), tuple(reading.log_line for reading in stored))

    def batch_of(
        self, sent: SentBatch, received_at_ns: int, trace: TraceContext | None, held_ms: int = 0
    ) -> NewBatch:
        """Return what is to be stored of a valid request.

        Args:
            sent: The request.
            received_at_ns: When it was received, nanoseconds since the Unix epoch.
            trace: The trace named by the request, if any.
            held_ms: For how long a gateway held it before, which makes each reading older.
        """
        log = self._log(sent.device, sent.boot, received_at_ns, trace)
        readings = tuple(
            [
                log.reading(
                    reading.seq,
                    None if reading.age_ms is None else reading.age_ms + held_ms,
                    reading.values,
                    reading.values_json,
                )
                for reading in sent.readings
            ]
        )
        status = log.status(readings[-1].seq, sent.status) if sent.status else None
        return NewBatch(sent.device, sent.boot, received_at_ns, readings, trace, status)

    def batch_of_points(
        self,
        offered: PointBatch,
        received_at_ns: int,
        trace: TraceContext | None,
    ) -> NewBatch:
        """Return what is to be stored of points; the other arguments are those of `batch_of`."""
        log = self._log(offered.device, SERVER_BOOT, received_at_ns, trace)
        readings = tuple(
            log.reading(
                seq, None if point.time_ns is not None else 0, point.values, point.values_json, point.time_ns
            )
            for seq, point in enumerate(offered.points, offered.first_seq)
        )
        return NewBatch(offered.device, SERVER_BOOT, received_at_ns, readings, trace)

    def _log(self, device: str, boot: int, received_at_ns: int, trace: TraceContext | None) -> ReadingLog:
        return ReadingLog(
            device,
            boot,
            received_at_ns,
            trace=trace,
            project=self._project,
            encode_frame=self._encode_frame,
        )

    def conflict(self, sent: SentBatch, error: IdentityConflictError) -> ProblemError:
        """Return the problem of a request of which one reading is stored with other values."""
        index = next(reading.index for reading in sent.readings if reading.seq == error.seq)
        return ProblemError(IDENTITY_CONFLICT, str(error), pointer_of("readings", index))
