"""Signed posts under `unoingest serve` without Flask and without a thread for each: the hot path.

It answers exactly what the Flask application does (one contract suite runs over both), from a coroutine that
waits for the commit while others go on. Everything else of a request is Flask's business (`unoingest.rsgi`).

The store calls back from the thread that committed. What is due then, the log lines and the tag of the
answer, is done there; the event loop is woken once for all requests of a commit.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined] # an alias marked for no export

from unoingest.answers import Answer, Asked, problem_answer
from unoingest.errors import StoreUnavailableError
from unoingest.key_ring import Keys
from unoingest.problems import BODY_TIMEOUT, ProblemError
from unoingest.request_body import (
    BODY_BYTES_MAX,
    DISCARD_BYTES_MAX,
    body_too_large,
    check_length,
    parse_length,
)
from unoingest.request_host import check_host
from unoingest.service import Service
from unoingest.signed_posts import Claim, SignedHead, lines_of
from unoingest.store import NewBatch, NewReading
from unoingest.structured_log import packed

if TYPE_CHECKING:
    from unoingest.rsgi import Exchange, Scope


class _Waiting(msgspec.Struct, frozen=True):
    """A request that waits for the commit."""

    claim: Claim
    batch: NewBatch
    answered: asyncio.Future[Answer]


class HotPath:
    """Takes signed posts in the event loop.

    Args:
        service: Shared with the Flask application.
        body_read_s: How long a body may take, in seconds.
    """

    def __init__(self, service: Service, body_read_s: float) -> None:
        self._service = service
        self._body_read_s = body_read_s
        self._keys: Keys | None = None

    async def post(self, scope: "Scope", exchange: "Exchange", authorization: str) -> Answer:
        """Return the answer to a signed `POST /v1/readings`."""
        service = self._service
        header = scope.headers.get
        head = SignedHead(
            Asked(scope.method, scope.path, scope.client.rpartition(":")[0].strip("[]")),
            authorization,
            header("unolink-held") or "",
            header("traceparent") or "",
            header("content-type") or "",
            header("content-encoding") or "",
        )
        try:
            hosts = scope.headers.get_all("host")
            check_host(",".join(hosts) if hosts else None, scope.http_version)
        except ProblemError as error:
            service.log.refused(head.asked, error, error)
            return problem_answer(error)
        claim = service.signed.claim(head, service.clock_ns())
        if isinstance(claim, Answer):
            return claim
        try:
            body = await self._read_body(header("content-length"), exchange, claim)
            keys = self._keys or self._fresh_keys()
        except (ProblemError, StoreUnavailableError) as error:
            return service.signed.failed(claim, error)
        batch = service.signed.begin(claim, body, service.clock_ns(), keys)
        if isinstance(batch, Answer):
            return batch
        return await self._stored(claim, batch)

    def _fresh_keys(self) -> Keys:
        """Return the keys as they are now, for this request and others of the same turn of the event loop.

        Who comes in a later turn runs behind `_forget_keys`, which is queued before the file is looked at: no
        request is judged by keys that are older than itself.
        """
        asyncio.get_running_loop().call_soon(self._forget_keys)
        self._keys = self._service.keys.fresh()
        return self._keys

    def _forget_keys(self) -> None:
        self._keys = None

    async def _read_body(self, length: str | None, exchange: "Exchange", claim: Claim) -> bytes:
        """Return the whole body. Raises ProblemError, as `unoingest.request_body.read_body` does."""
        length_bytes = parse_length(length) if length else None
        body = b""
        try:
            async with asyncio.timeout(self._body_read_s):
                if length_bytes is not None and length_bytes <= BODY_BYTES_MAX:
                    # one turn of the event loop instead of one for each piece
                    body = await exchange()
                else:
                    body = await _read_pieces(exchange, claim)
        except TimeoutError:
            raise ProblemError(
                BODY_TIMEOUT, "The body was not complete when the time for it was up"
            ) from None
        except ProtocolClosed:
            # nobody will read the answer, but the log shall name the request
            length_bytes = -1
        check_length(length_bytes, len(body))
        return body

    def _stored(self, claim: Claim, batch: NewBatch) -> asyncio.Future[Answer]:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._service.store.submit(batch, self._on_end, _Waiting(claim, batch, answered))
        return answered

    def _on_end(self, ended: Sequence[tuple[_Waiting, tuple[NewReading, ...] | BaseException]]) -> None:
        """Answer all requests of a commit; runs in the thread that committed."""
        signed = self._service.signed
        lines: list[bytes] = []
        stored = 0
        for waiting, outcome in ended:
            if not isinstance(outcome, BaseException):
                lines += lines_of(waiting.batch, outcome)
                stored += len(outcome)
        self._service.metrics.stored(stored)
        signed.log_lines(packed(lines))
        answers = [
            (
                waiting.answered,
                signed.failed(waiting.claim, outcome)
                if isinstance(outcome, BaseException)
                else signed.acknowledge(waiting.claim),
            )
            for waiting, outcome in ended
        ]
        # a loop that has ended has nobody who waits
        with contextlib.suppress(RuntimeError):
            answers[0][0].get_loop().call_soon_threadsafe(_answer_all, answers)


def _answer_all(answers: Sequence[tuple[asyncio.Future[Answer], Answer]]) -> None:
    for answered, answer in answers:
        if not answered.done():
            answered.set_result(answer)


async def _read_pieces(exchange: "Exchange", claim: Claim) -> bytes:
    """Return a body that comes in pieces. Raises ProblemError, body_too_large."""
    body = bytearray()
    read_bytes = 0
    async for piece in exchange:
        read_bytes += len(piece)
        if read_bytes <= BODY_BYTES_MAX:
            body += piece
            continue
        if body:
            claim.feed(bytes(body))
            body.clear()
        claim.feed(piece)
        if read_bytes >= BODY_BYTES_MAX + DISCARD_BYTES_MAX:
            break
    if read_bytes > BODY_BYTES_MAX:
        raise body_too_large()
    return bytes(body)
