"""The image's watchdog: it leaves a working program alone, and restarts one that hangs."""

import pytest

from unosim.board import CLOCK_HZ, Board, Image
from unosim.board.events import ResetBegan
from unosim.lab import set_up_eeprom

pytestmark = pytest.mark.system
WDR, NOP = b"\xa8\x95", b"\x00\x00"
"""DS40002198: the instruction that feeds the watchdog, and one that does nothing."""
WATCHDOG = 8
"""WDRF in MCUSR (DS40002061)."""
BITE_S = 8.0


def starved(flash: bytes) -> bytes:
    words = (flash[at : at + 2] for at in range(0, len(flash), 2))
    return b"".join(NOP if word == WDR else word for word in words)


def resets(board: Board, seconds: float) -> list[ResetBegan]:
    found = []
    while board.cycle < seconds * CLOCK_HZ:
        board.run(round(seconds * CLOCK_HZ))
        found += [event for event in board.take_events() if isinstance(event, ResetBegan)]
    return found


def test_a_program_that_feeds_it_is_left_alone(image: Image) -> None:
    assert resets(Board(image.flash, eeprom=set_up_eeprom(image.flash)), 3 * BITE_S) == []


def test_a_program_that_hangs_is_restarted(image: Image) -> None:
    board = Board(starved(image.flash), eeprom=set_up_eeprom(image.flash))
    (reset,) = resets(board, 1.5 * BITE_S)
    assert reset.cause == WATCHDOG
    assert BITE_S <= reset.cycle / CLOCK_HZ < 1.1 * BITE_S
