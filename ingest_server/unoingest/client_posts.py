"""What software posts with a bearer key: plain JSON, SenML and line protocol, all into the one store.

A client's name is the device of its readings. Whoever counts its readings sends `boot` (from 1) and `seq`;
for everybody else the server counts (`unoingest.points`). An idempotency key makes a retry of any form safe.

HTTP is the caller's: a `ClientPost` in, an `Answer` out, and a ProblemError for what is refused.
"""

import hashlib
import re
import zlib
from collections.abc import Sequence

import msgspec

from unoingest.answers import Answer
from unoingest.core import Core, encode_acknowledgement
from unoingest.errors import IdentityConflictError
from unoingest.line_protocol import PRECISIONS, Lines, decode_lines
from unoingest.plain_body import decode_plain_body, decode_plain_points, has_numbers
from unoingest.points import SERVER_BOOT, Kept, KeyReusedError, Offered, Point, PointBatch, RequestKey, keep
from unoingest.problems import (
    BODY_TOO_LARGE,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_IDEMPOTENCY_KEY,
    INVALID_LINE,
    INVALID_QUERY,
    INVALID_READING,
    MALFORMED_GZIP,
    PARTIAL_WRITE,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)
from unoingest.request_body import check_media_type, media_type_of
from unoingest.senml import decode_senml
from unoingest.sent import SentBatch
from unoingest.store import NewBatch, Store
from unoingest.trace_context import TraceContext

UNPACKED_BYTES_MAX = 1024 * 1024
ERRORS_SHOWN_MAX = 20
SENML = "application/senml+json"

# a structured field string (RFC 9651, section 3.3.3), or the same without its quotes, as many clients send it
KEY_PATTERN = r'"(?:[ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~]{1,255}'
_KEY = re.compile(KEY_PATTERN)


class ClientPost(msgspec.Struct, frozen=True):
    """A request whose client is known.

    Args:
        client: Name of the client.
        target: Path and query.
        content_type: Of the body, or "".
        content_encoding: Of the body, or "".
        idempotency_key: The header, or None.
        trace: The trace that the request names, if any.
        body: All of it, at most 64 KiB.
        received_at_ns: Nanoseconds since the Unix epoch.
    """

    client: str
    target: str
    content_type: str
    content_encoding: str
    idempotency_key: str | None
    trace: TraceContext | None
    body: bytes
    received_at_ns: int


class _PointsAcknowledgement(msgspec.Struct):
    boot: int
    acked: Sequence[int]
    known: int


class ClientPosts:
    """Takes clients' readings. Safe to use from several threads.

    Args:
        core: Makes batches.
        store: Where readings go.
    """

    def __init__(self, core: Core, store: Store) -> None:
        self._core = core
        self._store = store

    def post(self, request: ClientPost) -> tuple[Answer, Kept]:
        """Store what `POST /v1/readings` sends and return the answer, and what is to be logged.

        Raises:
            ProblemError: nothing was stored.
            StoreUnavailableError: the same.
        """
        if media_type_of(request.content_type) == SENML:
            check_media_type("application/json", request.content_encoding)
            points = decode_senml(request.body, request.received_at_ns)
            kept = self._keep_points(request, points)
        else:
            check_media_type(request.content_type, request.content_encoding)
            kept = self._keep_plain(request)
        return Answer(200, (("Content-Type", "application/json"),), kept.answer), kept

    def write_lines(self, request: ClientPost, precision: str) -> tuple[Answer, Kept, ProblemError | None]:
        """Store what is valid of line protocol; the last result says what was not, and is the answer then.

        Raises:
            ProblemError: nothing was stored.
            StoreUnavailableError: the same.
        """
        _key(request)
        if precision not in PRECISIONS:
            raise ProblemError(
                INVALID_QUERY, f"precision is {precision[:20]!r}: one of {', '.join(PRECISIONS)}"
            )
        lines = decode_lines(_text(request), precision)
        if lines.errors and not lines.points:
            raise ProblemError(INVALID_LINE, _told(lines))
        kept = self._keep_points(request, lines.points) if lines.points else Kept(b"", None, ())
        if lines.errors:
            return Answer(400), kept, ProblemError(PARTIAL_WRITE, _told(lines))
        return Answer(204), kept, None

    def _keep_plain(self, request: ClientPost) -> Kept:
        if has_numbers(request.body):
            return self._keep_numbered(request, _own(decode_plain_body(request.body), request.client))
        device, points = decode_plain_points(request.body, request.received_at_ns)
        _check_device(device, request.client)
        return self._keep_points(request, points)

    def _keep_numbered(self, request: ClientPost, sent: SentBatch) -> Kept:
        batch = self._core.batch_of(sent, request.received_at_ns, request.trace)
        answer = encode_acknowledgement(sent)
        offered = Offered(request.client, request.received_at_ns, ())
        work = keep(lambda _seq, _points: batch, offered, lambda _batch: answer, _key(request))
        try:
            return self._store.run(work)
        except KeyReusedError as error:
            raise _reused(request) from error
        except IdentityConflictError as error:
            raise self._core.conflict(sent, error) from error

    def _keep_points(self, request: ClientPost, points: Sequence[Point]) -> Kept:
        def make_batch(first_seq: int, unknown: Sequence[Point]) -> NewBatch:
            offered = PointBatch(request.client, first_seq, unknown)
            return self._core.batch_of_points(offered, request.received_at_ns, request.trace)

        def answer(batch: NewBatch) -> bytes:
            seqs = [reading.seq for reading in batch.readings]
            return msgspec.json.encode(_PointsAcknowledgement(SERVER_BOOT, seqs, len(points) - len(seqs)))

        offered = Offered(request.client, request.received_at_ns, points)
        work = keep(make_batch, offered, answer, _key(request))
        try:
            return self._store.run(work)
        except KeyReusedError as error:
            raise _reused(request) from error


def _own(sent: SentBatch, client: str) -> SentBatch:
    _check_device(sent.device, client)
    if sent.boot == SERVER_BOOT:
        raise ProblemError(INVALID_READING, "boot 0 is the server's own; count yours from 1", "/boot")
    return sent


def _check_device(device: str | None, client: str) -> None:
    if device not in (None, client):
        raise ProblemError(INVALID_READING, f"This key posts as {client}, and as nobody else", "/device")


def _key(request: ClientPost) -> RequestKey | None:
    if request.idempotency_key is None:
        return None
    match = _KEY.fullmatch(request.idempotency_key.strip())
    if match is None:
        raise ProblemError(INVALID_IDEMPOTENCY_KEY, f"{request.idempotency_key[:40]!r} is no key")
    digest = hashlib.sha256()
    for part in (request.target.encode(), request.content_type.encode(), request.body):
        digest.update(b"%d:" % len(part) + part)
    key = match[0][1:-1] if match[0].startswith('"') else match[0]
    return RequestKey(request.client, key, digest.digest())


def _reused(request: ClientPost) -> ProblemError:
    return ProblemError(
        IDEMPOTENCY_KEY_REUSED, f"{str(request.idempotency_key)[:80]} came before, with another request"
    )


def _text(request: ClientPost) -> str:
    body = request.body
    coding = request.content_encoding.strip().lower()
    if coding == "gzip":
        body = _unpacked(body)
    elif coding not in ("", "identity"):
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding is {coding[:40]!r}")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ProblemError(INVALID_LINE, f"line {line}: no UTF-8") from error


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, UNPACKED_BYTES_MAX + 1)
    except zlib.error as error:
        raise ProblemError(MALFORMED_GZIP, str(error)) from error
    if len(unpacked) > UNPACKED_BYTES_MAX:
        raise ProblemError(BODY_TOO_LARGE, f"Unpacked, a body may have {UNPACKED_BYTES_MAX} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise ProblemError(MALFORMED_GZIP, "The gzip data do not end with the body")
    return unpacked


def _told(lines: Lines) -> str:
    shown = "; ".join(f"line {number}: {what}" for number, what in lines.errors[:ERRORS_SHOWN_MAX])
    more = len(lines.errors) - ERRORS_SHOWN_MAX
    return shown + (f"; and {more} more" if more > 0 else "")
