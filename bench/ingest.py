# noqa: INP001 - a script, not a package
"""Acknowledged readings a second: the ingest server beside its peers, by one generator in one run.

The server has one core and the generator the other. Each row is a server of its own on an empty store,
driven by bench/load.c with prebuilt requests, in turn, ROUNDS times; the median counts. What an answer
promises stands beside the rate: ours and InfluxDB's (wal-fsync-delay=0) are on disk before they are given,
the others' are not. What the disk gives just now is measured between the rows, so compare rows of one run,
and not runs; the server's CPU time of a reading is what busy neighbours disturb least.

Then the memory of a server that takes a million readings, and what bench/delivery.py measures. At the end,
each figure with its bar. Exits with 1 when one is missed. No round begins for which there may be no time.
"""

import itertools
import json
import operator
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import delivery
from ingest_servers import (
    HERE,
    INFLUXD,
    NODE_RED,
    VICTORIA,
    Post,
    Server,
    cpu_s,
    flask,
    hot_path,
    influx_writes,
    influxdb,
    json_posts,
    missing_peers,
    node_red,
    on_core,
    resident_mb,
    signed_posts,
    victoria_metrics,
    write_requests,
)

SECONDS = float(os.environ.get("BENCH_SECONDS", "2.5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ROUNDS_S_MAX = 250
BATCH = 100
POSTS_PER_S_MAX = 45_000
"""More are not made: a server that is faster has its file used up before the time."""
BATCHES_PER_S_MAX = 2_500
ARRIVE_PER_S = 2000
MEMORY_STEPS, MEMORY_READINGS = 10, 1_000_000
MEMORY_STEP_S_MAX = 30
MEMORY_GROWTH_MB_MAX = 5


@dataclass(frozen=True)
class Bar:
    """What a figure is held against."""

    figure: str
    value: float
    bar: float
    is_met: Callable[[float, float], bool] = operator.ge

    def __str__(self) -> str:
        """Return the line of the final table."""
        sign = ">=" if self.is_met is operator.ge else "<="
        verdict = "met" if self.is_met(self.value, self.bar) else "MISSED"
        return f"{self.figure:58} {self.value:12,.1f} {sign} {self.bar:9,.1f}  {verdict}"


# clients, whether a connection is kept, readings a post, and the least rate of hot path and Flask
LOADS: dict[str, tuple[int, bool, int, float, float]] = {
    "32 clients": (32, True, 1, 13_000, 5_500),
    "256 clients": (256, True, 1, 13_000, 5_500),
    "32 clients, a connection a post": (32, False, 1, 11_000, 5_000),
    f"batches of {BATCH}": (32, True, BATCH, 140_000, 0),
}
AHEAD_OF_INFLUXDB = ("32 clients", "256 clients", "32 clients, a connection a post")


def say(text: str, to: TextIO | None = None) -> None:
    """Print a line at once, to stdout unless said otherwise."""
    (to or sys.stdout).write(text + "\n")
    (to or sys.stdout).flush()


def syncs_per_s(folder: Path) -> float:
    """Return how often a second the disk takes 4 kB for good."""
    with (folder / "syncs").open("wb") as file:
        started_s = time.perf_counter()
        count = 0
        while time.perf_counter() < started_s + 0.3:
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - started_s)


class Bench:
    """Runs rows and remembers their results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._load = folder / "load"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("there is no C compiler: bench/load.c needs one")
        subprocess.run([compiler, "-O2", "-o", str(self._load), str(HERE / "load.c")], check=True)
        self.results: dict[str, list[dict[str, Any]]] = {}

    def run(self, name: str, row: "Row") -> None:
        """Measure one row once."""
        with tempfile.TemporaryDirectory(dir=self._folder) as empty, row.server(Path(empty)) as port:
            self.results.setdefault(name, []).append(self.load(name, port, row.posts, SECONDS, *row.load))

    def load(self, name: str, port: int, posts: Path, seconds: float, *load: str) -> dict[str, Any]:
        """Send posts and return what bench/load.c reports."""
        clients, *rest = load
        before_s = cpu_s(port)
        command = on_core(1, [str(self._load), str(port), str(posts), clients, str(seconds), *rest])
        result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        if result["broken"] or result["malformed"] or set(result["statuses"]) != {"204"}:
            raise SystemExit(f"{name}: {result}")
        return {**result, "cpu_us": (cpu_s(port) - before_s) / result["answered"] * 1e6}

    def median(self, name: str, key: str = "per_s") -> float:
        """Return the median of a row's results."""
        return float(statistics.median(result[key] for result in self.results[name]))


@dataclass(frozen=True)
class Row:
    """One thing to measure."""

    server: Server
    posts: Path
    load: tuple[str, ...]
    readings: int
    promise: str

    def rate(self, bench: Bench, name: str) -> float:
        """Return readings a second."""
        return bench.median(name) * self.readings


def servers() -> list[tuple[str, Server, str, str]]:
    """Return name, server, form of its requests, and what its answer promises."""
    for reason in missing_peers():
        say(reason)
    found: list[tuple[str, Server, str, str]] = [
        ("hot path", hot_path, "signed", "synced, de-duplicated, proved"),
        ("Flask", flask, "signed", "synced, de-duplicated, proved"),
    ]
    if INFLUXD.exists():
        found.append(("InfluxDB 1.6", influxdb, "influx", "synced"))
    if NODE_RED.exists():
        found.append(("Node-RED 4.1", node_red, "json", "page cache, not synced, no de-duplication"))
    if VICTORIA.exists():
        found.append(("VictoriaMetrics 1.79", victoria_metrics, "influx", "in memory"))
    return found


def rows(folder: Path) -> dict[str, Row]:
    """Return what is measured, with its requests written into the folder."""
    makers: dict[str, Callable[[int, int], Iterator[Post]]] = {
        "signed": signed_posts,
        "influx": influx_writes,
        "json": json_posts,
    }
    table: dict[str, Row] = {}
    for name, server, form, promise in servers():
        for load, (clients, keep, batch, _, _) in LOADS.items():
            posts = folder / f"{form}-{batch}-{'keep' if keep else 'close'}"
            if not posts.exists():
                count = int(SECONDS * (POSTS_PER_S_MAX if batch == 1 else BATCHES_PER_S_MAX))
                write_requests(posts, makers[form](batch, count), keep=keep)
            how = (str(clients), "keep" if keep else "close")
            table[f"{name}, {load}"] = Row(server, posts, how, batch, promise)
    open_loop = ("256", "close", str(ARRIVE_PER_S))
    table[f"hot path, {ARRIVE_PER_S} a second arrive"] = Row(
        hot_path, folder / "signed-1-close", open_loop, 1, "synced, de-duplicated, proved"
    )
    return table


def memory_growth_mb(bench: Bench, folder: Path) -> float:
    """Print the memory of a server that takes a million readings; return how much the last 800,000 add."""
    posts = MEMORY_READINGS // BATCH // MEMORY_STEPS
    every = signed_posts(BATCH, posts * MEMORY_STEPS)
    sizes_mb = []
    with tempfile.TemporaryDirectory(dir=folder) as empty, hot_path(Path(empty)) as port:
        for _ in range(MEMORY_STEPS):
            path = folder / "memory"
            write_requests(path, itertools.islice(every, posts), keep=True)
            answered = bench.load("memory", port, path, MEMORY_STEP_S_MAX, "32", "keep")["answered"]
            if answered != posts:
                raise SystemExit(f"memory: {answered} of {posts} posts in {MEMORY_STEP_S_MAX} s")
            sizes_mb.append(resident_mb(port))
    say("memory after each 100,000 readings, MB: " + " ".join(f"{size:.1f}" for size in sizes_mb))
    return sizes_mb[-1] - sizes_mb[1]


def bars(bench: Bench, table: dict[str, Row]) -> list[Bar]:
    """Return each rate with its bar."""
    found = []
    for load, (_, _, _, hot_bar, flask_bar) in LOADS.items():
        for name, bar in (("hot path", hot_bar), ("Flask", flask_bar)):
            if bar:
                row = f"{name}, {load}"
                found.append(Bar(f"{row}, readings/s", table[row].rate(bench, row), bar))
    for load in AHEAD_OF_INFLUXDB:
        peer = f"InfluxDB 1.6, {load}"
        if peer in bench.results:
            ratio = bench.median(f"hot path, {load}") / bench.median(peer)
            found.append(Bar(f"hot path to InfluxDB, {load}", ratio, 1.0))
    arriving = f"hot path, {ARRIVE_PER_S} a second arrive"
    found.append(Bar(f"{arriving}, p99 in ms", bench.median(arriving, "p99_ms"), 10, operator.le))
    return found


def measure(bench: Bench, folder: Path, table: dict[str, Row]) -> None:
    """Run the rows in turn, as often as there is time for, and print them."""
    syncs, started_s = [], time.monotonic()
    for done in range(ROUNDS):
        # the next takes as long as those before
        if done and (time.monotonic() - started_s) * (done + 1) / done > ROUNDS_S_MAX:
            say(f"no time for more than {done} rounds of {ROUNDS}")
            break
        for name, row in table.items():
            syncs.append(syncs_per_s(folder))
            bench.run(name, row)
            say(f"measured: {name}", to=sys.stderr)
    say(f"the disk: {statistics.median(syncs):.0f} syncs/s; {os.getloadavg()[0]:.1f} processes wanted to run")
    say(f"{'median':53} readings/s   CPU us    p99 ms   what an answer means")
    for name, row in table.items():
        p99_ms, cpu_us = bench.median(name, "p99_ms"), bench.median(name, "cpu_us") / row.readings
        figures = f"{row.rate(bench, name):10,.0f} {cpu_us:8.1f} {p99_ms:9.1f}"
        say(f"{name:53} {figures}   {row.promise}")


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory(dir=HERE.parent) as name:
        folder = Path(name)
        bench = Bench(folder)
        table = rows(folder)
        measure(bench, folder, table)
        growth_mb = memory_growth_mb(bench, folder)
        found = bars(bench, table)
        found.append(
            Bar("memory, MB more at 1,000,000 than at 200,000", growth_mb, MEMORY_GROWTH_MB_MAX, operator.le)
        )
        line_us, line_ratio = delivery.line_cost()
        found += [
            Bar("structured line, us of CPU a reading", line_us, 3, operator.le),
            Bar("structured line, times cheaper than Google's handler", line_ratio, 8),
            Bar("outbox to the fake that decodes, entries/s", delivery.outbox_rate(), 75_000),
        ]
    say("")
    for bar in found:
        say(str(bar))
    return 0 if all(bar.is_met(bar.value, bar.bar) for bar in found) else 1


if __name__ == "__main__":
    sys.exit(main())
