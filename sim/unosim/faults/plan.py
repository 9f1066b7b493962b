"""A plan: faults and a seed, to and from text, and the generator that all chance comes from.

The text of a plan is that of its faults with `; ` between them. `Plan.parse(str(plan), seed=plan.seed)` is
the same plan.
"""

import difflib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from unosim.faults.catalogue import CATALOGUE, Cause, Fault, Wire

_FAULT = re.compile(r"(?P<name>[a-z-]+)(?::(?P<wire>[^@,]+))?(?:@(?P<at>[^,]+))?(?P<rest>(?:,[a-z]+=[^,]+)*)")


def _whole(text: str) -> int:
    return int(text, 0)


_READERS: dict[str, Callable[[str], Any]] = {
    "wire": Wire,
    "at": _whole,
    "cause": Cause,
    "chance": float,
    "bit": _whole,
    "byte": _whole,
    "percent": float,
    "seconds": float,
    "count": _whole,
    "times": _whole,
    "until": _whole,
}
"""How the value of each field is read."""


class FaultError(ValueError):
    """The text of a fault says nothing that could be done; the message says why and what would."""


@dataclass(frozen=True)
class Plan:
    """What is to go wrong in a run.

    Args:
        faults: in any order.
        seed: what all chance derives from.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def __str__(self) -> str:
        """Return the text form, without the seed."""
        return "; ".join(map(str, self.faults))

    @classmethod
    def parse(cls, text: str, *, seed: int = 0, catalogue: Mapping[str, type[Fault]] = CATALOGUE) -> "Plan":
        """Read the text form; blank text is a plan without faults.

        Args:
            text: faults with `;` between them.
            seed: what all chance derives from.
            catalogue: the faults by name, where somebody has more of them.

        Raises:
            FaultError: a part of it is no fault.
        """
        parts = (part.strip() for part in text.split(";"))
        return cls(tuple(parse_fault(part, catalogue) for part in parts if part), seed)


def generator(seed: int, fault: Fault) -> random.Random:
    """Return the generator of one fault of a plan with this seed; the only source of chance here."""
    return random.Random(f"unosim.faults {seed} {fault}")  # noqa: S311  # repeatable on purpose, guards no secret


def parse_fault(text: str, catalogue: Mapping[str, type[Fault]] = CATALOGUE) -> Fault:
    """Read the text form of one fault of a catalogue.

    Raises:
        FaultError: an unknown name, a field that the fault has not, or a value that it cannot take.
    """
    match = _FAULT.fullmatch(text)
    if match is None:
        raise FaultError(
            f"{text!r} is no fault; write name[:wire][@at][,field=value], as in drop-byte:esp>uno@123"
        )
    kind = catalogue.get(match["name"])
    if kind is None:
        near = difflib.get_close_matches(match["name"], catalogue, 1) or sorted(catalogue)
        raise FaultError(f"no fault is called {match['name']!r}; did you mean {', '.join(near)}?")
    values = dict(part.split("=", 1) for part in match["rest"].split(",") if part)
    values |= {name: match[name] for name in ("wire", "at") if match[name] is not None}
    known = [one.name for one in fields(kind)]
    missing = [one.name for one in fields(kind) if one.default is MISSING and one.name not in values]
    unknown = [name for name in values if name not in known]
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has no field {', '.join(unknown)}"
        raise FaultError(f"{text!r} {wrong}; the fields of {kind.name} are {', '.join(known)}")
    try:
        return kind(**{name: _READERS[name](value) for name, value in values.items()})
    except ValueError as error:
        raise FaultError(f"{text!r} cannot be: {error}") from error
