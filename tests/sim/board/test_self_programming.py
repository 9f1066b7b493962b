"""Self-programming (DS40002061 section 27), and Optiboot, compiled from Arduino's source, at work."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.board import (
    BOOT_LOADER_FUSES,
    Board,
    Fuses,
    Image,
    ImageError,
    ResetBegan,
    Stop,
    UartSent,
    load_image,
)

MakeBoard = Callable[..., Board]

PAGE_BYTES = 128
OPERATION = 72_000  # cycles, 4.5 ms
BOOT = 0x7000  # bytes: the largest boot loader section
LARGEST_BOOT = Fuses(high=0xD8)  # BOOTRST, 2,048 words
SPMCSR, NOTES = 0x57, 0x200
RWWSB, SELFPRGEN = 0x40, 1

# Fills the buffer with 0x1100, 0x1101, ... and does what `action` says to the page at `page`.
ROUTINES = """
fill:
    ldi r17, 64
    clr r26
    ldi r27, 0x11
    ldi r30, lo8({page})
    ldi r31, hi8({page})
1:  movw r0, r26
    ldi r16, (1 << SELFPRGEN)
    out SPMCSR, r16
    spm
    adiw r26, 1
    adiw r30, 2
    dec r17
    brne 1b
    ldi r30, lo8({page})
    ldi r31, hi8({page})
    ret
do:
    out SPMCSR, r16
    spm
    ret
wait:
    in r16, SPMCSR
    sbrc r16, SELFPRGEN
    rjmp wait
    ret
"""


@pytest.fixture
def boot_board(asm_board: MakeBoard) -> MakeBoard:
    """A board whose boot loader section holds a program, and whose other flash is all 0x0F."""

    def make(text: str, *, page: int = 0x400, fuses: Fuses = LARGEST_BOOT, at: int = BOOT) -> Board:
        routines = ROUTINES.format(page=page)
        program = asm_board(f".org 0x{at:x}\n{text}\nend: rjmp end\n{routines}").flash
        code = program[at:].rstrip(b"\xff")
        return Board(b"\x0f" * at + code, fuses=fuses)

    return make


ERASE = "ldi r16, (1 << PGERS) | (1 << SELFPRGEN)\n rcall do\n"
WRITE = "ldi r16, (1 << PGWRT) | (1 << SELFPRGEN)\n rcall do\n"
ENABLE = "ldi r16, (1 << RWWSRE) | (1 << SELFPRGEN)\n rcall do\n"
FILLED = b"".join(bytes([n, 0x11]) for n in range(64))


def page_of(board: Board, address: int) -> bytes:
    return board.flash[address : address + PAGE_BYTES]


def test_a_page_is_erased_and_written(boot_board: MakeBoard) -> None:
    board = boot_board("rcall fill\n" + ERASE + "rcall wait\n rcall fill\n" + WRITE + "rcall wait\n" + ENABLE)
    assert board.pc * 2 == BOOT  # BOOTRST
    board.run(4 * OPERATION)
    assert page_of(board, 0x400) == FILLED
    assert page_of(board, 0x380) + page_of(board, 0x480) == b"\x0f" * 256
    assert board.read_data(SPMCSR, 1) == b"\0"


def test_writing_without_erasing_only_clears_bits(boot_board: MakeBoard) -> None:
    board = boot_board("rcall fill\n" + WRITE + "rcall wait\n" + ENABLE)
    board.run(3 * OPERATION)
    assert page_of(board, 0x400) == bytes(byte & 0x0F for byte in FILLED)


def test_each_word_of_the_buffer_is_filled_once(boot_board: MakeBoard) -> None:
    again = "ldi r26, 0x99\n ldi r27, 0x99\n movw r0, r26\n ldi r16, 1\n rcall do\n"
    board = boot_board(
        ERASE.replace("rcall do", "ldi r30, 0\n ldi r31, 4\n rcall do")
        + "rcall wait\n rcall fill\n"
        + again
        + WRITE
        + "rcall wait\n"
        + ENABLE
    )
    board.run(4 * OPERATION)
    assert page_of(board, 0x400) == FILLED


def test_an_operation_takes_its_time_and_shows_it(boot_board: MakeBoard) -> None:
    board = boot_board("rcall fill\n" + ERASE + "ldi r20, 1\n rcall wait\n ldi r20, 2\n")
    while board.read_data(20, 1) != b"\x01":
        board.step()
    begun = board.cycle
    assert board.read_data(SPMCSR, 1)[0] & (RWWSB | SELFPRGEN) == RWWSB | SELFPRGEN
    while board.read_data(20, 1) != b"\x02":
        board.step()
    assert OPERATION - 20 < board.cycle - begun < OPERATION + 20
    assert board.read_data(SPMCSR, 1)[0] & (RWWSB | SELFPRGEN) == RWWSB


def test_a_page_of_the_upper_section_halts_the_cpu(boot_board: MakeBoard) -> None:
    board = boot_board("rcall fill\n" + ERASE + "ldi r20, 1\n", page=0x7F80)
    while board.read_data(20, 1) != b"\x01":
        before = board.cycle
        board.step()
        if board.cycle - before > 100:
            assert board.cycle - before == OPERATION + 1
    assert board.cycle > OPERATION
    assert board.read_data(SPMCSR, 1) == b"\0"
    assert page_of(board, 0x7F80) == b"\xff" * PAGE_BYTES


def test_the_lower_section_cannot_be_read_before_it_is_enabled_again(boot_board: MakeBoard) -> None:
    read = "ldi r30, 0x10\n ldi r31, 0\n lpm r{0}, Z\n"
    board = boot_board(
        "rcall fill\n" + ERASE + read.format(20) + "rcall wait\n" + read.format(21) + ENABLE + read.format(22)
    )
    board.run(2 * OPERATION)
    assert board.read_data(20, 3) == b"\xff\xff\x0f"


def test_running_into_it_stops_the_machine_there(boot_board: MakeBoard) -> None:
    board = boot_board("rcall fill\n" + ERASE + "jmp 0x200\n")
    assert board.run(OPERATION) == Stop.BAD_OPCODE
    assert board.pc == 0x100
    assert board.read_data(SPMCSR, 1)[0] & RWWSB


def buffer_word(word: int) -> str:
    load = f"ldi r26, lo8(0x{word:x})\n ldi r27, hi8(0x{word:x})\n movw r0, r26\n"
    return load + "ldi r16, 1\n rcall do\n adiw r30, 2\n"


def test_new_code_runs_at_once(boot_board: MakeBoard) -> None:
    """The interpreter works on a decoded copy of flash, which has to follow."""
    to_page = "ldi r30, 0\n ldi r31, 4\n"
    ldi_r20, rjmp_here = 0xE747, 0xCFFF  # LDI r20, 0x77
    board = boot_board(
        "ldi r20, 0\n"
        + to_page
        + ERASE
        + "rcall wait\n"
        + buffer_word(ldi_r20)
        + buffer_word(rjmp_here)
        + to_page
        + WRITE
        + "rcall wait\n"
        + ENABLE
        + "jmp 0x400\n"
    )
    board.run(4 * OPERATION)
    assert page_of(board, 0x400) == bytes.fromhex("47e7 ffcf") + b"\xff" * 124
    assert (board.read_data(20, 1), board.pc) == (b"\x77", 0x201)


@pytest.mark.parametrize(
    ("fuses", "acts"),
    [
        pytest.param(Fuses(high=0xD9), True, id="2048 words"),
        pytest.param(Fuses(high=0xDB), False, id="1024 words: the program is below"),
        pytest.param(Fuses(high=0xDF), False, id="256 words"),
    ],
)
def test_spm_acts_in_the_boot_loader_section_only(boot_board: MakeBoard, fuses: Fuses, *, acts: bool) -> None:
    board = boot_board("rcall fill\n" + ERASE + "rcall wait\n" + ENABLE, fuses=fuses)
    board.pc = BOOT // 2
    board.run(3 * OPERATION)
    assert (page_of(board, 0x400) == b"\xff" * PAGE_BYTES) == acts


@pytest.mark.parametrize(("nops", "acts"), [(0, True), (3, True), (4, False)])
def test_spm_must_follow_within_four_cycles(boot_board: MakeBoard, nops: int, *, acts: bool) -> None:
    board = boot_board(
        "ldi r30, 0\n ldi r31, 4\n ldi r16, (1 << PGERS) | (1 << SELFPRGEN)\n out SPMCSR, r16\n"
        + "nop\n" * nops
        + "spm\n rcall wait\n"
    )
    board.run(2 * OPERATION)
    assert (page_of(board, 0x400) == b"\xff" * PAGE_BYTES) == acts


@pytest.mark.parametrize(
    ("lock", "page", "acts"),
    [(0xFB, 0x400, False), (0xFB, 0x7F80, True), (0xEF, 0x400, True), (0xEF, 0x7F80, False)],
)
def test_lock_bits_protect_a_section(boot_board: MakeBoard, lock: int, page: int, *, acts: bool) -> None:
    board = boot_board(
        "rcall fill\n" + WRITE + "rcall wait\n", page=page, fuses=LARGEST_BOOT._replace(lock=lock)
    )
    before = page_of(board, page)
    board.run(3 * OPERATION)
    written = bytes(old & new for old, new in zip(before, FILLED, strict=True))
    assert page_of(board, page) == (written if acts else before)


def test_lock_bits_can_be_set_and_fuses_and_signature_read(boot_board: MakeBoard) -> None:
    read = (
        "ldi r31, 0\n ldi r30, {0}\n ldi r16, (1 << {1}) | (1 << SELFPRGEN)\n out SPMCSR, r16\n lpm r{2}, Z\n"
    )
    board = boot_board(
        "ldi r26, 0xEF\n mov r0, r26\n ldi r16, (1 << BLBSET) | (1 << SELFPRGEN)\n rcall do\n"
        + "".join(read.format(z, "BLBSET", 16 + n) for n, z in enumerate((0, 1, 2, 3), start=2))
        + "".join(read.format(z, "SIGRD", 16 + n) for n, z in enumerate((0, 2, 4), start=6))
        + "nop\n nop\n nop\n lpm r25, Z\n"
    )
    board.run(200)
    assert board.read_data(18, 4) == bytes([0xFF, 0xEF, 0xFD, 0xD8])  # low, lock, extended, high
    assert board.read_data(22, 4) == bytes([0x1E, 0x95, 0x0F, 0x0F])  # and then flash again
    assert board.fuses == Fuses(0xFF, 0xD8, 0xFD, 0xEF)


@pytest.mark.parametrize(
    ("part", "after"),
    [(0.5, FILLED[:64] + b"\xff" * 64), (0.25, FILLED[:32] + b"\xff" * 96)],
)
def test_a_power_cut_leaves_the_words_that_were_written(
    boot_board: MakeBoard, part: float, after: bytes
) -> None:
    board = boot_board(
        "rcall fill\n" + ERASE + "rcall wait\n ldi r20, 1\n" + WRITE + "ldi r20, 2\n rcall wait\n"
    )
    while board.read_data(20, 1) != b"\x02":
        board.run(board.cycle + 1)
    board.run(board.cycle + int(part * OPERATION) + 20)
    board.power_cycle()
    assert page_of(board, 0x400) == after
    assert board.read_data(SPMCSR, 1) == b"\0"


def test_its_interrupt_comes_when_it_is_ready(boot_board: MakeBoard) -> None:
    vector = BOOT + 25 * 4
    board = boot_board(
        f"rjmp main\n .org 0x{vector:x}\n inc r20\n ldi r16, 0\n out SPMCSR, r16\n reti\n"
        "main: ldi r20, 0\n rcall fill\n"
        + ERASE
        + "ldi r16, (1 << IVCE)\n out MCUCR, r16\n ldi r16, (1 << IVSEL)\n out MCUCR, r16\n"
        "ldi r16, (1 << SPMIE)\n out SPMCSR, r16\n sei\n"
    )
    board.run(OPERATION // 2)
    assert board.read_data(20, 1) == b"\0"
    board.run(2 * OPERATION)
    assert board.read_data(20, 1) == b"\1"


@pytest.mark.parametrize(("nops", "moved"), [(0, True), (2, True), (4, False)])
def test_vectors_move_within_four_cycles_of_ivce(boot_board: MakeBoard, nops: int, *, moved: bool) -> None:
    board = boot_board(
        "ldi r16, (1 << IVCE)\n ldi r17, (1 << IVSEL)\n out MCUCR, r16\n"
        + "nop\n" * nops
        + "out MCUCR, r17\n"
    )
    board.run(100)
    assert board.read_data(0x55, 1)[0] & 3 == (2 if moved else 0)


# --- Optiboot ---

OPTIBOOT_FUSES = Fuses(high=0xDC)  # BOOTRST, 512 words: Debian's compiler makes it larger than 512 bytes
OPTIBOOT_START = 0x7C00
BIT_Q8 = 16_000_000 * 256 // 115_200


@pytest.fixture(scope="session")
def optiboot(arduino_avr: Path, avr_gcc: Callable[[str, str, tuple[str, ...]], Path]) -> Image:
    """Arduino's boot loader for the Uno, compiled as its Makefile does, 512 bytes lower."""
    options = (
        *("-Os", "-fno-inline-small-functions", "-fno-split-wide-types", "-mrelax", "-w", "-std=gnu99"),
        *("-DF_CPU=16000000L", "-DLED_START_FLASHES=3", "-DBAUD_RATE=115200", "-nostartfiles", "-nostdlib"),
        *(f"-Wl,--section-start=.text=0x{OPTIBOOT_START:x}", "-Wl,--section-start=.version=0x7ffe"),
        *("-Wl,--relax", "-I", str(arduino_avr / "bootloaders" / "optiboot")),
    )
    return load_image(avr_gcc('#include "optiboot.c"\n', ".c", options))


class Programmer:
    """Speaks STK500 version 1 to a boot loader over the UART, as avrdude does."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.pins_told = 0

    def command(self, request: bytes, answer_bytes: int = 0) -> bytes:
        """Send a command; what stands between its INSYNC and OK."""
        start = self.board.cycle + 1000
        for n, byte in enumerate(request + b" "):
            self.board.uart_input(byte, start + n * 10 * BIT_Q8 // 256, BIT_Q8)
        answer = b""
        deadline = self.board.cycle + 16_000_000
        while len(answer) < answer_bytes + 2:
            assert self.board.cycle < deadline, f"{request[:4]!r}: only {answer!r} came"
            if self.board.run(deadline) == Stop.EVENT:
                answer += bytes(e.data for e in self.board.take_events() if isinstance(e, UartSent))
        assert (answer[0], answer[-1]) == (0x14, 0x10), f"{request[:4]!r}: {answer!r}"
        return answer[1:-1]

    def upload(self, flash: bytes) -> None:
        self.command(b"0")
        assert self.command(b"u", 3) == b"\x1e\x95\x0f"  # signature
        for address in range(0, len(flash), PAGE_BYTES):
            page = flash[address : address + PAGE_BYTES].ljust(PAGE_BYTES, b"\xff")
            self.command(b"U" + (address // 2).to_bytes(2, "little"))
            self.command(b"d" + PAGE_BYTES.to_bytes(2, "big") + b"F" + page)
            self.command(b"U" + (address // 2).to_bytes(2, "little"))
            assert self.command(b"t" + PAGE_BYTES.to_bytes(2, "big") + b"F", PAGE_BYTES) == page
        self.command(b"Q")


def run_for(board: Board, cycles: int) -> tuple[bytes, list[int]]:
    """Run; what USART0 sent, and the causes of the resets."""
    sent, causes = b"", []
    until = board.cycle + cycles
    while board.cycle < until:
        board.run(until)
        for event in board.take_events():
            if isinstance(event, UartSent):
                sent += bytes([event.data])
            elif isinstance(event, ResetBegan):
                causes.append(event.cause)
    return sent, causes


HELLO = """
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <util/delay.h>
static const char text[] PROGMEM = "hello from a sketch";
static const uint8_t ballast[3000] PROGMEM = {1, 2, 3};
uint8_t mcusr __attribute__((section(".noinit")));
void early(void) __attribute__((naked, section(".init3"), used));
void early(void) { mcusr = MCUSR; }
int main(void) {
    UBRR0 = 8; UCSR0B = _BV(TXEN0);
    for (const char *c = text; pgm_read_byte(c); c++) {
        while (!(UCSR0A & _BV(UDRE0))) {} UDR0 = pgm_read_byte(c);
    }
    while (!(UCSR0A & _BV(UDRE0))) {} UDR0 = mcusr + pgm_read_byte(&ballast[mcusr]);
    for (;;) {}
}
"""


def test_optiboot_takes_an_upload_and_starts_it(optiboot: Image, avr_compile: Callable[[str], Image]) -> None:
    sketch = avr_compile(HELLO).flash
    assert len(sketch) > 3000
    board = Board(optiboot.flash, fuses=OPTIBOOT_FUSES)
    assert board.pc * 2 == OPTIBOOT_START
    board.reset()  # as the USB chip does for an upload
    run_for(board, 8_000_000)  # the LED flashes three times
    Programmer(board).upload(sketch)
    assert board.flash[: len(sketch)] == sketch
    assert board.flash[OPTIBOOT_START:] == optiboot.flash[OPTIBOOT_START:].ljust(0x400, b"\xff")
    sent, causes = run_for(board, 16_000_000)
    assert causes == [8]  # the watchdog, by which Optiboot leaves
    assert sent == b"hello from a sketch\x01"  # it has cleared MCUSR


def test_optiboot_starts_what_is_there_when_nobody_uploads(
    optiboot: Image, avr_compile: Callable[[str], Image]
) -> None:
    sketch = avr_compile(HELLO).flash
    board = Board(
        sketch.ljust(OPTIBOOT_START, b"\xff") + optiboot.flash[OPTIBOOT_START:], fuses=OPTIBOOT_FUSES
    )
    sent, causes = run_for(board, 2_000_000)
    assert (sent, causes) == (b"hello from a sketch\x01", [])  # at power-on at once
    board.reset()
    sent, causes = run_for(board, 16_000_000)
    assert (sent, causes) == (b"", [])
    sent, causes = run_for(board, 16_000_000)
    assert (sent, causes) == (b"hello from a sketch\x01", [8])  # a second later


def test_the_firmware_itself_is_uploaded_and_runs(optiboot: Image) -> None:
    image = load_image(Path(__file__).parents[3] / ".pio/build/uno/firmware.elf")
    board = Board(optiboot.flash, fuses=OPTIBOOT_FUSES)
    board.reset()
    run_for(board, 8_000_000)
    Programmer(board).upload(image.flash)
    assert board.flash[: len(image.flash)] == image.flash
    sent, causes = run_for(board, 5 * 16_000_000)
    assert causes[0] == 8
    without_boot_loader, _ = run_for(Board(image.flash), 5 * 16_000_000)
    assert len(sent) > 10
    assert sent == without_boot_loader[: len(sent)]


STANDSTILL = b"\xff\xcf"  # rjmp to itself
LIFE = struct.Struct("<I4HH")
LIFE_SLOTS = 4


def starts_of(board: Board) -> dict[str, int]:
    """Read the firmware's newest count of its starts from the EEPROM, where core/life.h says that it is."""
    slots = [LIFE.unpack_from(board.eeprom, n * LIFE.size) for n in range(LIFE_SLOTS)]
    newest = max(slot for slot in slots if slot[0] != 0xFFFFFFFF)
    return dict(zip(("boot", "power", "pin", "brownout", "watchdog"), newest, strict=False))


def stand_still(board: Board) -> None:
    """Send the program to where it goes round on the spot."""
    while board.asleep:
        board.run(board.cycle + 1000)
    board.pc = board.flash.index(STANDSTILL) // 2


@pytest.mark.parametrize("loader", [False, True], ids=["alone", "behind Optiboot"])
def test_the_firmware_counts_its_starts_by_their_cause(optiboot: Image, *, loader: bool) -> None:
    """Optiboot 4 clears MCUSR and tells nobody what was in it: the image knows from its RAM."""
    flash = load_image(Path(__file__).parents[3] / ".pio/build/uno/firmware.elf").flash
    behind = flash.ljust(OPTIBOOT_START, b"\xff") + optiboot.flash[OPTIBOOT_START:]
    board = Board(behind, fuses=OPTIBOOT_FUSES) if loader else Board(flash)
    no_act: Callable[[], object] = lambda: None  # noqa: E731 - the start itself
    counted = []
    for act in (no_act, board.reset, lambda: stand_still(board), board.reset, board.power_cycle):
        act()
        run_for(board, 12 * 16_000_000)  # the watchdog takes 8 s
        counted.append(tuple(starts_of(board)[name] for name in ("power", "pin", "watchdog", "boot")))
    assert counted == [(1, 0, 0, 1), (1, 1, 0, 2), (1, 1, 1, 3), (1, 2, 1, 4), (2, 2, 1, 5)]


def test_debians_own_file_of_optiboot_is_refused_as_what_it_is(arduino_avr: Path) -> None:
    """It has 532 bytes at 0x7E00: the end is beyond flash, and a part is overwritten by the version."""
    with pytest.raises(ImageError, match="beyond the flash's 32768 bytes"):
        load_image(arduino_avr / "bootloaders" / "optiboot" / "optiboot_atmega328.hex")


def test_an_uno_as_it_is_sold_begins_in_its_boot_loader() -> None:
    board = Board(b"", fuses=BOOT_LOADER_FUSES)
    assert board.pc * 2 == 0x7E00
