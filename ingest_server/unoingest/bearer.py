"""Bearer keys: who a client is, and whether it may.

The key comes as `Authorization: Bearer <key>` (RFC 6750), as InfluxDB's clients send it, `Token <key>`, or as
the password of `Basic` (RFC 7617), for clients that know only names and passwords; the name is not looked at.
It is never taken from a URL, because URLs are logged.
"""

import base64
import re

from unoingest.answers import Asked, ServiceLog
from unoingest.key_file import Kind, StoredKey
from unoingest.key_ring import KeyRing
from unoingest.limits import FAILURE_WINDOW_S, FAILURES_MAX, FailureLimit, RateLimit
from unoingest.problems import (
    BAD_KEY,
    KEY_REVOKED,
    NOT_ALLOWED,
    RATE_LIMITED,
    ProblemError,
)

_CREDENTIALS = re.compile(r"(?i:(bearer|token|basic)) +(\S{1,400})")


def wrong_key(
    failures: FailureLimit, log: ServiceLog, asked: Asked, now_ns: int, problem: ProblemError
) -> ProblemError:
    """Count a wrong key and return what its sender hears: `problem`, or after too many to wait."""
    count = failures.count(asked.address, now_ns)
    if count <= FAILURES_MAX:
        return problem
    if count == FAILURES_MAX + 1:
        log.wrong_keys(asked, count, FAILURE_WINDOW_S)
    return ProblemError(
        RATE_LIMITED, "Too many wrong keys from this address", retry_after_s=FAILURE_WINDOW_S, logged=False
    )


class Bearers:
    """Judges bearer keys. Safe to use from several threads.

    Args:
        keys: Whose key it is.
        rate: How often a client may ask.
        failures: Shared with the signed posts.
        log: Hears of guesses.
    """

    def __init__(self, keys: KeyRing, rate: RateLimit, failures: FailureLimit, log: ServiceLog) -> None:
        self._keys = keys
        self._rate = rate
        self._failures = failures
        self._log = log

    def admit(self, authorization: str, asked: Asked, now_ns: int, kind: Kind) -> StoredKey:
        """Return the key of a client that may do what is asked.

        Args:
            authorization: The header, or "".
            asked: For the log.
            now_ns: Present time.
            kind: What the client must be.

        Raises:
            ProblemError: bad_key, key_revoked, not_allowed or rate_limited.
            StoreUnavailableError: the keys cannot be read now.
        """
        if not authorization:
            raise ProblemError(BAD_KEY, "There is no Authorization header")
        key = self._keys.fresh().bearer(_token(authorization))
        if key is None:
            problem = ProblemError(BAD_KEY, "The key is not known")
            raise wrong_key(self._failures, self._log, asked, now_ns, problem)
        if key.revoked_at_ns is not None:
            raise ProblemError(KEY_REVOKED, f"Key {key.key_id} of {key.name} was revoked")
        if key.kind is not kind:
            raise ProblemError(NOT_ALLOWED, f"{key.name} is a {key.kind.value}, this takes a {kind.value}")
        wait_s = self._rate.wait_s(key.name, now_ns)
        if wait_s:
            raise ProblemError(RATE_LIMITED, f"{key.name} asks too often", retry_after_s=wait_s)
        return key


def _token(authorization: str) -> str:
    """Return the key in an Authorization header, or "" if there is none."""
    match = _CREDENTIALS.fullmatch(authorization)
    if match is None:
        return ""
    if match[1].lower() != "basic":
        return match[2]
    try:
        return base64.b64decode(match[2], validate=True).decode().partition(":")[2]
    except ValueError:
        # no base64, no ASCII, or what it codes is no UTF-8
        return ""
