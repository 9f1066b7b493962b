"""What goes wrong in the fake service: named faults, drawn with seeded rates or by a script.

A fault *after* the write is an answer that got lost: the entries are stored and the client is told otherwise.
"""

import random
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.rpc import code_pb2  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a call to fail.

    Args:
        code: A google.rpc.Code, or OK for a call that is only slow.
        after_write: Whether the entries are stored all the same.
        delay_ms: How long the call is held up first, milliseconds.
        retry_ms: What RetryInfo asks the client to wait, milliseconds, or None for no RetryInfo.
    """

    code: int
    after_write: bool = False
    delay_ms: int = 0
    retry_ms: int | None = None


FAULTS: Mapping[str, Fault] = {
    "unavailable": Fault(code_pb2.UNAVAILABLE),
    "internal": Fault(code_pb2.INTERNAL),
    "quota": Fault(code_pb2.RESOURCE_EXHAUSTED, retry_ms=50),
    "unauthenticated": Fault(code_pb2.UNAUTHENTICATED),
    "permission_denied": Fault(code_pb2.PERMISSION_DENIED),
    "not_found": Fault(code_pb2.NOT_FOUND),
    "slow": Fault(code_pb2.OK, delay_ms=200),
    "lost_answer": Fault(code_pb2.UNAVAILABLE, after_write=True),
    "lost_deadline": Fault(code_pb2.DEADLINE_EXCEEDED, after_write=True),
}


class FaultPlan:
    """Decides which write fails; safe to call from several threads.

    Args:
        rates: Share of the writes, 0..1, that each named fault hits; together at most 1.
        script: Names of faults for the first writes, "" for a write that goes well; then the rates apply.
        seed: Of the draw. Calls of several clients come in any order, so only the sequence is repeatable.
        poison_rate: Share of the entries, 0..1, that is refused by name, each time it is written. Which these
            are follows from their insertId alone.

    Raises:
        ValueError: a name is unknown, a rate is out of range, or the rates exceed 1 together.
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        *,
        script: Iterable[str] = (),
        seed: int = 1,
        poison_rate: float = 0.0,
    ) -> None:
        self._rates = dict(rates or {})
        self._script = list(script)
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()
        self._poison_below = int(poison_rate * 2**32)
        unknown = ({*self._rates, *self._script} - {""}) - FAULTS.keys()
        if unknown:
            raise ValueError(f"no fault is called {sorted(unknown)}; there are {', '.join(FAULTS)}")
        shares = [*self._rates.values(), poison_rate]
        if any(not 0 <= share <= 1 for share in shares) or sum(self._rates.values()) > 1:
            raise ValueError(f"rates {shares} are not shares that add up to at most 1")

    def is_poison(self, insert_id: str) -> bool:
        """Tell whether the entry with this insertId is refused."""
        return bool(self._poison_below) and zlib.crc32(insert_id.encode()) < self._poison_below

    def draw(self) -> Fault | None:
        """Return what happens to the next write, or None if it goes well."""
        with self._lock:
            if self._script:
                name = self._script.pop(0)
                return FAULTS[name] if name else None
            point = self._random.random()
            for name, rate in self._rates.items():
                if point < rate:
                    return FAULTS[name]
                point -= rate
            return None
