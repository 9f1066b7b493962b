# noqa: INP001 - a script, not a package
"""Acknowledged posts a second: the hot path beside Flask and InfluxDB, by one generator in one run.

The server has one core and the generator the other. Each row is a server of its own on an empty store, driven
by bench/load.c with prebuilt requests, in turn, ROUNDS times; the median counts. Every post is durable before
it is answered (InfluxDB: wal-fsync-delay=0). What the disk and the machine give just now is measured beside
it, so compare rows of one run, and not runs. InfluxDB is left out where its Debian package is not unpacked in
.tools. Exits with 1 when a ratio misses its bar.
"""

import base64
import contextlib
import hmac
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from unoingest.key_file import KeyFile, Kind, key_path

HERE = Path(__file__).parent
INFLUXD = HERE.parent / ".tools" / "influxdb" / "usr" / "bin" / "influxd"
DEVICES = 500
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
REQUESTS = int(30_000 * SECONDS)
BATCH = 100
HOT_TO_FLASK_MIN = 2.0
HOT_TO_INFLUX_MIN = 1.0

Server = Callable[[Path], contextlib.AbstractContextManager[int]]


def tag(key: bytes, text: bytes) -> str:
    """Return a tag of docs/wire-protocol.md."""
    return base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")[:16]).decode().rstrip("=")


def key_of(number: int) -> bytes:
    """Return the key of a device of the bench, which is no secret."""
    return number.to_bytes(32, "big")


def signed_posts(batch: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield path, headers and body of posts by the devices in turn, each with `batch` new readings."""
    for number in range(REQUESTS // batch):
        device, first = number % DEVICES, number // DEVICES * batch
        rows = ",".join(f"[{first + n},{n * 100},{(number + n) % 1024},{n}]" for n in range(batch))
        body = f'{{"boot":3,"channels":["a0","a1"],"readings":[{rows}]}}'.encode()
        signature = tag(key_of(device), f"POST /v1/readings\ndev{device}\n".encode() + body)
        yield "/v1/readings", f"Authorization: Unolink dev{device}:{signature}\r\n", body


def influx_writes(batch: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield the same readings in line protocol."""
    for number in range(REQUESTS // batch):
        device, first = number % DEVICES, number // DEVICES * batch
        lines = (
            f"r,device=dev{device} a0={(number + n) % 1024}i,a1={n}i {first + n + 1}" for n in range(batch)
        )
        yield "/write?db=bench&precision=s", "", "\n".join(lines).encode()


def write_requests(path: Path, posts: Iterator[tuple[str, str, bytes]], *, keep: bool) -> None:
    """Write posts as bench/load.c reads them."""
    closing = "" if keep else "Connection: close\r\n"
    with path.open("wb") as file:
        for target, headers, body in posts:
            fields = f"Host: 127.0.0.1\r\n{headers}{closing}Content-Length: {len(body)}\r\n"
            head = f"POST {target} HTTP/1.1\r\n{fields}\r\n"
            request = head.encode() + body
            file.write(struct.pack("<I", len(request)) + request)


def on_core(core: int, command: list[str]) -> list[str]:
    """Return the command, kept on one core of two; util-linux brings taskset."""
    return ["taskset", "--cpu-list", str(core), *command]


def free_port() -> int:
    """Return a port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


@contextlib.contextmanager
def started(port: int, command: list[str], **environment: str) -> Iterator[int]:
    """Run a server while the block runs, from when it listens."""
    process = subprocess.Popen(
        on_core(0, command),
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def database_in(folder: Path) -> Path:
    """Return where the store goes, with the devices' keys beside it."""
    database = folder / "readings.db"
    keys = KeyFile(key_path(database))
    for number in range(DEVICES):
        keys.add(f"dev{number}", Kind.DEVICE, 1, key_of(number))
    return database


def hot_path(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve with `unoingest serve`."""
    port = free_port()
    options = [f"--database={database_in(folder)}", f"--port={port}", "--requests-per-s=0"]
    return started(port, [sys.executable, "-m", "unoingest", "serve", *options])


def flask(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve the Flask application alone, under the same HTTP server."""
    port = free_port()
    options = [
        "--interface=wsgi",
        "--factory",
        f"--port={port}",
        "--blocking-threads=64",
        "--http=1",
        "--no-log",
    ]
    command = [str(Path(sys.executable).with_name("granian")), *options, "unoingest.wsgi:application"]
    return started(port, command, UNOINGEST_DATABASE=str(database_in(folder)), UNOINGEST_REQUESTS_PER_S="0")


@contextlib.contextmanager
def influxdb(folder: Path) -> Iterator[int]:
    """Serve InfluxDB 1.6, durable before it answers."""
    port = free_port()
    config = folder / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
        f'[meta]\n dir = "{folder}/meta"\n'
        f'[data]\n dir = "{folder}/data"\n wal-dir = "{folder}/wal"\n wal-fsync-delay = "0s"\n'
        f'[http]\n bind-address = "127.0.0.1:{port}"\n log-enabled = false\n[logging]\n level = "error"\n'
    )
    with started(port, [str(INFLUXD), "run", "-config", str(config)]):
        create = f"http://127.0.0.1:{port}/query?q=CREATE+DATABASE+bench"
        subprocess.run(["curl", "-sf", "-XPOST", create], check=True, stdout=subprocess.DEVNULL)
        yield port


def syncs_per_s(folder: Path) -> float:
    """Return how often a second the disk takes 4 kB for good."""
    with (folder / "syncs").open("wb") as file:
        started_s = time.perf_counter()
        count = 0
        while time.perf_counter() < started_s + 0.5:
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count / 0.5


def say(text: str, to: TextIO | None = None) -> None:
    """Print a line at once, to stdout unless said otherwise."""
    (to or sys.stdout).write(text + "\n")
    (to or sys.stdout).flush()


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

    def run(self, name: str, server: Server, posts: Path, *load: str) -> None:
        """Measure one row once."""
        with tempfile.TemporaryDirectory(dir=self._folder) as empty, server(Path(empty)) as port:
            clients, *rest = load
            command = on_core(1, [str(self._load), str(port), str(posts), clients, str(SECONDS), *rest])
            result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        if result["broken"] or result["malformed"] or set(result["statuses"]) != {"204"}:
            raise SystemExit(f"{name}: {result}")
        self.results.setdefault(name, []).append(result)

    def median(self, name: str, key: str) -> float:
        """Return the median of a row's results."""
        return float(statistics.median(result[key] for result in self.results[name]))


def rows(folder: Path) -> list[tuple[str, Server, Path, tuple[str, ...]]]:
    """Return what is measured: name, server, requests, and what bench/load.c is told."""
    posts: dict[str, Path] = {}
    for source, make in (("signed", signed_posts), ("influx", influx_writes)):
        for kind, batch, keep in (("keep", 1, True), ("close", 1, False), ("batch", BATCH, True)):
            posts[f"{source} {kind}"] = folder / f"{source}-{kind}"
            write_requests(posts[f"{source} {kind}"], make(batch), keep=keep)
    servers: list[tuple[str, Server, str]] = [("hot path", hot_path, "signed"), ("Flask", flask, "signed")]
    if INFLUXD.exists():
        servers.append(("InfluxDB", influxdb, "influx"))
    table: list[tuple[str, Server, Path, tuple[str, ...]]] = []
    for name, server, source in servers:
        table += [
            (f"{name}, 32 clients", server, posts[f"{source} keep"], ("32", "keep")),
            (f"{name}, 256 clients", server, posts[f"{source} keep"], ("256", "keep")),
            (f"{name}, 32 clients, a connection a post", server, posts[f"{source} close"], ("32", "close")),
            (f"{name}, batches of {BATCH}", server, posts[f"{source} batch"], ("32", "keep")),
        ]
    open_loop = ("256", "close", "2000")
    return [*table, ("hot path, 2000 a second arrive", hot_path, posts["signed close"], open_loop)]


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory(dir=HERE.parent) as name:
        folder = Path(name)
        bench, syncs = Bench(folder), []
        table = rows(folder)
        for _ in range(ROUNDS):
            for row, server, posts, row_load in table:
                syncs.append(syncs_per_s(folder))
                bench.run(row, server, posts, *row_load)
                say(f"measured: {row}", to=sys.stderr)
    say(f"the disk: {statistics.median(syncs):.0f} syncs/s; {os.getloadavg()[0]:.1f} processes wanted to run")
    for measured in bench.results:
        rate = bench.median(measured, "per_s") * (BATCH if "batches" in measured else 1)
        p99_ms = bench.median(measured, "p99_ms")
        say(f"{measured:45} {rate:10.0f} readings/s   p99 {p99_ms:7.1f} ms")
    missed = 0
    for peer, least in (("Flask", HOT_TO_FLASK_MIN), ("InfluxDB", HOT_TO_INFLUX_MIN)):
        for load in ("32 clients", "32 clients, a connection a post"):
            if f"{peer}, {load}" in bench.results:
                ratio = bench.median(f"hot path, {load}", "per_s") / bench.median(f"{peer}, {load}", "per_s")
                say(f"hot path to {peer}, {load}: {ratio:.2f} (at least {least})")
                missed += ratio < least
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
