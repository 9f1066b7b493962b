"""JSON bodies: decoded and validated in one pass by msgspec, and what is said when they break the rules.

msgspec lets three things through that the forms of a body must check: a member name that appears twice in one
object (the last would win, silently), an integer beyond 64 bits, and what depends on two members at once.
This module knows no form of a body, and nothing of HTTP.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from unoingest.problems import INVALID_READING, MALFORMED_JSON, ProblemError

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
# a client's own texts are quoted in its answer, and small devices have small buffers
DETAIL_CHARS_MAX = 200

T = TypeVar("T")
IsWrong = Callable[[str, Any], bool]

_MESSAGE = re.compile(r"(?s)(.*?)(?: - at (?:(`key`) in )?`(\$[^`]*)`)?")
_PATH_STEP = re.compile(r"\.([a-z_]+)|\[(\d+)\]")
_MISSING_OR_UNKNOWN = re.compile(r"(?s)Object (?:missing required|contains unknown) field `(.*)`")


def decode(
    decoder: msgspec.json.Decoder[T], body: bytes, *, is_wrong_key: IsWrong, is_wrong_value: IsWrong
) -> T:
    """Return the decoded body.

    Args:
        decoder: Says what is valid.
        body: At most 64 KiB, not limited here.
        is_wrong_key: Tells of a member of a dictionary whether its name made msgspec refuse it.
        is_wrong_value: The same of its value.

    Raises:
        ProblemError: malformed_json or invalid_reading.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(body, str(error), is_wrong_key, is_wrong_value) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from error


def pointer_of(*steps: str | int) -> str:
    """Return the JSON pointer with these reference tokens (RFC 6901, section 3)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def refuse_duplicates(body: bytes, members: int) -> None:
    """Raise if a member name appears twice in one object.

    Counting colons costs a fraction of decoding the body a second time.

    Args:
        body: Decoded before, and with no string in it that may hold a colon: one colon for each member.
        members: How many members were decoded.

    Raises:
        ProblemError: invalid_reading.
    """
    if body.count(b":") != members:
        refuse_duplicates_anywhere(body)


def refuse_duplicates_anywhere(body: bytes) -> None:
    """Raise as `refuse_duplicates` does, or malformed_json; strings may hold anything."""
    try:
        steps = _find_duplicate(json.loads(body, object_pairs_hook=_object_or_duplicate))
    except RecursionError as error:
        # msgspec has just been through it, but from a place a little less deep in the stack
        raise ProblemError(MALFORMED_JSON, "The body is nested too deeply") from error
    if steps:
        raise ProblemError(INVALID_READING, "Object contains the same member twice", pointer_of(*steps))


@dataclass(frozen=True, slots=True)
class _Duplicate:
    """Stands for an object in which `name` appears twice."""

    name: str


def _object_or_duplicate(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Duplicate:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return _Duplicate(name)
        seen.add(name)
    return dict(pairs)


def _find_duplicate(node: Any) -> tuple[str | int, ...]:
    """Return the path to the member that appears twice below `node`, or () if there is none."""
    if isinstance(node, _Duplicate):
        return (node.name,)
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, member in members:
        below = _find_duplicate(member)
        if below:
            return (step, *below)
    return ()


def _invalid(body: bytes, message: str, is_wrong_key: IsWrong, is_wrong_value: IsWrong) -> ProblemError:
    """Return the problem for msgspec's `message`, with its path turned into a JSON pointer."""
    match = _MESSAGE.fullmatch(message)
    assert match is not None  # noqa: S101 - every part of the pattern is optional
    detail, at_key, path = match.groups()
    steps: list[str | int] = [name or int(index) for name, index in _PATH_STEP.findall(path or "")]
    named = _MISSING_OR_UNKNOWN.fullmatch(detail)
    if named:
        steps.append(named[1])
    elif at_key:
        steps.extend(_first_member(body, steps, is_wrong_key))
    elif path and path.endswith("[...]"):
        steps.extend(_first_member(body, steps, is_wrong_value))
    pointer = pointer_of(*steps)
    if len(pointer) > DETAIL_CHARS_MAX:
        pointer = pointer_of(*steps[:-1])
    return ProblemError(INVALID_READING, detail[:DETAIL_CHARS_MAX], pointer)


def _first_member(body: bytes, steps: list[str | int], is_wrong: IsWrong) -> tuple[str, ...]:
    """Return the name of the first wrong member of the object at `steps`, which msgspec does not name.

    Returns () if it is not there: the rest of the body, which msgspec had not reached, may be no JSON, or may
    hold the same member again with something else in it.
    """
    try:
        node = msgspec.json.decode(body)
        for step in steps:
            node = node[step]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ()
    members = node.items() if isinstance(node, dict) else ()
    return next(((name,) for name, value in members if is_wrong(name, value)), ())
