"""A program that writes to the server's store as its request threads do, and notes what was acknowledged.

    python store_workload.py FOLDER SEED READINGS [PRAGMA ...]

It is run under the spy. After each `add` that returned it appends a line to FOLDER/acknowledged, so that
the record of the disk tells when that was. What the store refuses for now is sent again, TRIES times. A
PRAGMA such as `synchronous=NORMAL` overrides the store's own setting: to see whether the harness notices,
or to have small files checkpointed as large ones are.
"""

import random
import sys
import threading
from pathlib import Path

from unoingest.errors import StoreUnavailableError
from unoingest.store import NewBatch, NewReading, SqliteStore

DEVICES = 3
TRIES = 500
ACKNOWLEDGED = "acknowledged"
STORE = "readings.db"
RECEIVED_AT_NS = 1_790_000_000 * 10**9


def values_of(device: str, seq: int) -> bytes:
    """Return what a reading holds: it follows from its identity, and its length varies."""
    return b'{"a0":%d,"a1":%d}' % (seq * 7919 % 1024, len(device) ** (seq % 9))


def batch_of(device: str, first: int, count: int) -> NewBatch:
    """Return readings of one request."""
    readings = tuple(
        NewReading(seq, RECEIVED_AT_NS, values_of(device, seq), b"line\n", b"x" * (100 + seq * 31 % 900))
        for seq in range(first, first + count)
    )
    return NewBatch(device, 1, RECEIVED_AT_NS, readings)


def add(store: SqliteStore, batch: NewBatch) -> None:
    """Store a batch as a device would: again and again, until it is acknowledged."""
    for _ in range(TRIES):
        try:
            store.add(batch)
        except StoreUnavailableError as error:
            print(error, file=sys.stderr)
        else:
            return
    raise SystemExit("the store did not heal")


def note(folder: Path, lines: bytes) -> None:
    """Note what was acknowledged; the notes are on the same failing disk as the store."""
    for _ in range(TRIES):
        try:
            with (folder / ACKNOWLEDGED).open("ab", buffering=0) as notes:
                notes.write(lines)
        except OSError as error:
            print(error, file=sys.stderr)
        else:
            return
    raise SystemExit("the notes cannot be written")


def work(store: SqliteStore, folder: Path, name: str, readings: int, finished: list[str]) -> None:
    """Store so many readings of one device, send some of them a second time, and say when that is done."""
    chance = random.Random(name)
    first = 0
    while first < readings:
        count = min(chance.choice((1, 1, 2, 10)), readings - first)
        add(store, batch_of(name, first, count))
        note(folder, b"".join(b"%s %d\n" % (name.encode(), seq) for seq in range(first, first + count)))
        if chance.random() < 0.9:
            first += count
    finished.append(name)


def main() -> None:
    """Run as the module says."""
    folder, seed, readings = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = SqliteStore(folder / STORE)
    for setting in sys.argv[4:]:
        store._connection.execute(f"PRAGMA {setting}")
    finished: list[str] = []
    devices = [f"device-{seed}-{number}" for number in range(DEVICES)]
    threads = [
        threading.Thread(target=work, args=(store, folder, name, readings, finished)) for name in devices
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    if len(finished) != DEVICES:
        raise SystemExit("a thread ended early")


if __name__ == "__main__":
    main()
