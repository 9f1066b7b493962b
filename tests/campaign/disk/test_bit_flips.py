"""What the judge of flipped bits says, of flips and of changes that no flip could make."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from campaign.disk.bit_flips import FOUND, HARMLESS, LAST_TAKEN_BACK, Specimen
from campaign.disk.store_workload import STORE
from unoingest.checksum import reading_checksum

WITH_ITS_CHECKSUM = (
    "UPDATE reading SET received_at_ns = 1, checksum ="
    " reading_checksum(device, boot, seq, 1, timestamp_ns, channel_values, traceparent)"
)


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    return Specimen(tmp_path_factory.mktemp("specimen"), seed=1)


def test_flips_are_found_or_harmless(specimen: Specimen) -> None:
    verdicts = Counter(specimen.flip(trial).verdict for trial in range(100))
    assert verdicts.keys() <= {FOUND, HARMLESS, LAST_TAKEN_BACK}
    assert verdicts[FOUND] > verdicts[HARMLESS] > 0


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("UPDATE outbox SET id = id", HARMLESS),
        ("UPDATE reading SET received_at_ns = 1 WHERE rowid = 3", FOUND),
        ("UPDATE outbox SET frames = x'00' WHERE id = 3", FOUND),
        ("DELETE FROM reading WHERE rowid = 3", "what is read is not what was stored"),
        (WITH_ITS_CHECKSUM, "what is read is not what was stored"),
    ],
)
def test_changes(specimen: Specimen, change: str, verdict: str) -> None:
    path = specimen.flipped / STORE
    for old in path.parent.iterdir():
        old.unlink()
    shutil.copy(specimen.sound["ended"] / STORE, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("reading_checksum", 7, reading_checksum)
        connection.execute(change)
    assert specimen.verdict(in_log=False) == verdict
