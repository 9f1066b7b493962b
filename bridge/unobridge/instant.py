"""A moment by two clocks, so that a time span is right although somebody sets the time of day.

The second clock runs through sleep and is set by nobody, where the system has one: a computer without a
battery-backed clock does not age readings when it learns the time. After a restart only the time of day is
left.
"""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instant:
    """A moment by two clocks: the time of day, and one that nobody sets (empty `clock` for none)."""

    wall_ns: int
    clock: str
    clock_ns: int

    def elapsed_ns(self, now: "Instant") -> int:
        """Return the time from here to a later moment, never below 0."""
        if self.clock and self.clock == now.clock:
            return max(0, now.clock_ns - self.clock_ns)
        return max(0, now.wall_ns - self.wall_ns)


def this_instant() -> Instant:
    """Return the present moment."""
    boot = Path("/proc/sys/kernel/random/boot_id")  # random(4): tells one run of the system from another
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None or not boot.exists():
        return Instant(time.time_ns(), "", 0)
    return Instant(time.time_ns(), boot.read_text().strip(), time.clock_gettime_ns(clock))
