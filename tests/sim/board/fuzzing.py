"""A fuzzer of the board: whatever is in flash and whatever comes from outside, the host process survives.

A case is a number, and does the same things every time. From a shell:

    make fuzz ARGS="--seconds 600 --first 1000000"

Flash is noise, a program that writes all over the I/O registers, or a real image with some bytes changed.
Meanwhile pins, voltages, frames on both serial lines, answers to SPI and TWI, resets, power cuts, snapshots
and damaged snapshots come at random.
"""

import argparse
import faulthandler
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from unosim.board import Board, Fuses, Stop, UartInputError, load_image

ACTIONS = 24
RUN_CYCLES_MAX = 60_000
HANG_S = 60

LDI_R16, STS_R16, LDS_R17 = 0xE000, 0x9300, 0x9110
INSTRUCTIONS = (
    0x9478,
    0x94F8,
    0x9588,
    0x95A8,
    0x95E8,
    0x95C8,
    0x9518,
    0x9508,
    0x920F,
    0x900F,
    0x0000,
    0x9409,
)
"""SEI, CLI, SLEEP, WDR, SPM, LPM, RETI, RET, PUSH, POP, NOP, IJMP."""
RETI, JMP = 0x9518, 0x940C
REGISTERS = range(0x23, 0xC7)
VECTORS_END = 0x34


def words_to_bytes(words: list[int]) -> bytes:
    """Return words of flash as bytes."""
    return b"".join(word.to_bytes(2, "little") for word in words)


def program_for_registers(rng: random.Random) -> bytes:
    """Return a loop that writes noise into I/O registers, in any section of flash."""
    base = rng.choice([0, 0x3800, 0x3F00])
    words = [0xFFFF] * 0x4000
    words[base : base + VECTORS_END] = [RETI, 0] * (VECTORS_END // 2)
    words[base : base + 2] = [JMP, base + VECTORS_END]
    words[0:2] = [JMP, base + VECTORS_END]
    body: list[int] = []
    while len(body) < 150:
        value = rng.choice([rng.randrange(256), 1 << rng.randrange(8), 0xFF, 0])
        body.append(LDI_R16 | (value & 0xF0) << 4 | (value & 0x0F))
        body += [rng.choice([STS_R16, STS_R16, LDS_R17]), rng.choice(REGISTERS)]
        if rng.random() < 0.5:
            body.append(rng.choice(INSTRUCTIONS))
    body += [JMP, base + VECTORS_END]
    start = base + VECTORS_END
    words[start : start + len(body)] = body
    return words_to_bytes(words[:0x4000])


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return data with up to 16 bytes changed."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 17)):
        changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), 0, 0xFF])
    return bytes(changed)


def flash_for(rng: random.Random, image: bytes) -> bytes:
    """Return one of the kinds of flash."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(rng.choice([0, 2, 512, 32_768]))
    return program_for_registers(rng) if kind == 1 else mutated(image, rng)


def make_board(rng: random.Random, image: bytes) -> Board:
    """Return a board of which everything is random."""
    return Board(
        flash_for(rng, image),
        eeprom=rng.randbytes(1024),
        ram_seed=rng.randrange(1000),
        clock_hz=rng.choice([16_000_000, 16_000_000, 1, 31_337, 2**32 - 1]),
        fuses=Fuses(*(rng.choice([0xFF, rng.randrange(256)]) for _ in range(4))),
    )


def _number(rng: random.Random) -> int:
    return rng.choice([1, 2, 255, 256, 8 * 256, 139 * 256, 1664 * 256, rng.randrange(1, 2**32)])


def _frame(board: Board, rng: random.Random, send: Callable[[int, int, int], None]) -> None:
    start = board.cycle + rng.choice([0, 1, rng.randrange(20_000), rng.randrange(2**61)])
    for n in range(rng.randrange(1, 20)):
        try:
            send(rng.randrange(256), start + n * rng.randrange(1, 20_000), _number(rng))
        except (UartInputError, ValueError):
            return


def _restore_damaged(board: Board, rng: random.Random) -> None:
    try:
        board.restore(mutated(board.snapshot(), rng))
    except ValueError:
        return


def _snapshot_and_back(board: Board, rng: random.Random) -> None:
    """A fork runs as its original does."""
    board.observer.stop()  # it is no part of a snapshot
    other = Board(b"")
    snapshot = board.snapshot()
    other.restore(snapshot)
    assert other.snapshot() == snapshot
    until = min(board.cycle + rng.randrange(2000), 2**62 - 1)
    assert other.run(until) == board.run(until)
    assert other.snapshot() == board.snapshot()


def _observe(board: Board, rng: random.Random) -> None:
    for _ in range(3):
        board.observer.set_breakpoint(rng.randrange(0x4000))
        board.observer.set_watchpoint(rng.randrange(0x900))
    board.observer.start()


ACTIONS_BY_NAME: tuple[Callable[[Board, random.Random], object], ...] = (
    lambda board, rng: _frame(board, rng, board.uart_input),
    lambda board, rng: _frame(board, rng, board.serial_input),
    lambda board, rng: board.attach_serial(
        listens=("BCD"[rng.randrange(3)], rng.randrange(8)),
        drives=("BCD"[rng.randrange(3)], rng.randrange(8)),
        bit_cycles_q8=_number(rng),
    ),
    lambda board, rng: board.drive_pin(
        "BCD"[rng.randrange(3)], rng.randrange(8), level=rng.choice([True, False, None])
    ),
    lambda board, rng: board.watch_pins("BCD"[rng.randrange(3)], rng.randrange(256)),
    lambda board, rng: board.set_analog_mv(rng.randrange(19), rng.randrange(65_536)),
    lambda board, rng: board.set_supply_mv(
        rng.choice([0, 500, 2000, 5000, 5000, 5000]), ram_seed=rng.randrange(9)
    ),
    lambda board, rng: board.spi_reply(rng.randrange(256)),
    lambda board, rng: board.twi_answer(ack=rng.random() < 0.5, data=rng.randrange(256)),
    lambda board, rng: board.power_cycle(ram_seed=rng.randrange(9)),
    lambda board, _: board.reset(),
    _snapshot_and_back,
    _restore_damaged,
    _observe,
    lambda board, _: board.observer.stop(),
    lambda board, rng: board.write_data(0x100, rng.randbytes(0x800)),
    lambda board, rng: setattr(board, "pc", rng.randrange(0x4000)),
    lambda board, rng: setattr(board, "sp", rng.randrange(0x10000)),
    lambda board, rng: setattr(board, "sreg", rng.randrange(256)),
)


def run_case(seed: int, image: bytes) -> None:
    """Run one case.

    Args:
        seed: which.
        image: the content of flash that is mutated.

    Raises:
        AssertionError: a promise of the board was broken.
    """
    rng = random.Random(seed)  # noqa: S311 - test data, not secrets
    board = make_board(rng, image)
    for _ in range(ACTIONS):
        rng.choice(ACTIONS_BY_NAME)(board, rng)
        until = min(board.cycle + rng.choice([0, 1, 2, 100, rng.randrange(RUN_CYCLES_MAX)]), 2**62 - 1)
        before = board.cycle
        stop = board.run(until)
        assert board.cycle >= before
        assert stop != Stop.LIMIT or board.cycle >= until
        board.take_events()
        board.read_data(0, 0x900)


def main() -> None:
    """Run cases for a while; the last number printed is the one that crashed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    parser.add_argument("--cases", type=int, help="how many, instead of how long")
    parser.add_argument("--image", type=Path, default=Path(".pio/build/uno/firmware.elf"))
    options = parser.parse_args()
    image = load_image(options.image).flash
    deadline = time.monotonic() + options.seconds
    seed = options.first
    while time.monotonic() < deadline if options.cases is None else seed < options.first + options.cases:
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        sys.stderr.write(f"\rcase {seed}")
        sys.stderr.flush()
        run_case(seed, image)
        seed += 1
    faulthandler.cancel_dump_traceback_later()
    sys.stderr.write(f"\r{seed - options.first} cases from {options.first} on: no crash, no hang\n")


if __name__ == "__main__":
    faulthandler.enable()
    main()
