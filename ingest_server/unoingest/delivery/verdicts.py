"""What a failed write means for the entries in it: a table of status codes, and the waits between tries.

Rules:

* What may pass by itself is tried again, for ever: the data is on disk, and there is nothing better to do.
* What a human must mend (no permission, no such project) is tried again slowly and is an alarm. Agents that
  drop data on such an answer lose it on the day a key is rotated.
* Only an entry that the service refused by name is given up (WriteLogEntriesPartialErrors, code 3). A refusal
  that names none is narrowed down by halves.

Codes are google.rpc.Code; details are those of google/rpc/error_details.proto and logging.proto.
"""

import enum
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.rpc import code_pb2  # type: ignore[import-untyped]

RETRY_S_MIN, RETRY_S_MAX = 0.1, 60.0
PAUSE_S_MIN = 1.0


class Verdict(enum.Enum):
    """What to do about a failed write."""

    RETRY = "it may pass by itself"
    PAUSE = "somebody must mend it"
    DIVIDE = "some entry in it is wrong"


_VERDICTS: Mapping[int, Verdict] = {
    code_pb2.CANCELLED: Verdict.RETRY,
    code_pb2.UNKNOWN: Verdict.RETRY,
    code_pb2.DEADLINE_EXCEEDED: Verdict.RETRY,
    code_pb2.RESOURCE_EXHAUSTED: Verdict.RETRY,
    code_pb2.ABORTED: Verdict.RETRY,
    code_pb2.INTERNAL: Verdict.RETRY,
    code_pb2.UNAVAILABLE: Verdict.RETRY,
    code_pb2.INVALID_ARGUMENT: Verdict.DIVIDE,
}


@dataclass(frozen=True, slots=True)
class EntryError:
    """Why one entry was not written."""

    code: int
    message: str


@dataclass
class WriteError(Exception):
    """A write that failed, wholly or for some entries.

    Args:
        code: Of the call.
        message: Of the call.
        retry_s: What the service asks to wait, in seconds, or None.
        entry_errors: By the entry's place in the request; if there are any, all others were written.
    """

    code: int
    message: str
    retry_s: float | None = None
    entry_errors: Mapping[int, EntryError] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the status as the service's documents write it."""
        return f"{code_pb2.Code.Name(self.code)}: {self.message}"


Letter = tuple[int, bytes]
"""An entry by itself: when its request was received, in nanoseconds since the Unix epoch, and its frame."""


@dataclass(frozen=True, slots=True)
class Division:
    """What becomes of letters that were refused together.

    Args:
        parts: Letters to be written once more, each part by itself.
        refused: Letters that are given up, with the reason. What is in neither was written.
    """

    parts: Sequence[list[Letter]]
    refused: Sequence[tuple[Letter, str]]


def divide(letters: Sequence[Letter], refusal: WriteError) -> Division:
    """Return what becomes of letters whose write ended with `refusal`, which is final for some of them."""
    if refusal.entry_errors:
        refused, again = [], []
        for index, error in refusal.entry_errors.items():
            if verdict_of(error.code) is Verdict.DIVIDE:
                refused.append((letters[index], error.message))
            else:
                again.append(letters[index])
        return Division([again] if again else [], refused)
    if len(letters) == 1:
        return Division([], [(letters[0], refusal.message)])
    half = len(letters) // 2
    return Division([list(letters[:half]), list(letters[half:])], [])


def verdict_of(code: int) -> Verdict:
    """Return what a status means. Codes that nobody expects are a human's business: nothing is lost by it."""
    return _VERDICTS.get(code, Verdict.PAUSE)


def wait_s(error: WriteError, failures: int, draw: random.Random) -> float:
    """Return how long to wait before the next try, in seconds.

    Args:
        error: The last failure, to be retried.
        failures: How many there were in a row, this one included.
        draw: Spreads senders that failed together.
    """
    first_s = PAUSE_S_MIN if verdict_of(error.code) is Verdict.PAUSE else RETRY_S_MIN
    backoff_s = min(first_s * 2.0 ** min(failures - 1, 20), RETRY_S_MAX)
    return max(backoff_s * draw.uniform(0.5, 1.0), error.retry_s or 0.0)
