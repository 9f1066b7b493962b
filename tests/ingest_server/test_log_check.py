"""Damage to the write-ahead log, told from the end of it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaign.disk.crash_runs import Workload, cut_the_power
from campaign.disk.disk_record import build_spy
from campaign.disk.store_crashes import WORKLOAD
from campaign.disk.store_workload import STORE
from unoingest.log_check import lost_commits

PAGE = 4096
HEADER, FRAME = 32, 24 + PAGE
COMMITS = 6
"""Of one frame each: all that changes is one row in one page."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a program that did not end by itself, and behind it frames of a log before."""
    path = tmp_path_factory.mktemp("log") / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE a (b INTEGER)")
        connection.execute("INSERT INTO a VALUES (0)")
        for _ in range(20):
            connection.execute("UPDATE a SET b = b + 1")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        for _ in range(COMMITS):
            connection.execute("UPDATE a SET b = b + 1")
        kept = path.with_name("kept-wal")
        shutil.copy(f"{path}-wal", kept)
    assert kept.stat().st_size > HEADER + COMMITS * FRAME
    return kept


def frame(number: int, offset: int) -> int:
    return HEADER + number * FRAME + offset


@pytest.mark.parametrize(
    ("at", "lost"),
    [
        (0, COMMITS),  # the header's magic
        (8, COMMITS),  # its page size
        (16, COMMITS),  # its salt
        (24, COMMITS),  # its checksum
        (frame(0, 1000), COMMITS),
        (frame(1, 4), COMMITS - 1),
        (frame(1, 8), COMMITS - 2),  # its salt: it is no frame of this log, and so no commit
        (frame(1, 16), COMMITS - 2),  # its checksum, which the next one goes on from
        (frame(2, 1000), COMMITS - 2),
        (frame(COMMITS - 2, 1000), 2),
        (frame(COMMITS - 1, 1000), 0),  # it may be the commit that a power cut has interrupted
        (frame(COMMITS, 1000), 0),  # of the log before
    ],
)
def test_a_flipped_bit(log: Path, tmp_path: Path, at: int, lost: int) -> None:
    content = bytearray(log.read_bytes())
    content[at] ^= 1
    damaged = tmp_path / "damaged-wal"
    damaged.write_bytes(content)
    assert lost_commits(damaged, PAGE) == lost


@pytest.mark.parametrize("bytes_left", [0, 10, HEADER, HEADER + 100, frame(2, 0), frame(2, 100), frame(3, 0)])
def test_a_log_that_ends_is_not_damaged(log: Path, tmp_path: Path, bytes_left: int) -> None:
    short = tmp_path / "short-wal"
    short.write_bytes(log.read_bytes()[:bytes_left])
    assert lost_commits(short, PAGE) == 0


def test_no_log_and_a_whole_one(log: Path, tmp_path: Path) -> None:
    assert lost_commits(tmp_path / "none", PAGE) == 0
    assert lost_commits(log, PAGE) == 0


def test_a_power_cut_is_no_damage(tmp_path: Path) -> None:
    def judge(disk: Path, _noted: bytes, _later: bytes) -> str:
        return str(lost_commits(disk / f"{STORE}-wal", PAGE))

    workload = Workload(WORKLOAD.program, WORKLOAD.amount, judge)
    verdicts = cut_the_power(workload, 300, tmp_path, build_spy(tmp_path))
    assert {verdict.harm for verdict in verdicts} == {"0"}
