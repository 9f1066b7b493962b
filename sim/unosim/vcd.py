"""Value change dumps (IEEE 1364-2005, section 18): what GTKWave, PulseView and sigrok open.

Rules: one ns a unit; only changes are written; the same changes give the same file. Changes may be told out
of order, as long as none is earlier than what `flush` has written.
"""

import heapq
import itertools
from collections.abc import Iterable
from typing import NamedTuple, TextIO

_FIRST_IDENTIFIER, _LAST_IDENTIFIER = ord("!"), ord("~")


class Signal(NamedTuple):
    """A wire of one bit: its name, without spaces, and its level at 0 ns."""

    name: str
    level: int


class VcdWriter:
    """Writes wires of one bit.

    Args:
        file: where to.
        scope: what the wires belong to, without spaces.
        signals: at most 94.
    """

    def __init__(self, file: TextIO, scope: str, signals: Iterable[Signal]) -> None:
        self._file = file
        self._identifiers: dict[str, str] = {}
        self._levels: dict[str, int] = {}
        self._pending: list[tuple[int, int, str, int]] = []
        self._order = itertools.count()
        self._shown_ns = 0
        file.write(f"$version unosim $end\n$timescale 1 ns $end\n$scope module {scope} $end\n")
        for number, signal in enumerate(signals, _FIRST_IDENTIFIER):
            if number > _LAST_IDENTIFIER:
                raise ValueError("more than 94 signals")
            self._identifiers[signal.name] = chr(number)
            self._levels[signal.name] = signal.level
            file.write(f"$var wire 1 {chr(number)} {signal.name} $end\n")
        file.write("$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n")
        file.writelines(f"{level}{self._identifiers[name]}\n" for name, level in self._levels.items())
        file.write("$end\n")

    def change(self, at_ns: int, name: str, level: int) -> None:
        """Note the level of a wire from an instant in ns on; one that it has already is no change."""
        heapq.heappush(self._pending, (at_ns, next(self._order), name, level))

    def flush(self, now_ns: int) -> None:
        """Write everything up to an instant in ns."""
        while self._pending and self._pending[0][0] <= now_ns:
            at_ns, _, name, level = heapq.heappop(self._pending)
            if level != self._levels[name]:
                self._levels[name] = level
                self._stamp(at_ns)
                self._file.write(f"{level}{self._identifiers[name]}\n")

    def end(self, now_ns: int) -> None:
        """Write everything up to an instant in ns, and that instant itself, so that viewers show it."""
        self.flush(now_ns)
        self._stamp(now_ns)
        self._file.flush()

    def _stamp(self, at_ns: int) -> None:
        if at_ns > self._shown_ns:
            self._shown_ns = at_ns
            self._file.write(f"#{at_ns}\n")
