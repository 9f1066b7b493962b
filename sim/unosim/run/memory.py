"""How much of the SRAM a program has used so far: the deepest stack, and what was never written."""

from typing import NamedTuple

from unosim.board import Board, Image

RAM_START, RAM_END = 0x100, 0x8FF
RAM_BYTES = RAM_END + 1 - RAM_START
END_OF_DATA = "_end"
"""The linker's symbol behind the last static variable."""


class Memory(NamedTuple):
    """What has become of the SRAM's 2,048 bytes."""

    data_bytes: int | None
    """Static variables; None if the image has no symbols."""
    stack_bytes: int
    """The deepest that the stack was."""
    never_written_bytes: int

    @property
    def between_bytes(self) -> int | None:
        """Return how many bytes lay between the variables and the deepest stack; None without symbols."""
        return None if self.data_bytes is None else RAM_BYTES - self.data_bytes - self.stack_bytes

    def __str__(self) -> str:
        """Return a line for people."""
        data = "" if self.data_bytes is None else f"{self.data_bytes:,} bytes of variables, "
        between = "" if self.between_bytes is None else f"{self.between_bytes:,} bytes between them, "
        return (
            f"{data}{self.stack_bytes:,} bytes of stack at its deepest, {between}"
            f"{self.never_written_bytes:,} of {RAM_BYTES:,} bytes never written"
        )


def memory_of(board: Board, image: Image) -> Memory:
    """Return how the SRAM was used since the board's observer was started, right after power-on.

    Args:
        board: as it stands.
        image: what it runs, for the end of its variables.
    """
    end = image.symbols.get(END_OF_DATA)
    written = board.observer.written[RAM_START : RAM_END + 1]
    return Memory(
        data_bytes=None if end is None else end.address - RAM_START,
        stack_bytes=max(0, RAM_END - board.observer.stack_low),
        never_written_bytes=RAM_BYTES - sum(written),
    )
