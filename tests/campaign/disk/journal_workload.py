"""A program that uses the bridge's journal as gateway and outlets do, and notes what is in it.

    python journal_workload.py FOLDER NAME CALLS [PRAGMA ...]

It is run under the spy. Whenever a call of the journal has returned, it notes a digest of everything that the
journal then holds. One thread is enough: the journal itself lets one call in at a time. What the journal
refuses for now must have changed nothing, and is tried again.
"""

import functools
import hashlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

from campaign.disk.notes import CANNOT_OPEN, Notes, insist
from unobridge.instant import Instant
from unobridge.journal import Journal, JournalUnavailableError
from unobridge.journal_file import JournalError

JOURNAL = "journal.db"
DEVICES = ("device-0", "device-1", "device-2")
OUTLETS = ("http", "mqtt")
ALL = 1_000_000
RECEIVED = Instant(1_790_000_000 * 10**9, "a clock", 5 * 10**9)


def digest(journal: Journal) -> str:
    """Return what a journal holds, as one word."""
    queues = [journal.after(outlet, 0, ALL) for outlet in OUTLETS]
    # the numbers are the journal's own business, but the order is not
    held = [[(one.device, one.tag, one.body, one.received) for one in queue] for queue in queues]
    return hashlib.sha256(repr((held, journal.refused())).encode()).hexdigest()


def body_of(tag: str) -> bytes:
    """Return a body: it follows from the tag, and its length varies."""
    return b'{"tag":"%s","filler":"%s"}' % (tag.encode(), b"x" * (sum(tag.encode()) * 37 % 700))


def draw(journal: Journal, chance: random.Random, tag: str) -> Callable[[], None]:
    """Return the next call: half of them add a request, and half are an outlet's."""
    what = chance.random()
    outlet = chance.choice(OUTLETS)
    held = journal.next(outlet) if what < 0.5 else None
    if held is None:
        outlets = chance.choice([OUTLETS, OUTLETS, ("http",), ("mqtt",)])
        device = chance.choice(DEVICES)
        again = journal.next(outlet) if what > 0.9 else None
        if again:  # a device that has missed the answer
            return lambda: journal.add(again.device, again.tag, again.body, outlets, RECEIVED)
        return lambda: journal.add(device, tag, body_of(tag), outlets, RECEIVED)
    if what < 0.4:
        return lambda: journal.done(outlet, held.number)
    if what < 0.45:
        return lambda: journal.refuse(outlet, held, "nobody wants it")
    parts = [(f"{held.tag}.{part}", body_of(f"{held.tag}.{part}")) for part in range(chance.randint(2, 4))]
    return lambda: journal.split(outlet, held, parts)


def check_unchanged(journal: Journal, before: str) -> None:
    """End the program if a call that was refused has changed the journal."""
    if digest(journal) != before:
        raise SystemExit("a call that was refused has changed the journal")


def main() -> None:
    """Run as the module says."""
    folder, name, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    try:
        journal = Journal(folder / JOURNAL)
    except JournalError:
        sys.exit(CANNOT_OPEN)
    for setting in sys.argv[4:]:
        journal._connection.execute(f"PRAGMA {setting}")
    chance, notes = random.Random(name), Notes(folder)
    held = digest(journal)
    notes.add(f"{held}\n")
    for number in range(calls):
        call = draw(journal, chance, f"{name}-{number}")
        insist(call, JournalUnavailableError, functools.partial(check_unchanged, journal, held))
        held = digest(journal)
        notes.add(f"{held}\n")
    journal.close()


if __name__ == "__main__":
    main()
