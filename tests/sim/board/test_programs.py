"""Whole programs compiled by avr-gcc, on the board and on libsimavr: the same cycles and SRAM at the end."""

import ctypes
from collections.abc import Callable

import pytest

from sim.board.programs import PRELUDE, PROGRAMS
from unosim.board import Board, Image, Stop

RAM_FILL = 0x5A
SRAM_START, DATA_BYTES = 0x100, 0x900
CYCLES_MAX = 50_000_000


@pytest.mark.parametrize("program", PROGRAMS)
def test_cycles_and_memory_agree_with_libsimavr(
    oracle: ctypes.CDLL, avr_compile: Callable[[str], Image], program: str
) -> None:
    flash = avr_compile(PRELUDE + PROGRAMS[program]).flash
    board = Board(flash, ram_fill=RAM_FILL)
    assert board.run(CYCLES_MAX) == Stop.HALTED

    data = ctypes.create_string_buffer(DATA_BYTES)
    cycles = oracle.oracle_program(flash, len(flash), RAM_FILL, ctypes.c_uint64(CYCLES_MAX), data)

    assert board.cycle == cycles
    assert board.cycle > 50_000
    assert board.read_data(SRAM_START, DATA_BYTES - SRAM_START).hex(" ") == data.raw[SRAM_START:].hex(" ")
    assert board.read_data(0, 32).hex(" ") == data.raw[:32].hex(" ")
