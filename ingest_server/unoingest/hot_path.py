"""Signed posts under `unoingest serve` without Flask and without a thread for each: the hot path.

It answers exactly what the Flask application does (one contract suite runs over both). Everything else of a
request is Flask's business (`unoingest.entry`).

The event loop only hands over what has arrived. One thread takes all posts that came during the last commit,
proves and decodes them, stores them with one commit, writes their log lines, and wakes the event loop once
for all their answers; meanwhile the next ones arrive. Work on many in a row costs half of what the same work
costs between turns of the event loop (docs/adr/0007).
"""

import time
from collections.abc import Sequence

import msgspec

from unoingest.answers import Answer, Asked, problem_answer
from unoingest.errors import StoreUnavailableError
from unoingest.front.encoding import encode_answer
from unoingest.front.request import Request
from unoingest.front.returns import Returns, Wake
from unoingest.front.rounds import Rounds
from unoingest.key_ring import Keys
from unoingest.problems import ProblemError
from unoingest.request_host import check_host
from unoingest.service import Service
from unoingest.signed_posts import Claim, SignedHead, is_signed, lines_of
from unoingest.store import NewBatch
from unoingest.structured_log import packed


def takes(request: Request) -> bool:
    """Tell whether a request is a signed post."""
    head = request.head
    return (
        head.path == "/v1/readings"
        and head.method == "POST"
        # what is sent twice is no credential; joined it is none either
        and is_signed(head.fields.get("authorization", ""))
    )


class _Post(msgspec.Struct, frozen=True, gc=False):
    """A post that has arrived."""

    request: Request
    received_at_ns: int


class _Begun(msgspec.Struct, frozen=True, gc=False):
    """A post that is to be stored."""

    request: Request
    claim: Claim
    batch: NewBatch


_Answered = tuple[Request, Answer]


class HotPath:
    """Takes signed posts: in the event loop, but for its own thread.

    Args:
        service: Shared with the Flask application.
        returns: Brings answers to who asked.
        soon: Has the event loop call something when it has read what there is to read.
    """

    def __init__(self, service: Service, returns: Returns, soon: Wake) -> None:
        self._service = service
        self._returns = returns
        self._rounds: Rounds[_Post] = Rounds(self._take, soon, "hot-path")

    def close(self) -> None:
        """Answer what has arrived, and end the thread; in any thread, when no more will come."""
        self._rounds.close()

    def take(self, request: Request) -> None:
        """Answer a post; its body is complete, or in trouble."""
        self._rounds.take(_Post(request, self._service.clock_ns()))

    def take_excess(self, request: Request, piece: bytes) -> None:
        """Take a piece of a body that is too large to be kept, and yet gets a signed answer."""
        if request.early is None:
            request.early = self._claim(request, self._service.clock_ns())
        if isinstance(request.early, Claim):
            try:
                self._service.signed.feed(request.early, piece)
            except StoreUnavailableError as error:
                request.early = self._service.signed.failed(request.early, error)

    def _claim(self, request: Request, now_ns: int) -> Claim | Answer:
        """Return what a post claims to be, or the answer to one that cannot be a device's."""
        head, field = request.head, request.head.fields.get
        signed_head = SignedHead(
            Asked(head.method, head.path, request.client),
            field("authorization", ""),
            field("unolink-held", ""),
            field("traceparent", ""),
            field("content-type", ""),
            field("content-encoding", ""),
        )
        try:
            check_host(field("host"), head.version)
        except ProblemError as error:
            self._service.log.refused(signed_head.asked, error, error)
            return problem_answer(error)
        return self._service.signed.claim(signed_head, now_ns)

    def _take(self, posts: Sequence[_Post]) -> None:
        """Answer each of these, once."""
        signed = self._service.signed
        keys: Keys | StoreUnavailableError
        try:
            # asked after the last of them has arrived: none is judged by keys that are older than itself
            keys = self._service.keys.fresh()
        except StoreUnavailableError as error:
            keys = error
        refused: list[_Answered] = []
        begun: list[_Begun] = []
        for post in posts:
            outcome = self._begin(post, keys)
            if isinstance(outcome, Answer):
                refused.append((post.request, outcome))
            else:
                begun.append(outcome)
        if refused:
            self._answer(refused)
        if begun:
            try:
                answers = self._stored(begun)
            except Exception as error:  # noqa: BLE001 - our own mistake gets an answer, and the thread goes on
                answers = [(one.request, signed.failed(one.claim, error)) for one in begun]
            self._answer(answers)

    def _begin(self, post: _Post, keys: Keys | StoreUnavailableError) -> _Begun | Answer:
        """Return what is to be stored of a post, or the answer that refuses it."""
        request = post.request
        claim = request.early or self._claim(request, post.received_at_ns)
        if isinstance(claim, Answer):
            return claim
        if request.trouble is not None:
            return self._service.signed.failed(claim, request.trouble)
        if isinstance(keys, StoreUnavailableError):
            return self._service.signed.failed(claim, keys)
        batch = self._service.signed.begin(claim, request.body, post.received_at_ns, keys)
        return batch if isinstance(batch, Answer) else _Begun(request, claim, batch)

    def _stored(self, begun: Sequence[_Begun]) -> list[_Answered]:
        """Store and log what is new, and return the answers."""
        service = self._service
        signed = service.signed
        lines: list[bytes] = []
        answers: list[_Answered] = []
        stored = 0
        outcomes = service.store.add_all([one.batch for one in begun])
        for one, outcome in zip(begun, outcomes, strict=True):
            if isinstance(outcome, Exception):
                answers.append((one.request, signed.failed(one.claim, outcome)))
            else:
                lines += lines_of(one.batch, outcome)
                stored += len(outcome)
                answers.append((one.request, signed.acknowledge(one.claim)))
        service.metrics.stored(stored)
        signed.log_lines(packed(lines))
        return answers

    def _answer(self, answers: Sequence[_Answered]) -> None:
        """Bring answers to who asked."""
        now_s = int(time.time())
        self._service.metrics.answered("hot", [answer.status for _, answer in answers])
        self._returns.put(
            [
                (
                    request.asker.answer,
                    encode_answer(answer.status, answer.headers, answer.body, now_s, closes=request.closes),
                )
                for request, answer in answers
            ]
        )
