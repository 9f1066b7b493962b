"""Pins, resets, snapshots, and that the way of running changes nothing."""

import hashlib
from collections.abc import Callable

import pytest

from unosim.board import AdcStarted, Board, PinChanged, Stop, UartSent

MakeBoard = Callable[..., Board]

PINB, DDRB, PORTB = 0x23, 0x24, 0x25
MCUSR, SP = 0x54, 0x5D
PORF, EXTRF = 1, 2

BUSY_WITH_EVERYTHING = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
static volatile uint16_t millis, total;
static volatile uint8_t out[16], head, tail;
static void put(uint8_t c) { out[head++ & 15] = c; UCSR0B |= _BV(UDRIE0); }
ISR(TIMER0_COMPA_vect) { if (++millis % 5 == 0) ADCSRA |= _BV(ADSC); PINB = 32; }
ISR(ADC_vect) { total += ADC; put(total >> 4); }
ISR(USART_RX_vect) { uint8_t status = UCSR0A; put(UDR0 ^ status); }
ISR(USART_UDRE_vect) { if (tail == head) UCSR0B &= ~_BV(UDRIE0); else UDR0 = out[tail++ & 15]; }
int main(void) {
    DDRB = 32; UBRR0 = 16; UCSR0A = _BV(U2X0); UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    TCCR0A = _BV(WGM01); OCR0A = 249; TIMSK0 = _BV(OCIE0A); TCCR0B = 3;
    ADMUX = 0x40; ADCSRA = _BV(ADEN) | _BV(ADIE) | 7;
    sei();
    for (;;) { if (millis & 64) sleep_mode(); }
}
"""
RUN_CYCLES = 4_000_000


def run_busy(board: Board, quantum: int, until: int = RUN_CYCLES) -> str:
    """Run in steps of `quantum`, feeding ADC and UART by what the board does; a hash of all it told."""
    digest = hashlib.sha256()
    while board.cycle < until:
        if board.run(min(board.cycle + quantum, until)) != Stop.EVENT:
            continue
        for event in board.take_events():
            digest.update(repr(event).encode())
            if isinstance(event, UartSent):
                board.uart_input(event.data ^ 0x3C, event.end_cycle + 2000, 139 * 256)
            elif isinstance(event, AdcStarted):
                board.set_analog_mv(event.channel, event.cycle % 5000)
    digest.update(board.read_data(0, 0x900))
    return digest.hexdigest()


def test_the_size_of_a_run_changes_nothing(c_board: MakeBoard) -> None:
    hashes = {quantum: run_busy(c_board(BUSY_WITH_EVERYTHING), quantum) for quantum in (1, 1000, 16_000_000)}
    assert len(set(hashes.values())) == 1, hashes


def test_a_restored_machine_goes_on_identically(c_board: MakeBoard) -> None:
    board = c_board(BUSY_WITH_EVERYTHING)
    run_busy(board, 5000, until=RUN_CYCLES // 2)
    snapshot = board.snapshot()
    rest = run_busy(board, 5000)
    end = board.snapshot()
    other = Board(b"")
    other.restore(snapshot)
    assert other.snapshot() == snapshot
    assert run_busy(other, 777) == rest
    assert other.snapshot() == end


@pytest.mark.parametrize("damage", [lambda s: s[:-1], lambda s: b"\xff" + s[1:], lambda s: b"\xff" * len(s)])
def test_what_is_not_a_snapshot_is_refused(damage: Callable[[bytes], bytes]) -> None:
    board = Board(b"")
    snapshot = board.snapshot()
    with pytest.raises(ValueError, match="not a snapshot of this version of the board"):
        board.restore(damage(snapshot))
    assert board.snapshot() == snapshot


def test_power_on_fills_ram_and_reset_leaves_it(asm_board: MakeBoard) -> None:
    board = asm_board("ldi r16, 0x12\n sts 0x300, r16\n sts 0x25, r16\n loop: rjmp loop\n")
    assert board.read_data(0x100, 0x800) == b"\xa5" * 0x800
    assert (board.read_data(MCUSR, 1)[0], board.sp) == (PORF, 0x8FF)
    board.run(20)
    board.reset()
    assert (board.pc, board.read_data(0x300, 1), board.read_data(PORTB, 1)) == (0, b"\x12", b"\0")
    assert board.read_data(MCUSR, 1)[0] == PORF | EXTRF
    board.power_cycle(ram_fill=0x77)
    assert board.read_data(0x100, 0x800) == b"\x77" * 0x800
    assert board.read_data(MCUSR, 1)[0] == PORF


@pytest.mark.parametrize(("written", "flags"), [(0xFF, PORF), (0xFF & ~PORF, 0), (0, 0)])
def test_reset_flags_can_only_be_cleared(asm_board: MakeBoard, written: int, flags: int) -> None:
    board = asm_board(f"ldi r16, {written}\n out MCUSR, r16\n loop: rjmp loop\n")
    board.run(10)
    assert board.read_data(MCUSR, 1)[0] == flags


def test_program_sets_clears_and_toggles_pins(asm_board: MakeBoard) -> None:
    board = asm_board(
        "sbi DDRB, 5\n sbi PORTB, 5\n cbi PORTB, 5\n sbi PINB, 5\n sbi PORTC, 0\n loop: rjmp loop\n"
    )
    while board.run(100) == Stop.EVENT:
        pass
    assert board.take_events() == [
        PinChanged("B", 0x20, 3),
        PinChanged("B", 0x00, 5),
        PinChanged("B", 0x20, 7),
        PinChanged("C", 0x01, 9),  # a pull-up
    ]


@pytest.mark.parametrize(
    ("port_and_ddr", "level", "read"),
    [
        pytest.param((0, 0), None, 0, id="floating"),
        pytest.param((8, 0), None, 8, id="pull-up"),
        pytest.param((8, 0), False, 0, id="pull-up driven low"),
        pytest.param((0, 0), True, 8, id="driven high"),
        pytest.param((8, 8), False, 8, id="output wins"),
    ],
)
def test_pin_reads(
    asm_board: MakeBoard, port_and_ddr: tuple[int, int], level: bool | None, read: int
) -> None:
    port, ddr = port_and_ddr
    board = asm_board(
        f"ldi r16, {port}\n out PORTD, r16\n ldi r16, {ddr}\n out DDRD, r16\n"
        "nop\n nop\n in r20, PIND\n rjmp .-2\n"
    )
    board.drive_pin("D", 3, level=level)
    while board.run(20) == Stop.EVENT:
        pass
    assert board.read_data(20, 1)[0] == read


def test_pin_follows_its_latch_one_cycle_later(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 1\n out DDRB, r16\n out PORTB, r16\n in r20, PINB\n in r21, PINB\n loop: rjmp loop\n"
    )
    while board.run(20) == Stop.EVENT:
        pass
    assert board.read_data(20, 2) == b"\x00\x01"


def test_registers_of_what_is_not_modelled_read_back(asm_board: MakeBoard) -> None:
    registers = {"OSCCAL": 0x66, "DIDR0": 0x7E, "ASSR": 0xB6, "TWAR": 0xBA, "TWAMR": 0xBD}
    stores = "".join(
        f"ldi r16, 0x{address ^ 0xFF:x}\n sts 0x{address:x}, r16\n" for address in registers.values()
    )
    board = asm_board(stores + "loop: rjmp loop\n")
    board.run(100)
    read = {name: board.read_data(address, 1)[0] for name, address in registers.items()}
    assert read == {name: address ^ 0xFF for name, address in registers.items()}


def test_registers_can_be_set_and_other_io_not() -> None:
    board = Board(b"")
    board.sp, board.sreg, board.pc = 0x3FE, 0x81, 0x1234
    board.write_data(0x1E, b"\x01\x02")
    assert (board.sp, board.sreg, board.pc, board.read_data(0x1E, 2)) == (0x3FE, 0x81, 0x1234, b"\x01\x02")
    with pytest.raises(ValueError, match="1 bytes at 0xc6 are not all registers, SP, SREG or SRAM"):
        board.write_data(0xC6, b"A")
    with pytest.raises(ValueError, match="not all registers"):
        board.write_data(0x8FF, b"AB")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flash": bytes(32_769)}, "flash size in bytes must be 0..32768, not 32769"),
        ({"flash": b"", "eeprom": bytes(1025)}, "EEPROM size in bytes must be 0..1024, not 1025"),
        ({"flash": b"", "ram_fill": 256}, "ram_fill must be 0..255, not 256"),
    ],
)
def test_sizes_are_checked(arguments: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Board(**arguments)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("at_the_end", "pc", "cycles"),
    [
        pytest.param({0x3FFF: 0x0000}, 0, 1, id="one word"),
        pytest.param({0x3FFF: 0x940C, 0: 0x0123}, 0x123, 3, id="JMP, its target in the first word"),
        pytest.param({0x3FFF: 0x1000, 0: 0x9200}, 2, 3, id="CPSE over STS"),
        pytest.param({0x3FFF: 0x3000, 0: 0xF421}, 0, 1, id="CPI before BRNE"),
        pytest.param({0x3FFE: 0xC002}, 1, 2, id="RJMP"),
    ],
)
def test_program_counter_wraps_at_the_end_of_flash(at_the_end: dict[int, int], pc: int, cycles: int) -> None:
    words = [at_the_end.get(n, 0) for n in range(0x4000)]
    board = Board(b"".join(word.to_bytes(2, "little") for word in words))
    board.pc = max(at_the_end)
    assert board.step() == Stop.LIMIT
    assert (board.pc, board.cycle) == (pc, cycles)


# Instructions that the interpreter executes together with a branch behind them (steps.h).
FIRST = {"CP": 0x1701, "CPI": 0x3000, "CPC": 0x0701, "DEC": 0x950A, "SUBI": 0x5001, "SBCI": 0x4001}
BRANCH = {"BREQ": 0xF029, "BRNE": 0xF429, "BRCS": 0xF028, "BRCC": 0xF428}  # by 5 words


@pytest.mark.parametrize("observes", [False, True])
@pytest.mark.parametrize("at", [0x100, 0x3FFF])
@pytest.mark.parametrize("branch", BRANCH)
@pytest.mark.parametrize("first", FIRST)
def test_a_run_can_end_inside_a_pair(first: str, branch: str, at: int, *, observes: bool) -> None:
    words = [0] * 0x4000
    words[at], words[(at + 1) % 0x4000] = FIRST[first], BRANCH[branch]
    flash = b"".join(word.to_bytes(2, "little") for word in words)
    seen = []
    for limit in (1, 2, 3):
        board = Board(flash, ram_fill=0xA5)
        if observes:
            board.observer.start()
        board.pc = at
        board.run(limit)
        seen.append((board.pc, board.cycle))
    taken = ((at + 7) % 0x4000, 3)
    not_taken = ((at + 2) % 0x4000, 2)
    assert seen[0] == ((at + 1) % 0x4000, 1)
    assert seen[1] in {taken, not_taken}
    assert seen[2] in {taken, ((at + 3) % 0x4000, 3)}


@pytest.mark.parametrize("nops", range(6))
def test_an_interrupt_comes_between_the_halves_of_a_pair(asm_board: MakeBoard, nops: int) -> None:
    """Timer 0 overflows 8 cycles after it was started; the loop is one pair and nothing else."""
    board = asm_board(
        "jmp main\n .org 0x40\n reti\n .org 0x68\n main: ldi r16, 1\n sts TIMSK0, r16\n ldi r17, 0xF8\n"
        "out TCNT0, r17\n ldi r18, 200\n sei\n out TCCR0B, r16\n"
        + "nop\n" * nops
        + "again: dec r18\n brne again\n loop: rjmp loop\n"
    )
    while board.pc != 0x20:
        board.step()
    returns_to = int.from_bytes(board.read_data(board.sp + 1, 2), "big")
    started = 3 + 1 + 2 + 1 + 1 + 1 + 1 + 1  # cycles up to the end of OUT TCCR0B
    in_loop = started + 8 - (started + nops)  # cycles of the pair before the flag
    assert returns_to == 0x34 + 8 + nops + (1 if in_loop % 3 == 1 else 0)
