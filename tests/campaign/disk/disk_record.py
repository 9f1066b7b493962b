"""Runs a program with a spy between it and its disk, and reads the record that the spy made.

The spy (`spy.c`) sits at the C library's calls, below SQLite's own VFS, so that it also sees what a
store does without SQLite: syncing its directory.
"""

import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PACKAGES = Path(__file__).parents[2]
SPY_SOURCE = Path(__file__).with_name("spy.c")
_HEAD = struct.Struct("=c3xiQII")

Call = Literal["open", "write", "cut", "sync", "remove", "sync directory"]
_CALLS: dict[bytes, Call] = {
    b"o": "open",
    b"w": "write",
    b"t": "cut",
    b"s": "sync",
    b"u": "remove",
    b"d": "sync directory",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call that changed or synced a file of the watched directory.

    Args:
        call: What was called.
        file: A number for each file ever created there, from 0; -1 for the directory.
        offset: Where was written, or the size it was cut to; 1 for a file that was there when it was opened.
        data: What was written, or the file's name.
    """

    call: Call
    file: int
    offset: int
    data: bytes


def build_spy(folder: Path) -> Path:
    """Compile the spy with the machine's C compiler and return the library."""
    library = folder / "spy.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]
    subprocess.run([*command, library, SPY_SOURCE, "-ldl", "-lpthread"], check=True)
    return library


def spied_environment(
    spy: Path, directory: Path, record: Path | None = None, plan: str | None = None
) -> dict[str, str]:
    """Return the environment under which a program, which may be one of this package, is spied on.

    Args:
        spy: The library.
        directory: The files below it are watched.
        record: Where the record goes, if one is wanted.
        plan: Which calls fail and how long they take; see the spy's source.
    """
    spied = {
        "LD_PRELOAD": str(spy),
        "UNOLINK_SPY_DIRECTORY": str(directory.resolve()),
        **({"UNOLINK_SPY_LOG": str(record)} if record else {}),
        **({"UNOLINK_SPY_PLAN": plan} if plan else {}),
    }
    modules = filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(modules), **spied}


def read_record(path: Path) -> Iterator[Step]:
    """Yield the steps of a record, in the order in which the calls returned."""
    content = memoryview(path.read_bytes())
    at = 0
    while at < len(content):
        call, file, offset, length, _ = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        yield Step(_CALLS[call], file, offset, bytes(content[at : at + length]))
        at += length
