"""The power goes, at seeded cycles and in the middle of each EEPROM write: the node comes back as it must.

It always boots, `boot` rises, the settings are intact or what they were before a change, and nothing that was
acknowledged is sent as something new. The board tears the byte that is being written.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from system.node_bench import make_bench
from system.power_cuts import check, torment
from unosim.board import CLOCK_HZ, Board, Image, Stop
from unosim.cable import Cable
from unosim.lab import SETTINGS

pytestmark = pytest.mark.system
SEED = 11
CUTS = 60
EEPROM_WRITE_CYCLES = CLOCK_HZ * 34 // 10_000
"""3.4 ms: how long the EEPROM takes for a byte."""


def test_it_survives_power_cuts_at_seeded_cycles(image: Image) -> None:
    bench, lives = torment(image, SEED, CUTS)
    assert max(boot for _, boot, _ in bench.server.stored) > lives // 2
    check(bench)


def writes(board: Board, act: Callable[[Board], None]) -> list[int]:
    """Return the cycles at which each byte of EEPROM is half written while `act` goes on."""
    moments = []
    content = board.eeprom
    original_run = board.run

    def run(until_cycle: int) -> Stop:
        nonlocal content
        stop = Stop.LIMIT
        while board.cycle < until_cycle and stop is Stop.LIMIT:
            stop = original_run(min(until_cycle, board.cycle + EEPROM_WRITE_CYCLES // 8))
            if board.eeprom != content:
                content = board.eeprom
                moments.append(board.cycle - EEPROM_WRITE_CYCLES // 2)
        return stop

    board.run = run  # type: ignore[method-assign]  # to look while somebody else runs it
    act(board)
    del board.run
    return moments


def cut_at_each(image: Image, start: Board, act: Callable[[Board], None]) -> Iterator[Board]:
    """Yield a board for each byte that `act` writes: powered again after a cut in the middle of that byte."""
    before = start.snapshot()
    for moment in writes(start, act):
        cut = Board(image.flash)
        cut.restore(before)
        original_run = cut.run

        def run(
            until_cycle: int, run: Callable[[int], Stop] = original_run, at: int = moment, cut: Board = cut
        ) -> Stop:
            stop = run(min(until_cycle, at))
            if cut.cycle >= at:
                raise PowerCutError
            return stop

        cut.run = run  # type: ignore[method-assign]  # to cut while somebody else runs it
        with pytest.raises(PowerCutError):
            act(cut)
        del cut.run
        cut.take_events()
        cut.power_cycle()
        yield cut


class PowerCutError(Exception):
    """The power went."""


def set_up_board(image: Image) -> Board:
    """Return a board that was set up and has started again, in its open console."""
    board = Board(image.flash)
    cable = Cable(board)
    cable.open()
    for name, value in SETTINGS.items():
        cable.do(f"set {name} {value}")
    cable.do("save")
    cable.do("restart")
    cable.open()
    return board


def look(board: Board) -> tuple[int, list[str]]:
    """Return the boot number and the settings of a board that has been powered."""
    cable = Cable(board)
    cable.open()
    status = dict(line.rsplit(" ", 1) for line in cable.do("status"))
    return int(status["boot"]), cable.do("show")


def test_a_cut_at_each_byte_of_a_changed_setting_leaves_the_old_or_the_new(image: Image) -> None:
    def change(board: Board) -> None:
        cable = Cable(board)
        cable.do("set server-port 9999")
        cable.do("save")

    start = set_up_board(image)
    boot, old = look(start)
    new = [line.replace("server-port 8080", "server-port 9999") for line in old]
    outcomes = []
    for board in cut_at_each(image, start, change):
        boot_after, shown = look(board)
        assert shown in (old, new)
        assert boot_after > boot
        outcomes.append(shown == new)
    assert len(outcomes) > 60
    assert outcomes == sorted(outcomes), "the old ones up to some byte, the new ones from there on"


def test_a_cut_at_each_byte_of_the_boot_number_loses_none(image: Image) -> None:
    def start_anew(board: Board) -> None:
        board.reset()
        board.run(board.cycle + CLOCK_HZ // 5)

    board = set_up_board(image)
    for _ in range(5):  # so that every slot has been used
        board.reset()
        board.run(board.cycle + CLOCK_HZ // 5)
        board.take_events()
    reached, settings = look(board)
    count = 0
    for cut in cut_at_each(image, board, start_anew):
        boot, shown = look(cut)
        assert boot > reached
        assert shown == settings
        count += 1
    assert count == 4, "the lowest byte of boot, a count, and their checksum"


def test_a_cut_at_each_byte_of_the_journal_keeps_the_others(image: Image) -> None:
    """Without a modem the node spills its readings; `status` says how many wait."""

    def spill(board: Board) -> None:
        until = board.cycle + 3 * CLOCK_HZ
        while board.cycle < until:
            board.run(until)
            board.take_events()

    eeprom = make_bench(image, interval_ms="200").board.eeprom
    board = Board(image.flash, eeprom=eeprom)
    until = 3 * CLOCK_HZ
    while board.cycle < until:
        board.run(until)
        board.take_events()
    waiting = []
    for cut in cut_at_each(image, board, spill):
        cut_eeprom = cut.eeprom
        fresh = Board(image.flash, eeprom=cut_eeprom)
        cable = Cable(fresh)
        cable.open()
        status = dict(line.rsplit(" ", 1) for line in cable.do("status"))
        waiting.append(int(status["waiting"]))
    assert len(waiting) > 100
    assert max(waiting) >= 12
    assert all(later >= earlier - 1 for earlier, later in pairwise(waiting)), "none is lost on the way"
