# noqa: INP001 - a script, not a package
"""How soon `unoingest serve` is ready again after kill -9 in mid-load, and whether it has everything.

A few clients post signed readings and write down what is acknowledged; the server, parent and worker, is
killed at a random moment and started again on the same store, KILLS times. What counts is the time from the
start of the command to the first 200 of `/readyz`, which has written and synced. In the end every
acknowledged reading must be in the store. Exits with 1 if one is missing, or if the median is above
READY_S_MAX.
"""

import contextlib
import http.client
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ingest_servers import database_in, free_port, key_of, tag

from unoingest.store import read_readings

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
CLIENTS = 8
LOAD_S = (0.2, 1.0)
READY_S_MAX = 2.0
SEED = 1


def start(database: Path, port: int) -> tuple["subprocess.Popen[bytes]", float]:
    """Return a server that is ready, and after how many seconds it was."""
    options = [f"--database={database}", f"--port={port}", "--requests-per-s=0"]
    command = [sys.executable, "-m", "unoingest", "serve", *options]
    started_s = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while readiness(port) != http.HTTPStatus.OK:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        time.sleep(0.005)
    return process, time.monotonic() - started_s


def readiness(port: int) -> int:
    """Return the status of `/readyz`, or 0 for no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    return 0


class Client(threading.Thread):
    """A device that posts its readings in order, one by one, and keeps those that are not acknowledged."""

    def __init__(self, number: int, port: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged = 0
        self.is_ending = False
        self._number = number
        self._port = port

    def run(self) -> None:
        """Post until the end."""
        while not self.is_ending:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                self._post_all(connection)
            time.sleep(0.01)

    def _post_all(self, connection: http.client.HTTPConnection) -> None:
        """Post over one connection until the server or the run ends."""
        while not self.is_ending and self._post(connection):
            self.acknowledged += 1

    def _post(self, connection: http.client.HTTPConnection) -> bool:
        body = f'{{"boot":1,"channels":["n"],"readings":[[{self.acknowledged},0,{self.acknowledged}]]}}'
        signed = f"POST /v1/readings\ndev{self._number}\n{body}".encode()
        proof = tag(key_of(self._number), signed)
        connection.request(
            "POST", "/v1/readings", body, {"Authorization": f"Unolink dev{self._number}:{proof}"}
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status == http.HTTPStatus.NO_CONTENT


@contextlib.contextmanager
def load(port: int) -> Iterator[list[Client]]:
    """Run the clients while the block runs."""
    clients = [Client(number, port) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.is_ending = True
    for client in clients:
        client.join()


def main() -> int:
    """Kill, start, measure, compare."""
    draw = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    ready_s: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        folder.mkdir()
        database, port = database_in(folder), free_port()
        process, _ = start(database, port)
        with load(port) as clients:
            for _ in range(KILLS):
                time.sleep(draw.uniform(*LOAD_S))
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                process, seconds = start(database, port)
                ready_s.append(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        stored = {(reading.device, reading.seq) for reading in read_readings(database)}
        wanted = {
            (f"dev{number}", seq)
            for number, client in enumerate(clients)
            for seq in range(client.acknowledged)
        }
    missing = len(wanted - stored)
    median_s = statistics.median(ready_s)
    sys.stdout.write(
        f"{KILLS} kills in mid-load, {len(wanted)} readings acknowledged, {missing} missing; ready after"
        f" {min(ready_s):.2f} to {max(ready_s):.2f} s, median {median_s:.2f} s (at most {READY_S_MAX})\n"
    )
    return int(missing > 0 or median_s > READY_S_MAX)


if __name__ == "__main__":
    sys.exit(main())
