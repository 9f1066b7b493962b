"""Whether SQLite's write-ahead log was damaged after it had been written.

SQLite takes a frame with a wrong checksum for the end of the log: after a power cut it is one. A damaged byte
in the midst of the log looks the same to it, and takes back all that was committed from there on. Here the
frames behind the wrong one are looked at, too. Each carries the running checksum over everything before it,
so it can be verified by what its neighbour says. A commit is synced before the next one is written; so a
right frame of a later commit says that the wrong one had been on disk.

What it cannot see: damage to the last commit in the log, and any damage once a program has written to the
store again. Format: SQLite, Database File Format, section 4.
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGICS = {0x377F0682: "little", 0x377F0683: "big"}
_SUMMED_BYTES = 8
"""Of a frame's head; the page follows."""

Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    is_right: bool
    ends_commit: bool


def lost_commits(log: Path, page_bytes: int) -> int:
    """Return how many commits of a log, or more, are lost because it was damaged behind them.

    Args:
        log: The file; where there is none, nothing is lost. Nobody may begin it anew meanwhile.
        page_bytes: Of the database.
    """
    content = log.read_bytes() if log.exists() else b""
    if len(content) < _HEADER.size + _FRAME.size + page_bytes:
        return 0
    frames = list(_frames(content, page_bytes))
    is_right = [frame.is_right for frame in frames]
    if all(is_right):
        return 0
    behind = frames[is_right.index(False) :]
    # the commit that the wrong frame belongs to may be the one that a power cut has interrupted
    ends = [number for number, frame in enumerate(behind) if frame.ends_commit]
    later = [number for number in ends[1:] if behind[number].is_right]
    return 1 + len(later) if later else 0


def _frames(content: bytes, page_bytes: int) -> Iterator[_Frame]:
    """Yield the header as the first, which ends no commit, and each frame that there is room for."""
    magic, _, _, _, *salts, sum_0, sum_1 = _HEADER.unpack_from(content)
    order = _MAGICS.get(magic, sys.byteorder)
    is_right = magic in _MAGICS and _sums(content[: _HEADER.size - 8], (0, 0), order) == (sum_0, sum_1)
    yield _Frame(is_right, ends_commit=False)
    if not is_right:
        # each frame has the salts of its log as well
        salts = list(_FRAME.unpack_from(content, _HEADER.size)[2:4])
    before = (sum_0, sum_1)
    for start in range(_HEADER.size, len(content) - page_bytes - _FRAME.size + 1, _FRAME.size + page_bytes):
        _, database_pages, *its_salts, its_sum_0, its_sum_1 = _FRAME.unpack_from(content, start)
        page = content[start + _FRAME.size : start + _FRAME.size + page_bytes]
        is_right = _sums(content[start : start + _SUMMED_BYTES] + page, before, order) == (
            its_sum_0,
            its_sum_1,
        )
        # frames with other salts are left over from a log before this one
        is_of_this = its_salts == salts
        yield _Frame(is_right and is_of_this, ends_commit=is_of_this and database_pages != 0)
        before = (its_sum_0, its_sum_1)


def _sums(data: bytes, before: Sums, order: str) -> Sums:
    """Return the running checksum (section 4.2)."""
    words = array("I", data)
    if order != sys.byteorder:
        words.byteswap()
    sum_0, sum_1 = before
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum_0 = (sum_0 + first + sum_1) & 0xFFFFFFFF
        sum_1 = (sum_1 + second + sum_0) & 0xFFFFFFFF
    return sum_0, sum_1
