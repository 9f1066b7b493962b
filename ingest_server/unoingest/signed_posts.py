"""Signed `POST /v1/readings`: who sent it, may they, what is stored, and the signed answer.

Rules (docs/wire-protocol.md): a tag is checked before anything else of a request is believed; every answer to
a request whose own tag is right is signed, with the key that fitted; every other one is not.
A right tag is answered however many wrong ones came before it: nobody can lock a device out by guessing.

HTTP, threads and the wait for the disk are the caller's: `claim`, then the body, `begin`, the store, and
`stored` or `failed`.
"""

import hmac
from collections.abc import Sequence

import msgspec

from unoingest.answers import Answer, Asked, ServiceLog, Writer, problem_answer, problem_of
from unoingest.bearer import wrong_key
from unoingest.core import Core
from unoingest.device_body import decode_device_body
from unoingest.errors import IdentityConflictError
from unoingest.key_ring import KeyRing, Keys, SigningKey
from unoingest.limits import FailureLimit, RateLimit
from unoingest.problems import (
    BAD_SIGNATURE,
    BODY_TOO_LARGE,
    KEY_REVOKED,
    RATE_LIMITED,
    ProblemError,
)
from unoingest.request_body import check_media_type
from unoingest.sent import SentBatch
from unoingest.signature import parse_authorization, parse_held, tag_of_digest
from unoingest.store import NewBatch, NewReading
from unoingest.trace_context import parse_traceparent

SCHEME = "unolink"
NO_CONTENT = 204


def lines_of(batch: NewBatch, new: Sequence[NewReading]) -> list[bytes]:
    """Return the log lines of a batch of which these readings are new."""
    lines = [reading.log_line for reading in new]
    if new and batch.status is not None:
        lines.append(batch.status.log_line)
    return lines


def is_signed(authorization: str) -> bool:
    """Tell whether an Authorization header is a device's, right or wrong."""
    return authorization[: len(SCHEME)].lower() == SCHEME


class SignedHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a request, as far as it matters here; an absent field is "".

    Args:
        asked: For the log.
        authorization: Begins with the scheme.
        held: `Unolink-Held`.
        traceparent: W3C Trace Context.
        content_type: Optional here.
        content_encoding: None is taken.
    """

    asked: Asked
    authorization: str
    held: str
    traceparent: str
    content_type: str
    content_encoding: str


class Claim(msgspec.Struct, gc=False):
    """One request on its way: what it claims to be, and once that is proved, by which key.

    Args:
        head: Of the request.
        device: Who sends it, as it says.
        tag: The proof, 22 characters.
        key: Whose tag it is, once that is found.
        sent: What it brings, once that is decoded.
        fed: The HMAC of a body that is too large to be kept, by each key that it may have.
    """

    head: SignedHead
    device: str
    tag: bytes
    key: SigningKey | None = None
    sent: SentBatch | None = None
    fed: Sequence[tuple[SigningKey, hmac.HMAC]] = ()

    def prove(self, body: bytes, keys: Keys) -> None:
        """Find the key by which this body has the tag, if there is one."""
        for key in keys.signing_keys(self.device):
            if hmac.compare_digest(key.signer.request_tag(self.device, body), self.tag):
                self.key = key
                return

    def prove_fed(self) -> None:
        """Do as `prove` for the body that was fed."""
        for key, digest in self.fed:
            if hmac.compare_digest(tag_of_digest(digest.digest()), self.tag):
                self.key = key
                return


class SignedPosts:
    """Takes signed requests. Safe to use from several threads.

    Args:
        core: Makes batches of what is sent.
        keys: Whose key it is.
        limits: How often a device may ask, and wrong keys by address.
        log: Hears of refusals.
        emit: Takes the log line of each newly stored reading; may raise OSError.
    """

    def __init__(
        self,
        core: Core,
        keys: KeyRing,
        limits: tuple[RateLimit, FailureLimit],
        log: ServiceLog,
        emit: Writer,
    ) -> None:
        self._core = core
        self._keys = keys
        self._rate, self._failures = limits
        self._log = log
        self._emit = emit

    def claim(self, head: SignedHead, now_ns: int) -> Claim | Answer:
        """Return the request's claim, or the answer to one that cannot be a device's."""
        try:
            signed = parse_authorization(head.authorization)
            if signed is None:
                raise self._wrong_key(head, now_ns)
            return Claim(head, signed.device, signed.tag)
        except ProblemError as error:
            return self._refuse(head, None, error)

    def feed(self, claim: Claim, piece: bytes) -> None:
        """Take a piece of a body that is too large to be kept, and yet gets a signed answer.

        Raises:
            StoreUnavailableError: the keys cannot be read now.
        """
        if not claim.fed:
            keys = self._keys.fresh().signing_keys(claim.device)
            claim.fed = [(key, key.signer.begin_request(claim.device)) for key in keys]
        for _, digest in claim.fed:
            digest.update(piece)

    def begin(
        self, claim: Claim, body: bytes, received_at_ns: int, keys: Keys | None = None
    ) -> NewBatch | Answer:
        """Return what is to be stored, or the answer that refuses it.

        Args:
            claim: The request's.
            body: All of it, at most 64 KiB.
            received_at_ns: When it had arrived, nanoseconds since the Unix epoch.
            keys: What `KeyRing.fresh` returned since then, or None to ask it now.
        """
        head = claim.head
        try:
            self._admit(claim, body, received_at_ns, keys)
            if head.content_type or head.content_encoding:
                check_media_type(head.content_type or "application/json", head.content_encoding)
            held_ms = self._held_ms(claim, received_at_ns) if head.held else 0
            claim.sent = sent = decode_device_body(claim.device, body)
            trace = parse_traceparent(head.traceparent)
            return self._core.batch_of(sent, received_at_ns, trace, held_ms)
        except Exception as error:  # noqa: BLE001 - our own mistake, too, gets an answer and a line in the log
            return self.failed(claim, error)

    def stored(self, claim: Claim, batch: NewBatch, new: Sequence[NewReading]) -> Answer:
        """Log what is new and return the answer: every reading of the request is on disk."""
        self.log_lines(lines_of(batch, new))
        return self.acknowledge(claim)

    def log_lines(self, lines: Sequence[bytes]) -> None:
        """Write log lines, or whole lines joined as `unoingest.structured_log.packed` joins them."""
        try:
            for line in lines:
                self._emit(line)
        except OSError as error:
            # the readings are on disk and must be acknowledged; the lines can be had from the store
            self._log.lines_lost(error)

    def acknowledge(self, claim: Claim) -> Answer:
        """Return the answer to a request whose readings are on disk and whose lines are written."""
        assert claim.key is not None  # noqa: S101 - proved before
        tag = claim.key.signer.answer_tag(NO_CONTENT, claim.tag)
        return Answer(NO_CONTENT, (("Unolink-Tag", tag.decode()),))

    def failed(self, claim: Claim, error: BaseException) -> Answer:
        """Return the answer to a request of which nothing was stored."""
        if isinstance(error, ProblemError) and error.kind is BODY_TOO_LARGE:
            claim.prove_fed()
        if isinstance(error, IdentityConflictError) and claim.sent is not None:
            error = self._core.conflict(claim.sent, error)
        return self._refuse(claim.head, claim, error)

    def _admit(self, claim: Claim, body: bytes, now_ns: int, keys: Keys | None) -> None:
        claim.prove(body, keys or self._keys.fresh())
        if claim.key is None:
            raise self._wrong_key(claim.head, now_ns)
        if claim.key.is_revoked:
            raise ProblemError(KEY_REVOKED, f"Key {claim.key.key_id} of {claim.device} was revoked")
        wait_s = self._rate.wait_s(claim.device, now_ns)
        if wait_s:
            raise ProblemError(RATE_LIMITED, f"{claim.device} asks too often", retry_after_s=wait_s)

    def _held_ms(self, claim: Claim, now_ns: int) -> int:
        held = parse_held(claim.head.held)
        assert claim.key is not None  # noqa: S101 - proved before
        if held is None or not hmac.compare_digest(
            claim.key.signer.held_tag(held.held_ms, claim.tag), held.tag
        ):
            # believing the request without it would store a wrong time for ever
            raise self._wrong_key(claim.head, now_ns, "The tag of Unolink-Held is wrong")
        return held.held_ms

    def _wrong_key(
        self, head: SignedHead, now_ns: int, detail: str = "The device is not known, or the tag is wrong"
    ) -> ProblemError:
        problem = ProblemError(BAD_SIGNATURE, detail)
        return wrong_key(self._failures, self._log, head.asked, now_ns, problem)

    def _refuse(self, head: SignedHead, claim: Claim | None, error: BaseException) -> Answer:
        problem = problem_of(error)
        self._log.refused(head.asked, problem, error)
        return self._sign(claim, problem_answer(problem))

    def _sign(self, claim: Claim | None, answer: Answer) -> Answer:
        if claim is None or claim.key is None:
            return answer
        tag = claim.key.signer.answer_tag(answer.status, claim.tag)
        return Answer(answer.status, (("Unolink-Tag", tag.decode()), *answer.headers), answer.body)
