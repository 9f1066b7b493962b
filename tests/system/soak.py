"""A soak: the compiled image on the whole path for days of simulated time, more than once, to the same trace.

The node takes a reading a minute. From a shell, seven days in two processes side by side:

    make soak ARGS="--days 7"
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from system.whole_path import virtual_simulation
from unosim.board import Image, load_image
from unosim.counters import read_counters
from unosim.trace import Channel, Trace

HOUR_S = 3600
INTERVAL_MS = 60_000


class Digest(Trace):
    """A trace that keeps its digest and forgets its entries: days of them do not fit into memory."""

    def record(self, at_ns: int, channel: Channel, data: bytes, baud: int = 0) -> None:
        """Add an entry to the digest."""
        super().record(at_ns, channel, data, baud)
        self.entries.clear()


class Soaked(NamedTuple):
    """What a run comes to."""

    digest: str
    acked: int
    lost: int


def soak(image: Image, database: Path, hours: float, *, show: bool = False) -> Soaked:
    """Run for so many simulated hours.

    Args:
        image: the firmware.
        database: a file for the server.
        hours: how long.
        show: whether to say on standard error after each simulated hour how far it is.
    """
    trace = Digest()
    with virtual_simulation(
        image, database, lambda _: None, trace=trace, interval_ms=str(INTERVAL_MS)
    ) as simulation:
        for hour in range(int(hours)):
            simulation.run_to(hour * HOUR_S)
            if show:
                acked = read_counters(simulation, image).acked
                sys.stderr.write(f"\r{hour} h of {hours:g}, {acked} readings ")
                sys.stderr.flush()
        simulation.run_to(hours * HOUR_S)
        counters = read_counters(simulation, image)
    return Soaked(trace.digest(), counters.acked, counters.lost)


def soak_alone(elf: Path, hours: float, show: bool) -> Soaked:
    """Run an image on a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return soak(load_image(elf), Path(folder) / "soak.db", hours, show=show)


def main() -> int:
    """Run twice and compare; 1 if the runs differ or readings were lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--image", type=Path, default=Path(".pio/build/uno/firmware.elf"))
    options = parser.parse_args()
    hours = 24 * options.days
    with ProcessPoolExecutor(2) as pool:
        runs = list(pool.map(soak_alone, [options.image] * 2, [hours] * 2, [True, False]))
    for n, run in enumerate(runs):
        sys.stderr.write(f"\nrun {n + 1}: {run}")
    same = runs[0] == runs[1]
    sys.stdout.write("\nthe same trace twice\n" if same else "\nTHE RUNS DIFFER\n")
    return int(not same or runs[0].lost > 0)


if __name__ == "__main__":
    sys.exit(main())
