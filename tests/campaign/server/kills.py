"""Kills the server with SIGKILL while devices send, starts it again on the same store, and looks.

    python -m campaign.server.kills TRIALS     prints how soon it was ready again

Each trial kills the server once: mostly under the load of four devices that sign and two that do not (which
go by another way through the server), sometimes while it is still starting.
In one trial of four every disk call takes some milliseconds. Started again, it must soon be ready, hold each
acknowledged reading once with its value, hold nothing that no device has sent, and take what had not been
acknowledged when it died. The trials of a range go on with the same store.

Where and how the kill comes follows from the trial's number; what the machine does in that moment does not.
"""

import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from campaign.disk.disk_record import build_spy, spied_environment
from ingest_server.wire import answer_tag, signed
from unoingest.errors import StoreError
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.store import read_readings

KEYS = {f"killed-{number}": bytes([number + 1]) * 32 for number in range(4)}
PLAIN = ("killed-4", "killed-5")
"""They have no key."""
BOOT = 1
TRIALS_PER_STORE = 10
READY_S_MAX = 10.0
"""What nobody would call ready again, however busy the machine; `main` prints what it takes."""
STARTING, SLOW_DISK = 0.2, 0.25
"""Chances that the kill comes while it starts, and that the disk is slow."""
LOAD_S_MAX, START_S_MAX = 0.5, 1.0
SLOW_US = 4_000
WAIT_S = 30.0


def value_of(device: str, seq: int) -> int:
    """Return what a reading holds."""
    return sum(device.encode()) * (seq + 1) % 1024


class Server:
    """`unoingest serve` on a port of its choice; what it starts ends with it.

    Args:
        database: The store's file.
        environment: Of the process.
    """

    def __init__(self, database: Path, environment: dict[str, str]) -> None:
        self._begun_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "unoingest", "serve", "--port", "0", "--database", database],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.port = 0
        self.said: list[str] = []
        self._listening = threading.Event()
        assert self._process.stderr
        self._reader = threading.Thread(target=self._read, args=[self._process.stderr])
        self._reader.start()

    def wait_until_ready(self) -> float:
        """Return how many seconds it took since the start until it said that it was ready, or infinity."""
        while time.monotonic() < self._begun_s + WAIT_S:
            if not self._listening.wait(WAIT_S) or not self.port:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
                connection.request("GET", "/readyz")
                status = connection.getresponse().status
                connection.close()
                if status == 200:
                    return time.monotonic() - self._begun_s
            time.sleep(0.01)
        return float("inf")

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        process = self._process
        process.kill()
        process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        assert process.stderr
        process.stderr.close()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.said.append(line.decode(errors="replace").strip())
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "listening":
                    self.port = event["port"]
                    self._listening.set()
        self._listening.set()


class Device:
    """Sends batches, each until it is acknowledged.

    Args:
        name: Of `KEYS` or `PLAIN`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.acknowledged = 0
        """So many readings, from sequence number 0 on, are on disk."""
        self.sent = 0
        """And so many have been sent."""
        self._chance = random.Random(name)

    def send_until_cut(self, port: int, ended: threading.Event) -> None:
        """Send one batch after the other until the server is gone or it is enough."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            while not ended.is_set():
                self.send(connection)

    def send(self, connection: http.client.HTTPConnection) -> None:
        """Send the batch that is not acknowledged, or a new one."""
        if self.sent == self.acknowledged:
            self.sent += self._chance.choice((1, 1, 2, 5))
        seqs = range(self.acknowledged, self.sent)
        if self._post_signed(connection, seqs) if self.name in KEYS else self._post_plain(connection, seqs):
            self.acknowledged = self.sent

    def _post_signed(self, connection: http.client.HTTPConnection, seqs: range) -> bool:
        """Send a batch, and tell whether it was acknowledged."""
        rows = [[seq, 0, value_of(self.name, seq)] for seq in seqs]
        body = json.dumps({"boot": BOOT, "channels": ["a0"], "readings": rows}).encode()
        key = KEYS[self.name]
        connection.request("POST", "/v1/readings", body, signed(body, key, self.name))
        answer = connection.getresponse()
        answer.read()
        tag = answer.getheader("Unolink-Tag")
        return answer.status == 204 and tag == answer_tag(204, body, key, self.name)

    def _post_plain(self, connection: http.client.HTTPConnection, seqs: range) -> bool:
        """Do the same without a key."""
        readings = [{"seq": seq, "age_ms": 0, "values": {"a0": value_of(self.name, seq)}} for seq in seqs]
        body = json.dumps({"device": self.name, "boot": BOOT, "readings": readings})
        connection.request("POST", "/v1/readings", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        acknowledgement = answer.read()
        return answer.status == 200 and json.loads(acknowledgement)["acked"] == list(seqs)


class Site:
    """A store, its devices, and the server of the moment.

    Args:
        folder: An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.database = folder / "store" / "readings.db"
        self.database.parent.mkdir()
        self._spy = build_spy(folder)
        for name, key in KEYS.items():
            KeyFile(key_path(self.database)).add(name, Kind.DEVICE, 1, key)
        self.devices = [Device(name) for name in (*KEYS, *PLAIN)]
        self.ready_s: list[float] = []
        self._server = Server(self.database, dict(os.environ))
        self._server.wait_until_ready()

    def close(self) -> None:
        """End the server."""
        self._server.kill()

    def try_once(self, trial: int) -> str:
        """Kill the server and start it again; return what is wrong then, or ""."""
        chance = random.Random(trial)
        what = chance.random()
        slow = {}
        if chance.random() < SLOW_DISK:
            slow = spied_environment(self._spy, self.database.parent, plan=f"0 -1 0 {SLOW_US}")
        if what < STARTING:
            self._server.kill()
            self._server = Server(self.database, {**os.environ, **slow})
            time.sleep(chance.uniform(0, START_S_MAX))
            self._server.kill()
        else:
            self._kill_under_load(chance.uniform(0, LOAD_S_MAX))
        self._server = Server(self.database, {**os.environ, **slow})
        self.ready_s.append(self._server.wait_until_ready())
        if self.ready_s[-1] > READY_S_MAX:
            return f"it was not ready within {READY_S_MAX:.0f} s: {' '.join(self._server.said)[-1000:]}"
        return self.what_is_wrong() or self._what_is_not_taken()

    def _kill_under_load(self, after_s: float) -> None:
        ended = threading.Event()
        threads = [
            threading.Thread(target=device.send_until_cut, args=(self._server.port, ended))
            for device in self.devices
        ]
        for thread in threads:
            thread.start()
        time.sleep(after_s)
        self._server.kill()
        ended.set()
        for thread in threads:
            thread.join()

    def what_is_wrong(self) -> str:
        """Compare what is stored with what was sent and acknowledged; "" if all is well."""
        try:
            rows = [(row.device, row.boot, row.seq, row.values_json) for row in read_readings(self.database)]
        except StoreError as error:
            return str(error)
        identities = {row[:3] for row in rows}
        if len(identities) != len(rows):
            return "a reading is stored twice"
        for device in self.devices:
            must = {(device.name, BOOT, seq) for seq in range(device.acknowledged)}
            may = {(device.name, BOOT, seq) for seq in range(device.sent)}
            if must - identities:
                return f"{len(must - identities)} acknowledged readings of {device.name} are missing"
            identities -= may
        if identities:
            return f"nobody has sent {min(identities)}"
        wrong = [row for row in rows if json.loads(row[3]) != {"a0": value_of(row[0], row[2])}]
        return f"{wrong[0]} has another value than was sent" if wrong else ""

    def _what_is_not_taken(self) -> str:
        """Send what had not been acknowledged once more."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            for device in self.devices:
                device.send(connection)
                if device.acknowledged != device.sent:
                    return f"{device.name} has had no acknowledgement since"
        return ""


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong after each kill."""
    with tempfile.TemporaryDirectory() as name, contextlib.closing(Site(Path(name))) as site:
        for trial in trials:
            yield site.try_once(trial)


def main() -> None:
    """Kill it so many times and print what it takes until it is ready again."""
    with tempfile.TemporaryDirectory() as name, contextlib.closing(Site(Path(name))) as site:
        harms = [harm for trial in range(int(sys.argv[1])) if (harm := site.try_once(trial))]
        ready_s = sorted(site.ready_s)
        acknowledged = sum(device.acknowledged for device in site.devices)
        lines = [
            *harms,
            f"{len(ready_s)} kills, {acknowledged} readings acknowledged, {len(harms)} violations",
            f"ready again after {statistics.median(ready_s):.2f} s (median), {ready_s[-1]:.2f} s (worst)",
        ]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
