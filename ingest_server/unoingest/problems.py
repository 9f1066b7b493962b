"""Every error an HTTP client can get: one table, and its form on the wire (RFC 9457).

Rules: a code never changes its meaning or status once released; each code is documented in
docs/ingest-api.md; the body says what was wrong (`detail`), where (`pointer`, RFC 6901) and what to
do (`fix`). `type` is the relative reference `/problems/<code>`, which the server answers with the
table's row as text.
This module does not decide which problem applies: the modules that find one raise `ProblemError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

PROBLEM_MEDIA_TYPE = "application/problem+json"

RETRY_NEVER = "no, it would be refused again"
RETRY_BACK_OFF = "yes, with back-off"
RETRY_KEY = "yes, once the key is right"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One row of the table.

    Args:
        code: Stable name for programs.
        status: HTTP status code.
        title: Short summary, the same for every occurrence.
        fix: What the client or its operator should do.
        retry: Whether to send the same request again.
        retry_after_s: Value of the Retry-After header in seconds, or None for no header.
    """

    code: str
    status: int
    title: str
    fix: str
    retry: str = RETRY_NEVER
    retry_after_s: int | None = None


MALFORMED_JSON = ProblemKind(
    "malformed_json", 400, "The body is not JSON", "Send one UTF-8 JSON object, without a byte order mark."
)
INVALID_READING = ProblemKind(
    "invalid_reading",
    400,
    "The body is JSON, but not a valid set of readings",
    "Correct the member that `pointer` names; unknown members are refused so that a typo loses no data.",
)
INVALID_HOST = ProblemKind(
    "invalid_host",
    400,
    "The request does not name one host",
    "Send Host once, with the name or address of this server (RFC 9112, section 3.2).",
)
MALFORMED_REQUEST = ProblemKind(
    "malformed_request",
    400,
    "This is no request of HTTP/1.1, or its end is in doubt",
    "Send HTTP/1.1 as RFC 9112 has it, without TLS, with one Content-Length or Transfer-Encoding: chunked.",
)
INVALID_LENGTH = ProblemKind(
    "invalid_length",
    400,
    "The body does not have the length that was announced",
    "Send a decimal Content-Length and exactly that many bytes.",
)
MALFORMED_GZIP = ProblemKind(
    "malformed_gzip", 400, "The body is not the gzip data that it should be", "Send it again, or not packed."
)
INVALID_LINE = ProblemKind(
    "invalid_line",
    400,
    "No line of the body can be stored",
    "Correct the lines that `detail` names.",
)
PARTIAL_WRITE = ProblemKind(
    "partial_write",
    400,
    "Some lines of the body were stored and others were not",
    "Correct the lines that `detail` names; the others may be sent again if they have times.",
)
INVALID_QUERY = ProblemKind(
    "invalid_query", 400, "The query of the URL is not valid", "Correct the parameter that `detail` names."
)
INVALID_IDEMPOTENCY_KEY = ProblemKind(
    "invalid_idempotency_key",
    400,
    "The Idempotency-Key is not valid",
    'Send 1 to 255 printable ASCII characters in double quotes, for example a UUID: "0190c1f6-...".',
)
BAD_KEY = ProblemKind(
    "bad_key",
    401,
    "The key is missing or not known",
    "Send Authorization: Bearer with a key made by: unoingest devices add NAME --bearer, or --reader.",
    RETRY_KEY,
)
NOT_ALLOWED = ProblemKind(
    "not_allowed",
    403,
    "This key is for something else",
    "A --bearer key posts readings, a --reader key reads them, a device signs.",
    RETRY_KEY,
)
BAD_SIGNATURE = ProblemKind(
    "bad_signature",
    401,
    "The device is not known, or the tag is wrong",
    "Give the device and the server the same key: unoingest devices list, unoingest devices rotate.",
    RETRY_KEY,
)
KEY_REVOKED = ProblemKind(
    "key_revoked",
    403,
    "The key was revoked",
    "Give the device a new key: unoingest devices add, or rotate.",
    RETRY_KEY,
)
UNKNOWN_PATH = ProblemKind("unknown_path", 404, "There is nothing at this path", "Post to /v1/readings.")
UNKNOWN_DEVICE = ProblemKind(
    "unknown_device", 404, "There is no reading of this device", "See which there are: GET /v1/devices."
)
METHOD_NOT_ALLOWED = ProblemKind(
    "method_not_allowed", 405, "This path does not take this method", "Use a method from the Allow header."
)
BODY_TIMEOUT = ProblemKind(
    "body_timeout",
    408,
    "The body did not arrive in time",
    "Send the whole body within 30 seconds of the request's head, on a new connection.",
    RETRY_BACK_OFF,
)
LENGTH_REQUIRED = ProblemKind(
    "length_required",
    411,
    "The length of the body is not known",
    "Send Content-Length; this server passes chunked bodies on without their end.",
)
BODY_TOO_LARGE = ProblemKind(
    "body_too_large", 413, "The body is too large", "Send fewer readings in each request."
)
UNSUPPORTED_MEDIA_TYPE = ProblemKind(
    "unsupported_media_type",
    415,
    "The body's media type or coding is not supported",
    "Send Content-Type: application/json, in UTF-8 and without a Content-Encoding.",
)
HEAD_TOO_LARGE = ProblemKind(
    "head_too_large", 431, "The head of the request is too large", "Send fewer and shorter header fields."
)
IDENTITY_CONFLICT = ProblemKind(
    "identity_conflict",
    422,
    "A reading with the same device, boot and seq but other values exists",
    "Raise boot after each restart and seq after each reading; drop or renumber the reading at `pointer`.",
)
IDEMPOTENCY_KEY_REUSED = ProblemKind(
    "idempotency_key_reused",
    422,
    "The Idempotency-Key belongs to another request",
    "Draw a new key for each new request; only a retry of the same bytes has the same key.",
)
RATE_LIMITED = ProblemKind(
    "rate_limited",
    429,
    "Too many requests",
    "Keep the readings, wait for Retry-After, and send several readings in one request.",
    RETRY_BACK_OFF,
    retry_after_s=1,
)
INTERNAL_ERROR = ProblemKind(
    "internal_error",
    500,
    "The server made a mistake",
    "Keep the readings and try again later; the operator finds the cause in the server's log.",
    RETRY_BACK_OFF,
)
STORE_UNAVAILABLE = ProblemKind(
    "store_unavailable",
    503,
    "The readings cannot be put on disk now",
    "Keep the readings and try again after Retry-After; the operator should look at the server's disk.",
    RETRY_BACK_OFF,
    retry_after_s=5,
)

PROBLEMS: Mapping[str, ProblemKind] = {
    kind.code: kind
    for kind in (
        MALFORMED_JSON,
        INVALID_READING,
        INVALID_HOST,
        MALFORMED_REQUEST,
        INVALID_LENGTH,
        MALFORMED_GZIP,
        INVALID_LINE,
        PARTIAL_WRITE,
        INVALID_QUERY,
        INVALID_IDEMPOTENCY_KEY,
        BAD_KEY,
        NOT_ALLOWED,
        BAD_SIGNATURE,
        KEY_REVOKED,
        UNKNOWN_PATH,
        UNKNOWN_DEVICE,
        METHOD_NOT_ALLOWED,
        BODY_TIMEOUT,
        LENGTH_REQUIRED,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        IDENTITY_CONFLICT,
        IDEMPOTENCY_KEY_REUSED,
        RATE_LIMITED,
        HEAD_TOO_LARGE,
        INTERNAL_ERROR,
        STORE_UNAVAILABLE,
    )
}


class ProblemError(Exception):
    """A request that cannot be served.

    Args:
        kind: Row of the table.
        detail: What was wrong with this request, in one sentence.
        pointer: JSON pointer (RFC 6901) of the offending member, or None if none can be named.
        retry_after_s: Seconds to wait, where the table's value is only the least.
        logged: Whether the service's log has a line for it; False where one line stands for many.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        pointer: str | None = None,
        *,
        retry_after_s: int | None = None,
        logged: bool = True,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.pointer = pointer
        self.retry_after_s = kind.retry_after_s if retry_after_s is None else retry_after_s
        self.logged = logged


class _ProblemBody(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    code: str
    fix: str
    pointer: str | None = None


def encode_problem(problem: ProblemError) -> bytes:
    """Return the application/problem+json body (RFC 9457, section 3) of `problem`."""
    kind = problem.kind
    return msgspec.json.encode(
        _ProblemBody(
            f"/problems/{kind.code}",
            kind.title,
            kind.status,
            problem.detail,
            kind.code,
            kind.fix,
            problem.pointer,
        )
    )


def describe_problem(kind: ProblemKind) -> str:
    """Return the text served at the problem's type, for the person who follows the link."""
    return (
        f"{kind.code} ({kind.status}): {kind.title}.\n"
        f"What to do: {kind.fix}\n"
        f"Send the same request again? {kind.retry}.\n"
    )
