"""The model of a crashed disk, on records written by hand."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.disk.crash_runs import _judged
from campaign.disk.crash_states import SECTOR_BYTES, CrashedDisk, moments, write_files
from campaign.disk.disk_record import Step, build_spy, read_record, spied_environment
from campaign.disk.notes import NOTES

OPEN = Step("open", 0, 0, b"a.db")
NAMED = Step("sync directory", -1, 0, b"")
SYNC = Step("sync", 0, 0, b"")


def write(offset: int, data: bytes) -> Step:
    return Step("write", 0, offset, data)


def crashes(*steps: Step, tries: int = 300) -> set[tuple[tuple[str, bytes], ...]]:
    states = set()
    for seed in range(tries):
        disk = CrashedDisk(random.Random(seed))
        for step in steps:
            disk.play(step)
        states.add(tuple(sorted(disk.crash().items())))
    return states


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        ([], [()]),
        ([OPEN], [(), (("a.db", b""),)]),
        ([OPEN, NAMED], [(("a.db", b""),)]),
        ([OPEN, NAMED, write(0, b"xy"), SYNC], [(("a.db", b"xy"),)]),
        ([OPEN, NAMED, write(0, b"xy")], [(("a.db", content),) for content in (b"", b"\0\0", b"xy")]),
        (
            [OPEN, NAMED, write(0, b"xy"), SYNC, write(2, b"z")],
            [(("a.db", content),) for content in (b"xy", b"xy\0", b"xyz")],
        ),
        (
            [OPEN, NAMED, write(0, b"xy"), SYNC, Step("cut", 0, 1, b"")],
            [(("a.db", content),) for content in (b"xy", b"x")],
        ),
        (
            [OPEN, NAMED, Step("remove", 0, 0, b"a.db")],
            [(), (("a.db", b""),)],
        ),
        ([OPEN, NAMED, Step("remove", 0, 0, b"a.db"), NAMED], [()]),
    ],
)
def test_what_a_power_cut_may_leave(steps: list[Step], states: list[tuple[tuple[str, bytes], ...]]) -> None:
    assert crashes(*steps) == set(states)


def test_later_writes_may_survive_earlier_ones() -> None:
    contents = {dict(state)["a.db"] for state in crashes(OPEN, NAMED, write(0, b"1"), write(1, b"2"))}
    assert {b"", b"1", b"\x002", b"12"} <= contents


def test_a_write_tears_at_sectors() -> None:
    whole = bytes([1]) * SECTOR_BYTES + bytes([2]) * SECTOR_BYTES
    halves = {bytes(SECTOR_BYTES) + whole[SECTOR_BYTES:], whole[:SECTOR_BYTES] + bytes(SECTOR_BYTES)}
    contents = {dict(state)["a.db"] for state in crashes(OPEN, NAMED, write(0, whole))}
    assert contents == {b"", bytes(2 * SECTOR_BYTES), whole, *halves}


def test_the_power_is_cut_at_every_moment() -> None:
    steps = [SYNC] * 9
    chosen = list(moments(steps, 25, random.Random(1)))
    assert chosen == sorted(chosen)
    assert len(chosen) == 25
    assert {chosen.count(moment) for moment in range(10)} == {2, 3}


def test_a_folder_holds_what_was_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"1")
    write_files(tmp_path, {"a": b"2"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"2"}


def test_a_state_is_judged_once_behind_the_same_notes(tmp_path: Path) -> None:
    noting = [Step("write", 1, at, b"n") for at in range(2)]
    steps = [OPEN, NAMED, write(0, b"xy"), SYNC, Step("open", 1, 0, NOTES.encode()), *noting, write(2, b"z")]
    judged = []

    def judge(disk: Path, noted: bytes, later: bytes) -> str:
        content = (disk / "a.db").read_bytes() if (disk / "a.db").exists() else None
        judged.append((content, noted, later))
        return str(judged[-1])

    verdicts = list(_judged(judge, steps, tmp_path / "disk", 900, random.Random(1)))
    assert len(verdicts) == 900
    assert len(judged) == len(set(judged))
    for notes in range(3):
        told = {harm for moment, harm in verdicts if moment == 5 + notes}
        assert told == {str((b"xy", b"n" * notes, b"n" * (2 - notes)))}
    assert {harm for moment, harm in verdicts if moment == len(steps)} == {
        str((content, b"nn", b"")) for content in (b"xy", b"xyz", b"xy\0")
    }


PROGRAM = """
import os, sys
folder = sys.argv[1]
name = os.path.join(folder, "a")
fd = os.open(name, os.O_CREAT | os.O_RDWR)
os.write(fd, b"one")
os.pwrite(fd, b"two", 10)
os.ftruncate(fd, 12)
os.fdatasync(fd)
os.close(fd)
fd = os.open(name, os.O_WRONLY | os.O_APPEND)
os.write(fd, b"end")
os.fsync(fd)
os.unlink(name)
fd = os.open(folder, os.O_RDONLY)
os.fsync(fd)
os.open(os.path.join(folder, "b-shm"), os.O_CREAT | os.O_RDWR)
"""


def test_the_spy_sees_what_a_program_does(tmp_path: Path) -> None:
    folder, record = tmp_path / "watched", tmp_path / "record"
    folder.mkdir()
    environment = spied_environment(build_spy(tmp_path), folder, record)
    subprocess.run([sys.executable, "-c", PROGRAM, folder], env=environment, check=True)
    assert list(read_record(record)) == [
        Step("open", 0, 0, b"a"),
        Step("write", 0, 0, b"one"),
        Step("write", 0, 10, b"two"),
        Step("cut", 0, 12, b""),
        Step("sync", 0, 0, b""),
        Step("open", 0, 1, b"a"),
        Step("write", 0, 12, b"end"),
        Step("sync", 0, 0, b""),
        Step("remove", 0, 0, b"a"),
        Step("sync directory", -1, 0, b""),
    ]


def test_the_spy_makes_chosen_calls_fail(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    environment = spied_environment(build_spy(tmp_path), folder, plan="2 1 28 0")  # ENOSPC at the third call
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env=environment, check=False, capture_output=True, text=True
    )
    assert "No space left on device" in ended.stderr
    assert (folder / "a").read_bytes() == b"one"
