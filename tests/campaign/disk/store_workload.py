"""A program that writes to the server's store as its request threads do, and notes what was acknowledged.

    python store_workload.py FOLDER SEED READINGS [PRAGMA ...]

It is run under the spy. After each `add` that returned it notes a line for each reading, so that the record
of the disk tells when that was. What the store refuses for now is sent again, like a device would. A PRAGMA
such as `synchronous=NORMAL` overrides the store's own setting: to see whether the harness notices, or to have
small files checkpointed as large ones are.
"""

import random
import sys
import threading
from pathlib import Path

from campaign.disk.notes import CANNOT_OPEN, Notes, insist
from unoingest.errors import StoreError, StoreUnavailableError
from unoingest.store import NewBatch, NewReading, SqliteStore

DEVICES = 3
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


def work(store: SqliteStore, notes: Notes, name: str, readings: int, finished: list[str]) -> None:
    """Store so many readings of one device, send some of them a second time, and say when that is done."""
    chance = random.Random(name)
    first = 0
    while first < readings:
        count = min(chance.choice((1, 1, 2, 10)), readings - first)
        batch = batch_of(name, first, count)
        insist(lambda batch=batch: store.add(batch), StoreUnavailableError)  # type: ignore[misc]
        notes.add("".join(f"{name} {seq}\n" for seq in range(first, first + count)))
        if chance.random() < 0.9:
            first += count
    finished.append(name)


def main() -> None:
    """Run as the module says."""
    folder, seed, readings = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    try:
        store = SqliteStore(folder / STORE)
    except StoreError:
        sys.exit(CANNOT_OPEN)
    for setting in sys.argv[4:]:
        store._connection.execute(f"PRAGMA {setting}")
    notes = Notes(folder)
    finished: list[str] = []
    devices = [f"device-{seed}-{number}" for number in range(DEVICES)]
    threads = [
        threading.Thread(target=work, args=(store, notes, name, readings, finished)) for name in devices
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
