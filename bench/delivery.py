# noqa: INP001 - a script, not a package
"""Measures what the log and the outbox cost: a line, an entry, and delivery to the fake that decodes.

All figures of one run stand side by side; machines differ, ratios less. CPU times are the process's own, so
a busy neighbour disturbs them little. bench/ingest.py holds the figures against their bars.
"""

import contextlib
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from google.cloud.logging_v2.handlers.structured_log import StructuredLogHandler

from unoingest.cloud_entry import encode_frame
from unoingest.delivery.command import run
from unoingest.reading_log import ReadingLog
from unoingest.store import NewBatch, SqliteStore

PROJECT = "bench-project"
VALUES = {"a0": 512, "a1": 300}
VALUES_JSON = b'{"a0":512,"a1":300}'
ROUNDS = 5
ENTRIES = 100_000


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def cpu_us(work: Callable[[int], object], count: int) -> float:
    """Return the CPU time of one call in microseconds, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for number in range(count):
            work(number)
        best = min(best, time.process_time() - started)
    return best / count * 1e6


def handler_call() -> Callable[[int], object]:
    """Return a call that logs one reading through Google's handler, to nowhere."""
    sink = Path("/dev/null").open("w")  # noqa: SIM115 - open as long as the program
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(StructuredLogHandler(project_id=PROJECT, stream=sink))  # type: ignore[no-untyped-call] # Google's own gap
    extra = {"labels": {"device": "uno-1", "boot": "3"}, "trace": f"projects/{PROJECT}/traces/{'a' * 32}"}

    def call(seq: int) -> None:
        reading = {"device": "uno-1", "boot": 3, "seq": seq, "age_ms": 120, "values": VALUES}
        logger.info({"message": f"reading uno-1 boot 3 seq {seq}", "reading": reading}, extra=extra)

    return call


def line_cost() -> tuple[float, float]:
    """Print what one reading costs; return a line's us, and how often Google's handler's are as many."""
    now_ns = time.time_ns()
    plain = ReadingLog("uno-1", 3, now_ns, project=PROJECT)
    framed = ReadingLog("uno-1", 3, now_ns, project=PROJECT, encode_frame=encode_frame)
    handler_us = cpu_us(handler_call(), 10_000)
    rows = [
        ("StructuredLogHandler", handler_us),
        ("structured line", cpu_us(lambda seq: plain.reading(seq, 120, VALUES, VALUES_JSON), 50_000)),
        ("line and outbox entry", cpu_us(lambda seq: framed.reading(seq, 120, VALUES, VALUES_JSON), 50_000)),
    ]
    say("CPU time of one reading                us    handler / it")
    for name, each_us in rows:
        say(f"  {name:32} {each_us:7.2f} {handler_us / each_us:12.1f}")
    return rows[1][1], handler_us / rows[1][1]


@contextlib.contextmanager
def fake_cloud() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a fake cloud and give its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "unoingest", "fake-cloud"], stdout=subprocess.PIPE
    ) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the fake has no output")
            yield json.loads(process.stdout.readline())["grpc_port"], process
        finally:
            process.kill()


def cpu_s_of(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU time that another process has used, in seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def fill(database: Path, per_request: int) -> None:
    """Put ENTRIES entries into the outbox of a new store."""
    now_ns = time.time_ns()
    with contextlib.closing(SqliteStore(database, sync_commits=False)) as store:
        for first in range(0, ENTRIES, per_request):
            log = ReadingLog("uno-1", 3, now_ns + first, project=PROJECT, encode_frame=encode_frame)
            readings = tuple(
                log.reading(seq, 120, VALUES, VALUES_JSON) for seq in range(first, first + per_request)
            )
            store.add(NewBatch("uno-1", 3, now_ns + first, readings))


def delivery_rate(per_request: int) -> float:
    """Print how many entries a second are delivered if a request brings so many, and return it."""
    with tempfile.TemporaryDirectory() as folder, fake_cloud() as (port, fake):
        database = Path(folder) / "readings.db"
        fill(database, per_request)
        before_s = cpu_s_of(fake)
        started_s, cpu_started_s = time.perf_counter(), time.process_time()
        run(database=database, project=PROJECT, emulator=f"127.0.0.1:{port}", is_draining=True)
        seconds = time.perf_counter() - started_s
        sender_us = (time.process_time() - cpu_started_s) / ENTRIES * 1e6
        fake_us = (cpu_s_of(fake) - before_s) / ENTRIES * 1e6
    rate = ENTRIES / seconds
    say(f"  {per_request:4} entries a request {rate:12,.0f} {sender_us:16.1f} {fake_us:13.1f}")
    return rate


def outbox_rate() -> float:
    """Print the rates of delivery; return the one with 100 entries a request, in entries/s."""
    say("outbox to the fake            entries/s    sender CPU, us  fake CPU, us")
    return [delivery_rate(per_request) for per_request in (1, 10, 100)][-1]


if __name__ == "__main__":
    line_cost()
    outbox_rate()
