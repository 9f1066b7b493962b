"""What each failed write means for its entries, as tables."""

import random

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from unoingest.delivery.verdicts import (
    PAUSE_S_MIN,
    RETRY_S_MAX,
    RETRY_S_MIN,
    EntryError,
    Verdict,
    WriteError,
    divide,
    verdict_of,
    wait_s,
)

RETRIED = {
    "CANCELLED",
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "INTERNAL",
    "UNAVAILABLE",
}
INVALID, QUOTA, DENIED = code_pb2.INVALID_ARGUMENT, code_pb2.RESOURCE_EXHAUSTED, code_pb2.PERMISSION_DENIED
LETTERS = [(seq, b"<%d>" % seq) for seq in range(5)]


@pytest.mark.parametrize("name", [name for name in code_pb2.Code.keys() if name != "OK"])  # noqa: SIM118 - an enum
def test_every_status_has_a_verdict_and_only_one_kind_gives_anything_up(name: str) -> None:
    verdict = verdict_of(code_pb2.Code.Value(name))
    expected = (
        Verdict.RETRY if name in RETRIED else Verdict.DIVIDE if name == "INVALID_ARGUMENT" else Verdict.PAUSE
    )
    assert verdict is expected


@pytest.mark.parametrize(
    ("code", "failures", "retry_s", "bounds"),
    [
        (QUOTA, 1, None, (RETRY_S_MIN / 2, RETRY_S_MIN)),
        (QUOTA, 3, None, (RETRY_S_MIN * 2, RETRY_S_MIN * 4)),
        (QUOTA, 1, 7.0, (7.0, 7.0)),
        (QUOTA, 1000, None, (RETRY_S_MAX / 2, RETRY_S_MAX)),
        (DENIED, 1, None, (PAUSE_S_MIN / 2, PAUSE_S_MIN)),
        (DENIED, 1000, None, (RETRY_S_MAX / 2, RETRY_S_MAX)),
    ],
)
def test_waits(code: int, failures: int, retry_s: float | None, bounds: tuple[float, float]) -> None:
    draw = random.Random(1)  # noqa: S311 - repeatable on purpose
    waits = [wait_s(WriteError(code, "", retry_s), failures, draw) for _ in range(200)]
    assert bounds[0] <= min(waits)
    assert max(waits) <= bounds[1]
    assert len(set(waits)) > 100 or retry_s is not None


def error(code: int = INVALID, **codes: int) -> WriteError:
    entries = {
        int(index.removeprefix("at_")): EntryError(one, f"entry {one}") for index, one in codes.items()
    }
    return WriteError(code, "the call", entry_errors=entries)


@pytest.mark.parametrize(
    ("letters", "refusal", "parts", "refused"),
    [
        ([0, 1, 2, 3, 4], error(at_1=INVALID, at_3=INVALID), [], [(1, "entry 3"), (3, "entry 3")]),
        ([0, 1, 2], error(at_0=QUOTA, at_2=INVALID), [[0]], [(2, "entry 3")]),
        ([0, 1, 2], error(QUOTA, at_0=QUOTA, at_2=DENIED), [[0, 2]], []),
        ([0, 1, 2, 3, 4], error(), [[0, 1], [2, 3, 4]], []),
        ([0, 1], error(), [[0], [1]], []),
        ([3], error(), [], [(3, "the call")]),
    ],
)
def test_letters_that_were_refused_together(
    letters: list[int], refusal: WriteError, parts: list[list[int]], refused: list[tuple[int, str]]
) -> None:
    division = divide([LETTERS[seq] for seq in letters], refusal)
    assert [[seq for seq, _ in part] for part in division.parts] == parts
    assert [(letter[0], reason) for letter, reason in division.refused] == refused


def test_an_error_names_its_status() -> None:
    assert str(WriteError(DENIED, "no")) == "PERMISSION_DENIED: no"
