"""Makes the files that a power cut may leave behind, from a record of what was written and synced.

The model. What was synced is there. Of what was not, each write survives whole, or in some of its sectors,
or not at all, whatever became of the writes before it; a file that was grown by a write that survives reads
as zeros where writes before it did not. Names are a journalled file system's: creations and removals
survive up to some point, in their order, and all of them once the directory is synced.

What it does not model: a disk that says that it synced and did not.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaign.disk.disk_record import Step

SECTOR_BYTES = 512
SURVIVES, TORN = 0.45, 0.15
"""Chances of a write that was not synced."""


@dataclass
class _File:
    name: str
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)
    settled: bytes | None = b""
    """A copy of `durable`; None if there is none now."""


class CrashedDisk:
    """The disk while a record is played back, step by step.

    Args:
        chance: Decides what survives.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._files: dict[int, _File] = {}
        self._durable_names: dict[str, int] = {}
        self._pending_names: list[Step] = []

    def play(self, step: Step) -> None:
        """Let a step happen."""
        match step.call:
            case "open":
                if step.file not in self._files:
                    self._files[step.file] = _File(step.data.decode())
                    self._pending_names.append(step)
            case "write" | "cut":
                self._files[step.file].pending.append(step)
            case "sync":
                file = self._files[step.file]
                for one in file.pending:
                    _apply(file.durable, one, None)
                    file.settled = None
                file.pending.clear()
            case "remove":
                self._pending_names.append(step)
            case "sync directory":
                for one in self._pending_names:
                    _rename(self._durable_names, one)
                self._pending_names.clear()

    def crash(self) -> dict[str, bytes]:
        """Return files that a power cut at this moment may leave, by name."""
        names = dict(self._durable_names)
        for step in self._pending_names[: self._chance.randint(0, len(self._pending_names))]:
            _rename(names, step)
        return {name: self._remains(self._files[file]) for name, file in names.items()}

    def _remains(self, file: _File) -> bytes:
        if not file.pending:
            # the same object each time: its hash is then known already
            if file.settled is None:
                file.settled = bytes(file.durable)
            return file.settled
        content = bytearray(file.durable)
        for step in file.pending:
            fate = self._chance.random()
            if fate < SURVIVES:
                _apply(content, step, None)
            elif fate < SURVIVES + TORN:
                _apply(content, step, self._chance)
        return bytes(content)


def _rename(names: dict[str, int], step: Step) -> None:
    if step.call == "open":
        names[step.data.decode()] = step.file
    else:
        names.pop(step.data.decode(), None)


def _apply(content: bytearray, step: Step, torn_by: random.Random | None) -> None:
    """Carry a write or a cut out, or a write's sectors by chance."""
    if step.call == "cut":
        if torn_by is None:
            content[step.offset :] = bytes(max(0, step.offset - len(content)))
        return
    end = step.offset + len(step.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if torn_by is None:
        content[step.offset : end] = step.data
        return
    for start in range(0, len(step.data), SECTOR_BYTES):
        if torn_by.random() < 0.5:
            sector = step.data[start : start + SECTOR_BYTES]
            content[step.offset + start : step.offset + start + len(sector)] = sector


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder hold exactly these files."""
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def moments(steps: Sequence[Step], states: int, chance: random.Random) -> Iterator[int]:
    """Yield, in order, behind how many steps the power is cut: every moment as often as any other, nearly."""
    each, rest = divmod(states, len(steps) + 1)
    extra = set(chance.sample(range(len(steps) + 1), rest))
    for moment in range(len(steps) + 1):
        yield from [moment] * (each + (moment in extra))
