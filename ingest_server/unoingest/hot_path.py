"""Signed posts under `unoingest serve` without Flask and without a thread for each: the hot path.

It answers exactly what the Flask application does (one contract suite runs over both). Everything else of a
request is Flask's business (`unoingest.rsgi`).

A coroutine takes the head and the body of a post and waits. One thread takes all that have arrived, proves
and decodes them, stores them with one commit, writes their log lines, and wakes the event loop once for all
their answers; meanwhile the next ones arrive. Work on many in a row costs half of what the same work costs
between turns of the event loop (docs/adr/0007).
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined] # an alias marked for no export

from unoingest.answers import Answer, Asked, problem_answer
from unoingest.errors import StoreUnavailableError
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
from unoingest.store import NewBatch
from unoingest.structured_log import packed
from unoingest.time_limit import TimeLimit

if TYPE_CHECKING:
    from unoingest.rsgi import Exchange, Headers, Scope


class _Post(msgspec.Struct, frozen=True, gc=False):
    """A post that has arrived, and who waits for its answer."""

    claim: Claim
    body: bytes
    received_at_ns: int
    answered: asyncio.Future[Answer]


_Answered = tuple[_Post, Answer]


class HotPath:
    """Takes signed posts in the event loop.

    Args:
        service: Shared with the Flask application.
        limit: How long a body may take.
    """

    def __init__(self, service: Service, limit: TimeLimit) -> None:
        self._service = service
        self._limit = limit
        # as many as there are requests, which granian limits
        self._arrived: queue.SimpleQueue[_Post | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="hot-path", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer what has arrived, and end the thread; called in the event loop."""
        self._is_closed = True
        self._arrived.put(None)
        self._thread.join()

    async def post(
        self, scope: "Scope", headers: "Headers", exchange: "Exchange", authorization: str
    ) -> Answer:
        """Return the answer to a signed `POST /v1/readings`."""
        service = self._service
        header = headers.get
        head = SignedHead(
            Asked("POST", "/v1/readings", scope.client.rpartition(":")[0].strip("[]")),
            authorization,
            header("unolink-held") or "",
            header("traceparent") or "",
            header("content-type") or "",
            header("content-encoding") or "",
        )
        try:
            hosts = headers.get_all("host")
            check_host(",".join(hosts) if hosts else None, scope.http_version)
        except ProblemError as error:
            service.log.refused(head.asked, error, error)
            return problem_answer(error)
        claim = service.signed.claim(head, service.clock_ns())
        if isinstance(claim, Answer):
            return claim
        try:
            body = await self._read_body(header("content-length"), exchange, claim)
        except (ProblemError, StoreUnavailableError) as error:
            return service.signed.failed(claim, error)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        post = _Post(claim, body, service.clock_ns(), answered)
        if self._is_closed:
            self._take([post])
        else:
            self._arrived.put(post)
        return await answered

    async def _read_body(self, length: str | None, exchange: "Exchange", claim: Claim) -> bytes:
        """Return the whole body. Raises ProblemError, as `unoingest.request_body.read_body` does."""
        length_bytes = parse_length(length) if length else None
        body = b""
        try:
            if length_bytes is not None and length_bytes <= BODY_BYTES_MAX:
                # one turn of the event loop instead of one for each piece
                body = await self._limit.within(exchange())
            else:
                body = await self._limit.within(self._read_pieces(exchange, claim))
        except TimeoutError:
            raise ProblemError(
                BODY_TIMEOUT, "The body was not complete when the time for it was up"
            ) from None
        except ProtocolClosed:
            # nobody will read the answer, but the log shall name the request
            length_bytes = -1
        check_length(length_bytes, len(body))
        return body

    async def _read_pieces(self, exchange: "Exchange", claim: Claim) -> bytes:
        """Return a body that comes in pieces. Raises ProblemError, body_too_large."""
        feed = self._service.signed.feed
        body = bytearray()
        read_bytes = 0
        async for piece in exchange:
            read_bytes += len(piece)
            if read_bytes <= BODY_BYTES_MAX:
                body += piece
                continue
            if body:
                feed(claim, bytes(body))
                body.clear()
            feed(claim, piece)
            if read_bytes >= BODY_BYTES_MAX + DISCARD_BYTES_MAX:
                break
        if read_bytes > BODY_BYTES_MAX:
            raise body_too_large()
        return bytes(body)

    def _serve(self) -> None:
        """Answer posts until the end; runs in the thread."""
        while True:
            arrived = [self._arrived.get()]
            arrived += [self._arrived.get_nowait() for _ in range(self._arrived.qsize())]
            posts = [post for post in arrived if post is not None]
            if posts:
                self._take(posts)
            if len(posts) < len(arrived):
                return

    def _take(self, posts: Sequence[_Post]) -> None:
        try:
            batches = self._begin(posts)
            if batches:
                _answer(self._stored(batches))
        except Exception as error:  # noqa: BLE001 - our own mistake gets an answer, and the thread goes on
            _answer([(post, self._service.signed.failed(post.claim, error)) for post in posts])

    def _begin(self, posts: Sequence[_Post]) -> list[tuple[_Post, NewBatch]]:
        """Return what is to be stored of these posts; the others are answered."""
        service = self._service
        refused: list[_Answered] = []
        batches: list[tuple[_Post, NewBatch]] = []
        try:
            # asked after the last of them has arrived: none is judged by keys that are older than itself
            keys = service.keys.fresh()
        except StoreUnavailableError as error:
            refused += [(post, service.signed.failed(post.claim, error)) for post in posts]
        else:
            for post in posts:
                batch = service.signed.begin(post.claim, post.body, post.received_at_ns, keys)
                if isinstance(batch, Answer):
                    refused.append((post, batch))
                else:
                    batches.append((post, batch))
        if refused:
            _answer(refused)
        return batches

    def _stored(self, batches: Sequence[tuple[_Post, NewBatch]]) -> list[_Answered]:
        """Store and log what is new, and return the answers."""
        service = self._service
        signed = service.signed
        lines: list[bytes] = []
        answers: list[_Answered] = []
        stored = 0
        outcomes = service.store.add_all([batch for _, batch in batches])
        for (post, batch), outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, Exception):
                answers.append((post, signed.failed(post.claim, outcome)))
            else:
                lines += lines_of(batch, outcome)
                stored += len(outcome)
                answers.append((post, signed.acknowledge(post.claim)))
        service.metrics.stored(stored)
        signed.log_lines(packed(lines))
        return answers


def _answer(answers: Sequence[_Answered]) -> None:
    """Wake the event loop of those who wait."""
    # a loop that has ended has nobody who waits
    with contextlib.suppress(RuntimeError):
        answers[0][0].answered.get_loop().call_soon_threadsafe(_answer_all, answers)


def _answer_all(answers: Sequence[_Answered]) -> None:
    for post, answer in answers:
        if not post.answered.done():
            post.answered.set_result(answer)
