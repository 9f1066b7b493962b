"""Answers, and what the service's own log says of the bad ones; the same under every HTTP server.

This module does not decide which answer a request gets.
"""

import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from unoingest.errors import StoreUnavailableError
from unoingest.problems import (
    BAD_KEY,
    BAD_SIGNATURE,
    INTERNAL_ERROR,
    PROBLEM_MEDIA_TYPE,
    STORE_UNAVAILABLE,
    ProblemError,
    encode_problem,
)
from unoingest.structured_log import encode_event

Writer = Callable[[bytes], None]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back over HTTP; the server below adds Content-Length and Date."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the log says of a request.

    Args:
        method: As sent.
        path: Decoded; any characters.
        address: Of the client as the server below sees it, or "".
    """

    method: str
    path: str
    address: str


def problem_answer(problem: ProblemError) -> Answer:
    """Return the answer that carries a problem (RFC 9457)."""
    headers = [("Content-Type", PROBLEM_MEDIA_TYPE)]
    if problem.retry_after_s is not None:
        headers.append(("Retry-After", str(problem.retry_after_s)))
    # RFC 9110, section 15.5.2: a 401 names a scheme
    if problem.kind is BAD_SIGNATURE:
        headers.append(("WWW-Authenticate", "Unolink"))
    elif problem.kind is BAD_KEY:
        headers.append(("WWW-Authenticate", "Bearer"))
    return Answer(problem.kind.status, tuple(headers), encode_problem(problem))


def problem_of(error: BaseException) -> ProblemError:
    """Return the problem that an exception is: itself, or our mistake."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, StoreUnavailableError):
        return ProblemError(STORE_UNAVAILABLE, str(error))
    return ProblemError(INTERNAL_ERROR, "An unexpected error; the server's log has the details")


class ServiceLog:
    """The service's own log: a line for each refused request and for log lines that were not written.

    Args:
        clock_ns: Present time, nanoseconds since the Unix epoch.
        log: Takes the lines; may not raise.
    """

    def __init__(self, clock_ns: Callable[[], int], log: Writer) -> None:
        self._clock_ns = clock_ns
        self._log = log

    def refused(self, asked: Asked, problem: ProblemError, error: BaseException) -> None:
        """Log a refusal, with the traceback if it is our mistake."""
        if not problem.logged:
            return
        kind = problem.kind
        fields: dict[str, Any] = {
            "httpRequest": {
                "requestMethod": asked.method,
                "requestUrl": asked.path,
                "status": kind.status,
                "remoteIp": asked.address,
            },
            "problem": {"code": kind.code, "detail": problem.detail, "pointer": problem.pointer or ""},
        }
        if kind is INTERNAL_ERROR:
            fields["stack_trace"] = "".join(traceback.format_exception(error))
        elif kind is STORE_UNAVAILABLE and error.__cause__ is not None:
            # it may name files, which is for the operator and not for the client
            fields["cause"] = str(error.__cause__)
        severity = "ERROR" if kind.status >= 500 else "WARNING"
        message = f"{asked.method} {asked.path} refused: {kind.status} {kind.code}"
        self._log(encode_event(severity, "request_refused", message, self._clock_ns(), fields))

    def lines_lost(self, error: OSError) -> None:
        """Log that readings are on disk, but not on standard output."""
        message = f"log lines were not written: {error}; `unoingest readings --log-lines` has them"
        self._log(encode_event("ERROR", "log_lines_lost", message, self._clock_ns()))

    def broken(self, message: str, error: BaseException | None) -> None:
        """Log what went wrong in the HTTP server, outside of any answer."""
        fields = {"stack_trace": "".join(traceback.format_exception(error))} if error else {}
        self._log(encode_event("ERROR", "http_server", message, self._clock_ns(), fields))

    def wrong_keys(self, asked: Asked, count: int, window_s: int) -> None:
        """Log that an address guesses, in place of one line for each guess."""
        message = f"{count} wrong keys from {asked.address} in {window_s} s; more are not logged one by one"
        fields = {"remoteIp": asked.address, "count": count}
        self._log(encode_event("WARNING", "wrong_keys", message, self._clock_ns(), fields))
