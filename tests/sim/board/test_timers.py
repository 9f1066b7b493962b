"""Timers 1 and 2 against a counter that ticks clock by clock, and waveforms against the datasheet's formulas.

Timer 0 shares their code and has its own tests in test_timer0.py.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from unosim.board import Board, PinChanged, Stop

MakeBoard = Callable[..., Board]

TOV, OCFA, OCFB, ICF = 1, 2, 4, 32
NORMAL, CTC, FAST, PHASE, PHASE_FREQUENCY = (
    "normal",
    "CTC",
    "fast",
    "phase correct",
    "phase and frequency correct",
)
FORM_AND_TOP_16_BIT: dict[int, tuple[str, int | str]] = {  # table 16-4
    0: (NORMAL, 0xFFFF),
    1: (PHASE, 0xFF),
    2: (PHASE, 0x1FF),
    3: (PHASE, 0x3FF),
    4: (CTC, "OCRA"),
    5: (FAST, 0xFF),
    6: (FAST, 0x1FF),
    7: (FAST, 0x3FF),
    8: (PHASE_FREQUENCY, "ICR"),
    9: (PHASE_FREQUENCY, "OCRA"),
    10: (PHASE, "ICR"),
    11: (PHASE, "OCRA"),
    12: (CTC, "ICR"),
    14: (FAST, "ICR"),
    15: (FAST, "OCRA"),
}
FORM_AND_TOP_8_BIT: dict[int, tuple[str, int | str]] = {  # table 18-8
    0: (NORMAL, 0xFF),
    1: (PHASE, 0xFF),
    2: (CTC, "OCRA"),
    3: (FAST, 0xFF),
    5: (PHASE, "OCRA"),
    7: (FAST, "OCRA"),
}
TOGGLE_IN_PWM = {1: {9, 11, 14, 15}, 2: {5, 7}}  # modes in which COMnA1:0 = 1 toggles OCnA
DIVISORS = {1: {1: 1, 2: 8, 3: 64}, 2: {1: 1, 2: 8, 3: 32, 4: 64}}


@dataclass
class SlowTimer:
    """A timer as the datasheet describes it, one timer clock at a time."""

    form: str
    top_source: int | str
    maximum: int
    com: tuple[int, int]
    compare: list[int]
    buffers: list[int]
    capture: int
    count: int
    flags: int = 0
    down: bool = False
    blocked: bool = True  # TCNTn has just been written
    level: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def top(self) -> int:
        if isinstance(self.top_source, int):
            return self.top_source
        return self.capture if self.top_source == "ICR" else self.compare[0]

    def clock(self) -> None:
        hits = [not self.blocked and self.count == value for value in self.compare]
        self.flags |= OCFA * hits[0] | OCFB * hits[1]
        two_ways = self.form in {PHASE, PHASE_FREQUENCY}
        at_top = self.count == self.top and not self.blocked
        self.blocked = False
        if two_ways:
            self._both_ways()
        for channel, hit in enumerate(hits):
            if hit:
                self._match(channel)
        if not two_ways:
            self._one_way(at_top=at_top)

    def _match(self, channel: int) -> None:
        com = self.com[channel]
        if com == 1:
            self.level[channel] ^= 1
        elif com:
            self.level[channel] = (com == 3) != self.down

    def _both_ways(self) -> None:
        if self.down and self.count == 0:
            self.down = False
            self.flags |= TOV
            if self.form == PHASE_FREQUENCY:
                self.compare = list(self.buffers)
        elif not self.down and self.count >= self.top:
            self.down = True
            self.flags |= ICF * (self.top_source == "ICR")
            if self.form == PHASE:
                self.compare = list(self.buffers)
        self.count = max(self.count - 1, 0) if self.down else self.count + 1

    def _one_way(self, *, at_top: bool) -> None:
        self.flags |= ICF * (at_top and self.top_source == "ICR")
        overflows = at_top if self.form == FAST else self.count == self.maximum
        self.flags |= TOV * overflows
        if self.count == self.maximum or (at_top and self.form != NORMAL):
            self.count = 0
            if self.form == FAST:
                self.compare = list(self.buffers)
                self.level = [
                    level if com in {0, 1} else com == 2
                    for level, com in zip(self.level, self.com, strict=True)
                ]
        else:
            self.count += 1


SET_UP_1 = """
    ldi r16, 0x06
    out DDRB, r16
    ldi r16, {tccra}
    sts TCCR1A, r16
    ldi r16, {tccrb}
    sts TCCR1B, r16
    ldi r17, hi8({icr})
    ldi r16, lo8({icr})
    sts ICR1H, r17
    sts ICR1L, r16
    ldi r17, hi8({ocra})
    ldi r16, lo8({ocra})
    sts OCR1AH, r17
    sts OCR1AL, r16
    ldi r17, hi8({ocrb})
    ldi r16, lo8({ocrb})
    sts OCR1BH, r17
    sts OCR1BL, r16
    ldi r17, hi8({tcnt})
    ldi r16, lo8({tcnt})
    sts TCNT1H, r17
    sts TCNT1L, r16
    ldi r16, {enabled}
    sts TIMSK1, r16
    ldi r16, {clock} | {tccrb}
    sts TCCR1B, r16
loop:
    rjmp loop
"""
SET_UP_2 = """
    ldi r16, 8
    out DDRB, r16
    out DDRD, r16
    ldi r16, {tccra}
    sts TCCR2A, r16
    ldi r16, {tccrb}
    sts TCCR2B, r16
    ldi r16, {ocra}
    sts OCR2A, r16
    ldi r16, {ocrb}
    sts OCR2B, r16
    ldi r16, {tcnt}
    sts TCNT2, r16
    ldi r16, {enabled}
    sts TIMSK2, r16
    ldi r16, {clock} | {tccrb}
    sts TCCR2B, r16
loop:
    rjmp loop
"""
TCNT = {1: 0x84, 2: 0xB2}
TIFR = {1: 0x36, 2: 0x37}
PINS = {1: (("B", 1), ("B", 2)), 2: (("B", 3), ("D", 3))}  # OCnA, OCnB


def settings(rng: random.Random, n: int, mode: int) -> dict[str, int]:
    """Values for SET_UP_n; a TOP that is soon reached."""
    top = 0xFFFF if n == 1 else 0xFF
    near = min(top, 300)
    return {
        "tccra": rng.randrange(4) << 6 | rng.randrange(4) << 4 | mode & 3,
        "tccrb": (mode & 0xC) << 1 if n == 1 else (mode & 4) << 1,
        "ocra": rng.randrange(2, near),
        "ocrb": rng.randrange(2, near),
        "icr": rng.randrange(2, near),
        "tcnt": rng.choice([0, 1, top - 20, rng.randrange(near)]),
        "enabled": rng.choice([0, 0x27 if n == 1 else 7]),
        "clock": rng.choice(list(DIVISORS[n])),
    }


def slow_timer(n: int, mode: int, values: dict[str, int]) -> SlowTimer:
    form, top = (FORM_AND_TOP_16_BIT if n == 1 else FORM_AND_TOP_8_BIT)[mode]
    pwm = form not in {NORMAL, CTC}
    com = [values["tccra"] >> 6 & 3, values["tccra"] >> 4 & 3]
    if pwm:
        com = [
            0 if action == 1 and (channel == 1 or mode not in TOGGLE_IN_PWM[n]) else action
            for channel, action in enumerate(com)
        ]
    buffers = [values["ocra"], values["ocrb"]]
    return SlowTimer(
        form,
        top,
        0xFFFF if n == 1 else 0xFF,
        (com[0], com[1]),
        [0, 0] if pwm else list(buffers),
        buffers,
        values["icr"] if top == "ICR" else 0,
        values["tcnt"],
    )


def start(asm_board: MakeBoard, text: str) -> Board:
    """Run to the loop at the end of the set-up, taking the events on the way."""
    board = asm_board(text)
    for port in "BD":
        board.watch_pins(port, 0xFF)
    while True:
        before = board.pc
        board.step()
        if board.pc == before + 2 and board.read_data(0x81, 1)[0] & 7 | board.read_data(0xB1, 1)[0] & 7:
            board.take_events()
            return board


@pytest.mark.parametrize(
    ("n", "mode"),
    [(1, mode) for mode in FORM_AND_TOP_16_BIT] + [(2, mode) for mode in FORM_AND_TOP_8_BIT],
)
def test_count_flags_and_pins_agree_with_a_slow_timer(asm_board: MakeBoard, n: int, mode: int) -> None:
    rng = random.Random(f"{n} {mode}")  # noqa: S311 - test data, not secrets
    for _ in range(4):
        values = settings(rng, n, mode)
        board = start(asm_board, (SET_UP_1 if n == 1 else SET_UP_2).format_map(values))
        slow = slow_timer(n, mode, values)
        divisor = DIVISORS[n][values["clock"]]
        cycle, expected, told = board.cycle, [], []
        for _ in range(40):
            until = board.cycle + rng.randrange(1, 60 * divisor)
            while board.run(until) == Stop.EVENT:
                told += [edge for edge in board.take_events() if isinstance(edge, PinChanged)]
            while cycle < board.cycle:
                cycle += 1
                before = list(slow.level)
                if cycle % divisor == 0:
                    slow.clock()
                if before != slow.level:
                    expected.append(cycle)
            count = int.from_bytes(board.read_data(TCNT[n], 1), "little")
            seen = (count, board.read_data(TIFR[n], 1)[0], sorted({edge.cycle for edge in told}))
            assert seen == (slow.count & 0xFF, slow.flags, expected), f"{values} at cycle {cycle}"
        for channel, (port, bit) in enumerate(PINS[n]):
            if slow.com[channel]:
                last = [edge.value >> bit & 1 for edge in told if edge.port == port][-1:]
                assert last in ([], [int(slow.level[channel])]), f"{values}: OC{n}{'AB'[channel]}"


def edges(board: Board, port: str, bit: int, count: int) -> list[tuple[int, int]]:
    """The next edges of a pin as (cycle, level)."""
    seen: list[tuple[int, int]] = []
    while len(seen) < count:
        assert board.run(board.cycle + 10_000_000) == Stop.EVENT
        for event in board.take_events():
            if isinstance(event, PinChanged) and event.port == port:
                level = event.value >> bit & 1
                if not seen or level != seen[-1][1]:
                    seen.append((event.cycle, level))
    return seen


ANALOG_WRITE = """
#include <avr/io.h>
#include <avr/sleep.h>
int main(void) {{ DDRB = 0x0F; DDRD = 0x6C; {settings} for (;;) {{}} }}
"""


@pytest.mark.parametrize(
    ("settings", "pin", "high", "period"),
    [
        # The Arduino core's analogWrite: fast PWM on pins 5 and 6, phase correct on the others, clock / 64.
        pytest.param("OCR0A = 63; TCCR0A = 0x83; TCCR0B = 3;", ("D", 6), 64 * 64, 256 * 64, id="pin 6"),
        pytest.param("OCR0B = 200; TCCR0A = 0x23; TCCR0B = 3;", ("D", 5), 201 * 64, 256 * 64, id="pin 5"),
        pytest.param("OCR1A = 63; TCCR1A = 0x81; TCCR1B = 3;", ("B", 1), 126 * 64, 510 * 64, id="pin 9"),
        pytest.param("OCR1B = 1; TCCR1A = 0x21; TCCR1B = 3;", ("B", 2), 2 * 64, 510 * 64, id="pin 10"),
        pytest.param("OCR2A = 128; TCCR2A = 0x81; TCCR2B = 4;", ("B", 3), 256 * 64, 510 * 64, id="pin 11"),
        pytest.param("OCR2B = 254; TCCR2A = 0x21; TCCR2B = 4;", ("D", 3), 508 * 64, 510 * 64, id="pin 3"),
        # tone(): toggling on compare match.
        pytest.param("OCR2A = 124; TCCR2A = 0x42; TCCR2B = 4;", ("B", 3), 8000, 16000, id="tone of 1 kHz"),
        # A servo pulse of 1.5 ms every 20 ms.
        pytest.param(
            "TCCR1A = 0x82; TCCR1B = 0x18; ICR1 = 39999; OCR1A = 2999; TCCR1B = 0x1A;",
            ("B", 1),
            3000 * 8,
            40000 * 8,
            id="servo",
        ),
        pytest.param("OCR0A = 63; TCCR0A = 0xC3; TCCR0B = 1;", ("D", 6), 192, 256, id="inverting"),
    ],
)
def test_pulse_width(c_board: MakeBoard, settings: str, pin: tuple[str, int], high: int, period: int) -> None:
    board = c_board(ANALOG_WRITE.format(settings=settings))
    board.watch_pins(pin[0], 1 << pin[1])
    seen = edges(board, *pin, 12)[4:]
    widths: dict[int, set[int]] = {level: set() for level in (0, 1)}
    for (at, level), (end, _) in itertools.pairwise(seen):
        widths[level].add(end - at)
    assert widths == {1: {high}, 0: {period - high}}


@pytest.mark.parametrize(("ocr", "level"), [(0, 0), (255, 1)])
def test_phase_correct_ends_of_the_range_give_no_edges(c_board: MakeBoard, ocr: int, level: int) -> None:
    board = c_board(ANALOG_WRITE.format(settings=f"OCR1A = {ocr}; TCCR1A = 0x81; TCCR1B = 1;"))
    board.watch_pins("B", 2)
    while board.cycle < 2000:
        board.run(2000)
    board.take_events()
    assert board.run(100_000) == Stop.LIMIT
    assert board.read_data(0x23, 1)[0] >> 1 & 1 == level


def test_edges_are_told_only_where_somebody_watches(c_board: MakeBoard) -> None:
    board = c_board(ANALOG_WRITE.format(settings="OCR1A = 63; TCCR1A = 0x81; TCCR1B = 3;"))
    assert board.run(1_000_000) == Stop.LIMIT
    board.watch_pins("B", 2)
    assert board.run(2_000_000) == Stop.EVENT


def test_forced_compare_acts_on_the_pin_and_raises_no_flag(c_board: MakeBoard) -> None:
    board = c_board(
        ANALOG_WRITE.format(settings="TCCR1A = 0x40; TCCR1C = 0x80; TCCR1C = 0x80; TCCR1C = 0x80;")
    )
    board.watch_pins("B", 2)
    assert [level for _, level in edges(board, "B", 1, 3)] == [1, 0, 1]
    assert board.read_data(0x36, 1)[0] == 0


def test_sixteen_bits_are_read_and_written_at_once_through_temp(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 0x12\n ldi r17, 0xFD\n sts TCNT1H, r16\n sts TCNT1L, r17\n ldi r18, 1\n sts TCCR1B, r18\n"
        "nop\n lds r20, TCNT1L\n lds r21, TCNT1H\n loop: rjmp loop\n"
    )
    board.run(40)
    assert board.read_data(20, 2) == b"\xff\x12"  # the high byte as it was with the low one


CAPTURE = """
#include <avr/interrupt.h>
#include <avr/io.h>
static volatile uint8_t count;
ISR(TIMER1_CAPT_vect) {{ ((volatile uint16_t *)0x200)[count++] = ICR1; TCCR1B ^= _BV(ICES1); }}
int main(void) {{ TCCR1B = {control} | 1; TIMSK1 = _BV(ICIE1); sei(); for (;;) {{}} }}
"""


@pytest.mark.parametrize(("control", "delay"), [("_BV(ICES1)", 0), ("_BV(ICES1) | _BV(ICNC1)", 4)])
def test_input_capture_measures_a_pulse(c_board: MakeBoard, control: str, delay: int) -> None:
    board = c_board(CAPTURE.format(control=control))
    board.drive_pin("B", 0, level=False)
    edges_at = []
    for cycle, level in ((1000, True), (6000, False), (20_000, True)):
        board.run(cycle)
        edges_at.append(board.cycle)
        board.drive_pin("B", 0, level=level)
    board.run(21_000)
    notes = board.read_data(0x200, 6)
    captured = [int.from_bytes(notes[i : i + 2], "little") for i in (0, 2, 4)]
    counted_from = {at + delay - value for at, value in zip(edges_at, captured, strict=True)}
    assert len(counted_from) == 1
    assert 10 < min(counted_from) < 100  # the program's start


def test_noise_canceler_ignores_a_pulse_of_three_cycles(c_board: MakeBoard) -> None:
    board = c_board(CAPTURE.format(control="_BV(ICES1) | _BV(ICNC1)"))
    board.drive_pin("B", 0, level=False)
    board.run(1000)
    board.drive_pin("B", 0, level=True)
    board.run(board.cycle + 2)
    board.drive_pin("B", 0, level=False)
    board.run(board.cycle + 100)
    assert board.read_data(0x86, 2) == b"\0\0"


@pytest.mark.parametrize("mode", [4, 12, 14, 15, 8, 11])
@pytest.mark.parametrize("top", [0, 1, 2, 700])
def test_a_long_time_unlooked_at_is_the_same_as_many_short_ones(
    asm_board: MakeBoard, mode: int, top: int
) -> None:
    values = {"tccra": mode & 3, "tccrb": (mode & 0xC) << 1, "tcnt": 0, "enabled": 0, "clock": 1}
    text = SET_UP_1.format(**values, ocra=top, ocrb=top // 2, icr=top)
    looked_at, left_alone = asm_board(text), asm_board(text)
    while looked_at.cycle < 400_001:
        looked_at.run(looked_at.cycle + 997)
        looked_at.read_data(TCNT[1], 1)
        looked_at.read_data(TIFR[1], 1)
    left_alone.run(looked_at.cycle)
    for address in (TCNT[1], TIFR[1]):
        assert left_alone.read_data(address, 1) == looked_at.read_data(address, 1)


EXTERNAL = """
    ldi r16, {top}
    {set_top}
    ldi r16, {control_a}
    {set_a}
    ldi r16, {control_b}
    {set_b}
loop:
    rjmp loop
"""
T0 = {
    "pin": 4,
    "count": 0x46,
    "flags": 0x35,
    "set_top": "out OCR0A, r16",
    "set_a": "out TCCR0A, r16",
    "set_b": "out TCCR0B, r16",
}
T1 = {
    "pin": 5,
    "count": 0x84,
    "flags": 0x36,
    "set_top": "sts OCR1AL, r16",
    "set_a": "sts TCCR1A, r16",
    "set_b": "sts TCCR1B, r16",
}


def pulses(board: Board, pin: int, count: int, width: int = 10) -> None:
    for _ in range(count):
        for level in (True, False):
            board.drive_pin("D", pin, level=level)
            board.run(board.cycle + width)


@pytest.mark.parametrize("timer", [T0, T1], ids=["T0", "T1"])
@pytest.mark.parametrize(("source", "counted_level"), [(6, False), (7, True)], ids=["falling", "rising"])
def test_a_timer_counts_edges_at_its_pin(
    asm_board: MakeBoard, timer: dict[str, str | int], source: int, *, counted_level: bool
) -> None:
    pin = int(timer["pin"])
    board = asm_board(EXTERNAL.format(top=0xFF, control_a=0, control_b=source, **timer))
    board.drive_pin("D", pin, level=False)
    board.run(100)
    pulses(board, pin, 5)
    assert board.read_data(int(timer["count"]), 1)[0] == 5
    board.drive_pin("D", pin, level=True)
    board.run(board.cycle + 10)
    assert board.read_data(int(timer["count"]), 1)[0] == 5 + counted_level
    board.run(board.cycle + 100_000)
    pulses(board, 9 - pin, 3)  # the other timer's pin
    assert board.read_data(int(timer["count"]), 1)[0] == 5 + counted_level


def test_the_count_moves_three_cycles_after_the_edge(asm_board: MakeBoard) -> None:
    board = asm_board("ldi r16, 7\n out TCCR0B, r16\n" + "nop\n" * 100)
    board.drive_pin("D", 4, level=False)
    board.run(50)
    board.drive_pin("D", 4, level=True)
    counts = []
    for cycle in range(50, 56):
        board.run(cycle)
        counts.append(board.read_data(0x46, 1)[0])
    assert counts == [0, 0, 0, 1, 1, 1]


def test_external_clocks_raise_flags_move_pins_and_interrupt(c_board: MakeBoard) -> None:
    board = c_board(
        """
        #include <avr/interrupt.h>
        #include <avr/io.h>
        ISR(TIMER0_COMPA_vect) { (*(volatile uint8_t *)0x200)++; }
        int main(void) {
            *(volatile uint8_t *)0x200 = 0; DDRD = 0x40; OCR0A = 2; TIMSK0 = 2; TCCR0A = 0x42; TCCR0B = 7;
            sei(); for (;;) {} }"""
    )
    board.drive_pin("D", 4, level=False)
    board.run(100)
    levels = []
    for _ in range(9):  # three periods of three
        pulses(board, 4, 1, width=50)
        levels.append(board.read_data(0x29, 1)[0] >> 6 & 1)
    assert levels == [0, 0, 1, 1, 1, 0, 0, 0, 1]
    assert board.read_data(0x200, 1) == b"\x03"


def test_a_sleeping_cpu_is_woken_by_the_counted_edge(c_board: MakeBoard) -> None:
    board = c_board(
        """
        #include <avr/interrupt.h>
        #include <avr/io.h>
        #include <avr/sleep.h>
        EMPTY_INTERRUPT(TIMER0_OVF_vect);
        int main(void) {
            TCNT0 = 0xFF; TIMSK0 = 1; TCCR0B = 6; sleep_enable(); sei(); sleep_cpu();
            *(volatile uint8_t *)0x200 = 7; for (;;) {} }"""
    )
    board.drive_pin("D", 4, level=True)
    assert board.run(1000) == Stop.LIMIT  # not halted for good
    board.drive_pin("D", 4, level=False)
    board.run(2000)
    assert board.read_data(0x200, 1) == b"\x07"
