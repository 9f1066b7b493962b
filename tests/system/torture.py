"""The torture run of delivery: kill -9 on both sides of the outbox while the cloud misbehaves.

A producer adds readings to a store and writes down what was acknowledged; `unoingest send` delivers to
`unoingest fake-cloud`, which fails 28 % of the calls and refuses one entry in a thousand by name. Producer
and sender are killed again and again. In the end everything acknowledged must be visible in the log exactly
once, or be a dead letter that the fake refused.

`make torture` runs it whole, `make torture ARGS="200000 1 grpc"` (or `rest`) with Google's unmodified client
in the place of our bytes on its channel; the test suite runs a sample.
"""

import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from unoingest.cloud_entry import encode_frame, entry_of_frame
from unoingest.fake_cloud.faults import FaultPlan
from unoingest.outbox import read_backlog, read_dead_letters
from unoingest.reading_log import ReadingLog
from unoingest.sqlite_file import connect_reader
from unoingest.store import NewBatch, SqliteStore

PROJECT = "torture"
PRODUCER_THREADS = 4
DRAIN_S_MAX = 300
# slow enough that there are hundreds of calls to fail, and not a few large ones
PRODUCER_PAUSE_S = 0.015
BATCH_READINGS = (1, 1, 5, 25, 100)
POISON_RATE = 0.001
FAULTS = {
    "quota": 0.06,
    "unavailable": 0.06,
    "internal": 0.04,
    "unauthenticated": 0.02,
    "permission_denied": 0.02,
    "lost_answer": 0.05,
    "lost_deadline": 0.03,
}
"""Together 28 %."""


@dataclass(frozen=True)
class Verdict:
    """What a run found; `is_good` says whether delivery kept its promise."""

    acknowledged: int
    visible: int
    exported: int
    dead_letters: int
    missing: int
    visible_twice: int
    wrongly_dead: int
    seed: int = 0
    producer_kills: int = 0
    sender_kills: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.missing == self.visible_twice == self.wrongly_dead == 0

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.acknowledged} acknowledged,"
            f" {self.producer_kills} producers and {self.sender_kills} senders killed;"
            f" {self.missing} missing, {self.visible_twice} visible twice;"
            f" {self.visible} visible, {self.exported} written, {self.dead_letters} dead letters"
            f" ({self.wrongly_dead} of them wrongly) in {self.seconds:.0f} s"
        )


def insert_id(device: str, boot: int, seq: int) -> str:
    line = json.loads(ReadingLog(device, boot, 0).reading(seq, 0, {"n": 0}, b'{"n":0}').log_line)
    found: str = line["logging.googleapis.com/insertId"]
    return found


def produce(database: Path, acks: Path, boot: int) -> None:
    """Add readings for ever, and append a line `device seq count` for each batch after it is on disk."""
    store = SqliteStore(database, busy_timeout_ms=30_000)
    journal = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(number: int) -> None:
        draw = random.Random(f"{boot} {number}")  # noqa: S311 - repeatable on purpose
        device, seq = f"uno-{number}", 0
        while True:
            count = draw.choice(BATCH_READINGS)
            received_at_ns = time.time_ns()
            log = ReadingLog(device, boot, received_at_ns, project=PROJECT, encode_frame=encode_frame)
            readings = []
            for one in range(seq, seq + count):
                values = {"n": one}
                readings.append(log.reading(one, 0, values, msgspec.json.encode(values)))
            store.add(NewBatch(device, boot, received_at_ns, tuple(readings)))
            os.write(journal, f"{device} {boot} {seq} {count}\n".encode())
            seq += count
            time.sleep(PRODUCER_PAUSE_S)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(PRODUCER_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def acknowledged_ids(acks: Path) -> set[str]:
    ids = set()
    for line in acks.read_text().splitlines():
        device, boot, first, count = line.split()
        ids |= {insert_id(device, int(boot), seq) for seq in range(int(first), int(first) + int(count))}
    return ids


def count_acknowledged(acks: Path) -> int:
    return sum(int(line.split()[3]) for line in acks.read_text().splitlines()) if acks.exists() else 0


@contextlib.contextmanager
def fake_cloud(seed: int, *options: str) -> Iterator[dict[str, int]]:
    faults = [f"--fault={name}={rate}" for name, rate in FAULTS.items()]
    command = [sys.executable, "-m", "unoingest", "fake-cloud", *faults, f"--seed={seed}", *options]
    with subprocess.Popen([*command, f"--poison={POISON_RATE}"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


class Victim:
    """A program that is started, and killed after a while, until the run is over."""

    def __init__(self, seed: str, life_s: tuple[float, float]) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._life_s = life_s
        self._process: subprocess.Popen[bytes] | None = None
        self._dies_at_s = 0.0
        self.kills = 0

    def keep_killing(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the program if it does not run, and kill it when its time has come."""
        now_s = time.monotonic()
        if self._process is None:
            self._process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            self._dies_at_s = now_s + self._draw.uniform(*self._life_s)
        elif now_s >= self._dies_at_s:
            self.end()

    def end(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            assert self._process.poll() is None, f"it ended by itself: {self._process.args!r}"
            self._process.kill()
            self._process.wait()
            self._process = None
            self.kills += 1


def sender_command(how: str, database: Path, ports: dict[str, int], *, is_draining: bool) -> list[str]:
    """Return the command of a sender: `unoingest send`, or one over Google's unmodified client."""
    if how == "send":
        command = [
            sys.executable,
            "-m",
            "unoingest",
            "send",
            "--database",
            str(database),
            "--project",
            PROJECT,
        ]
        command += ["--emulator", f"127.0.0.1:{ports['grpc_port']}"]
        return [*command, "--drain"] if is_draining else command
    endpoint = (
        f"localhost:{ports['grpc_port']}" if how == "grpc" else f"http://127.0.0.1:{ports['rest_port']}"
    )
    program = str(Path(__file__).with_name("client_sender.py"))
    until = "drain" if is_draining else "forever"
    return [sys.executable, program, str(database), PROJECT, endpoint, how, until]


def seconds_to_start() -> float:
    started_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import unoingest.delivery.command"], check=True)
    return time.monotonic() - started_s


def run(
    folder: Path, *, how: str = "send", acknowledged: int, seed: int, kills: int, life_s: tuple[float, float]
) -> Verdict:
    """Run until that many readings are acknowledged and delivered, and judge.

    Args:
        folder: An empty folder to work in.
        acknowledged: How many readings to have acknowledged, at least.
        seed: Of faults and kills.
        kills: How often to kill each side, at least.
        how: `send` for the product's sender, `grpc` or `rest` for Google's unmodified client over that wire.
        life_s: Shortest and longest life of a producer and a sender once it has started, in seconds.
    """
    started_s = time.monotonic()
    database, acks = folder / "readings.db", folder / "acks"
    SqliteStore(database).close()
    certificate = folder / "certificate.pem"
    # the unmodified client speaks TLS alone, and takes its trust from the environment
    options = [f"--certificate={certificate}"] if how == "grpc" else []
    environment = {**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate)}
    with fake_cloud(seed, *options) as ports:
        send = sender_command(how, database, ports, is_draining=False)
        # on a busy machine a start may take longer than a life
        start_s = seconds_to_start()
        life_s = (start_s + life_s[0], start_s + life_s[1])
        producer, sender = Victim(f"{seed} producer", life_s), Victim(f"{seed} sender", life_s)
        while count_acknowledged(acks) < acknowledged or min(producer.kills, sender.kills) < kills:
            producer.keep_killing(
                [sys.executable, __file__, "produce", str(database), str(acks), str(producer.kills)],
                environment,
            )
            sender.keep_killing(send, environment)
            time.sleep(0.05)
        producer.end()
        sender.end()
        drain = sender_command(how, database, ports, is_draining=True)
        with (folder / "drain.log").open("wb") as log:
            subprocess.run(drain, check=True, stderr=log, timeout=DRAIN_S_MAX, env=environment)
        url = f"http://127.0.0.1:{ports['rest_port']}/fake/exported"
        exported = [json.loads(line) for line in urllib.request.urlopen(url)]
    verdict = judge(database, acks, exported)
    return dataclasses.replace(
        verdict,
        seed=seed,
        producer_kills=producer.kills,
        sender_kills=sender.kills,
        seconds=time.monotonic() - started_s,
    )


def judge(database: Path, acks: Path, exported: Sequence[Mapping[str, str]]) -> Verdict:
    """Compare what was promised with what the log shows; the run's own figures are filled in by `run`."""
    promised = acknowledged_ids(acks)
    # what a query shows: entries of equal project, time and insertId once
    visible = Counter(found for _, found in {(entry["timestamp"], entry["insertId"]) for entry in exported})
    with contextlib.closing(connect_reader(database)) as connection:
        assert read_backlog(connection).entries == 0
        dead = list(read_dead_letters(connection))
    dead_ids = {id_of(letter.frame) for letter in dead}
    poison = FaultPlan(poison_rate=POISON_RATE)
    return Verdict(
        acknowledged=len(promised),
        visible=len(visible),
        exported=len(exported),
        dead_letters=len(dead),
        missing=len(promised - visible.keys() - dead_ids),
        visible_twice=sum(times > 1 for times in visible.values()),
        wrongly_dead=sum(not poison.is_poison(dead_id) for dead_id in dead_ids),
    )


def id_of(frame: bytes) -> str:
    found: str = entry_of_frame(frame)["insertId"]
    return found


def main() -> None:
    if sys.argv[1] == "produce":
        produce(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    how = sys.argv[3] if len(sys.argv) > 3 else "send"
    with tempfile.TemporaryDirectory() as folder:
        verdict = run(
            Path(folder),
            how=how,
            acknowledged=int(sys.argv[1]),
            seed=int(sys.argv[2]),
            kills=10,
            life_s=(1.0, 4.0),
        )
    sys.stdout.write(f"{verdict}\n")
    sys.exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    main()
