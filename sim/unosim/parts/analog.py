"""A voltage on an analog pin: constant, a function of time, or a recording.

Rules: what the converter samples is the voltage at the instant at which its conversion begins. Between the
rows of a recording the voltage is on the straight line, before the first and after the last it is theirs.

What it does not do: source resistance, noise, and the analog comparator, which sees the last voltage that was
sampled.
"""

import bisect
import csv
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from unosim.clock import NS_PER_S
from unosim.errors import UserError
from unosim.parts.part import Part, Wires
from unosim.pins import channel_at

MILLIVOLTS_MAX = 65_535
"""The most that the board takes; above the reference voltage, the code saturates anyway."""
RECORDING_BYTES_MAX = 64 << 20
"""A file beyond this is not a recording that somebody means to play to an Uno."""
HEADER = ["seconds", "millivolts"]

Source = Callable[[int], int]
"""The voltage in mV as a function of the instant in ns."""


class RecordingError(UserError):
    """A recording cannot be read."""


class Analog(Part):
    """A voltage on an analog pin.

    Args:
        pin: 0 to 7, or "A0" to "A7".
        source: the voltage in mV, constant or as a function of the instant in ns; held within 0 to 65,535.

    Raises:
        ValueError: there is no such pin.
    """

    def __init__(self, pin: int | str, source: int | Source) -> None:
        self.channels = (channel_at(pin),)
        self._source = source

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Put the voltage of this instant on the pin."""
        self.sample(self.channels[0], now_ns, wires)

    def sample(self, channel: int, now_ns: int, wires: Wires) -> None:
        """Put the voltage of this instant on the pin."""
        millivolts = self._source if isinstance(self._source, int) else self._source(now_ns)
        wires.set_analog_mv(channel, min(max(0, millivolts), MILLIVOLTS_MAX))


class Recording:
    """A voltage that was recorded: call it with an instant in ns.

    Args:
        rows: (seconds since power-on, millivolts), at least one, in rising order of time.
    """

    def __init__(self, rows: Sequence[tuple[float, float]]) -> None:
        self._seconds = [seconds for seconds, _ in rows]
        self._millivolts = [millivolts for _, millivolts in rows]

    def __call__(self, now_ns: int) -> int:
        """Return the voltage in mV at an instant in ns."""
        now_s = now_ns / NS_PER_S
        after = bisect.bisect_right(self._seconds, now_s)
        if after in {0, len(self._seconds)}:
            return round(self._millivolts[max(0, after - 1)])
        begin_s, end_s = self._seconds[after - 1 : after + 1]
        begin_mv, end_mv = self._millivolts[after - 1 : after + 1]
        return round(begin_mv + (end_mv - begin_mv) * (now_s - begin_s) / (end_s - begin_s))


def load_recording(path: Path) -> Recording:
    """Read a CSV file with two columns, seconds and millivolts; a first line with these names may be there.

    Raises:
        RecordingError: it cannot be read, or a row is none; the message names the line.
    """
    try:
        if path.stat().st_size > RECORDING_BYTES_MAX:
            raise RecordingError(
                f"{path} has more than {RECORDING_BYTES_MAX >> 20} MB", hint="keep fewer rows a second"
            )
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = _rows(path, file)
    except OSError as error:
        raise RecordingError(
            f"cannot read {path}: {error.strerror}",
            hint="name a CSV file with seconds,millivolts in each row",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path} is no CSV file: {error}", hint="save it as plain text") from error
    if not rows:
        raise RecordingError(f"{path} has no rows", hint="write one as seconds,millivolts")
    return Recording(rows)


def _rows(path: Path, file: Iterable[str]) -> list[tuple[float, float]]:
    rows: list[tuple[float, float]] = []
    lines = csv.reader(file)
    for fields in lines:
        if not fields or (lines.line_num == 1 and [field.strip().lower() for field in fields] == HEADER):
            continue
        problem = _problem(fields, rows)
        if problem:
            raise RecordingError(
                f"{path}:{lines.line_num}: {problem}",
                hint="each row is seconds,millivolts, such as 0.5,1250, in rising order of time",
            )
        rows.append((float(fields[0]), float(fields[1])))
    return rows


def _problem(fields: list[str], rows: Sequence[tuple[float, float]]) -> str | None:
    """Return what is wrong with a row, or None."""
    if len(fields) != len(HEADER):
        return f"{len(fields)} fields instead of 2"
    for field in fields:
        try:
            number = float(field)
        except ValueError:
            return f"{field.strip()!r} is not a number"
        if not math.isfinite(number):
            return f"{field.strip()!r} is not a number of this world"
    seconds, millivolts = map(float, fields)
    if not 0 <= millivolts <= MILLIVOLTS_MAX:
        return f"{fields[1].strip()} mV is not within 0 to {MILLIVOLTS_MAX}"
    if rows and seconds <= rows[-1][0]:
        return f"{fields[0].strip()} s does not come after {rows[-1][0]:g} s"
    return None
