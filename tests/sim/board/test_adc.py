"""The ADC against the datasheet (section 24): when it starts, samples and ends, and which code it gives."""

import itertools
from collections.abc import Callable

import pytest

from unosim.board import AIN0, AREF, AdcStarted, Board, Stop

MakeBoard = Callable[..., Board]

ADIF = 0x10
ADCL, ADCSRA, ADMUX = 0x78, 0x7A, 0x7C

CONVERT_TWICE = """
    ldi r16, {admux}
    sts ADMUX, r16
    ldi r16, (1 << ADEN) | (1 << ADSC) | {adps}
    sts ADCSRA, r16
first:
    lds r17, ADCSRA
    sbrc r17, ADSC
    rjmp first
    ldi r16, (1 << ADEN) | (1 << ADSC) | (1 << ADIF) | {adps}
    sts ADCSRA, r16
second:
    lds r17, ADCSRA
    sbrc r17, ADSC
    rjmp second
    lds r24, ADCL
    lds r25, ADCH
    break
loop:
    rjmp loop
"""


def next_start(board: Board) -> AdcStarted:
    assert board.run(2**40) == Stop.EVENT
    (event,) = board.take_events()
    assert isinstance(event, AdcStarted)
    return event


def end_of_conversion(board: Board) -> int:
    """First cycle at which ADIF is seen."""
    board.run(board.cycle + 1)
    while not board.read_data(ADCSRA, 1)[0] & ADIF:
        assert board.run(board.cycle + 1) == Stop.LIMIT
    return board.cycle


@pytest.mark.parametrize(("adps", "divisor"), [(0, 2), (1, 2), (2, 4), (5, 32), (7, 128)])
def test_first_conversion_takes_25_clocks_and_the_next_13(
    asm_board: MakeBoard, adps: int, divisor: int
) -> None:
    board = asm_board(CONVERT_TWICE.format(admux=0x40, adps=adps))
    written = 1 + 2 + 1 + 2  # the STS to ADCSRA ends here and the ADC's prescaler starts
    first = next_start(board)
    assert first == AdcStarted(0, written + divisor)
    slack = 5 if divisor > 4 else 8  # an instruction of the polling loop, or two
    assert 0 <= end_of_conversion(board) - (first.cycle + 25 * divisor) < slack
    second = next_start(board)
    assert (second.cycle - written) % divisor == 0
    assert 0 <= end_of_conversion(board) - (second.cycle + 13 * divisor) < slack


@pytest.mark.parametrize(
    ("admux", "channel", "millivolts", "code"),
    [
        (0x40, 0, 0, 0),
        (0x40, 0, 5, 1),
        (0x40, 0, 2500, 512),
        (0x40, 0, 4995, 1022),
        (0x40, 0, 4996, 1023),
        (0x40, 0, 5000, 1023),
        (0x40, 3, 3300, 675),
        (0xC3, 3, 550, 512),
        (0xC3, 3, 3300, 1023),
        (0x4E, 14, None, 225),  # the bandgap against AVCC
        (0x4F, 15, None, 0),
        (0xC8, 8, None, 292),  # temperature sensor at 25 degrees C
        (0x60, 0, 2500, 512 << 6),  # ADLAR
    ],
)
def test_code(asm_board: MakeBoard, admux: int, channel: int, millivolts: int | None, code: int) -> None:
    admux |= channel
    board = asm_board(CONVERT_TWICE.format(admux=admux, adps=2))
    for _ in range(2):
        assert next_start(board).channel == channel
        if millivolts is not None:
            board.set_analog_mv(channel, millivolts)
    board.run(board.cycle + 200)
    assert int.from_bytes(board.read_data(24, 2), "little") == code


def test_the_voltage_is_taken_one_and_a_half_clocks_after_the_start(
    asm_board: MakeBoard,
) -> None:
    codes = []
    for delay in (1.5, 3):  # set the new voltage before or after this many ADC clocks
        board = asm_board(CONVERT_TWICE.format(admux=0x40, adps=7))
        board.set_analog_mv(0, 1000)
        next_start(board)
        second = next_start(board)
        board.run(second.cycle + int(delay * 128) - 10)
        board.set_analog_mv(0, 4000)
        board.run(second.cycle + 3000)
        codes.append(int.from_bytes(board.read_data(24, 2), "little"))
    assert codes == [819, 204]


def test_channel_is_latched_at_the_start(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 0x41\n sts ADMUX, r16\n ldi r16, (1 << ADEN) | (1 << ADSC) | 7\n sts ADCSRA, r16\n"
        + "nop\n" * 140  # the conversion begins after 128 at most
        + "ldi r16, 0x42\n sts ADMUX, r16\n loop: rjmp loop\n"
    )
    board.set_analog_mv(1, 1250)
    board.set_analog_mv(2, 2500)
    assert next_start(board).channel == 1
    end_of_conversion(board)
    assert board.read_data(ADMUX, 1) == b"\x42"
    assert int.from_bytes(board.read_data(ADCL, 2), "little") == 256


def test_free_running_starts_again_every_13_clocks(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 0x40\n sts ADMUX, r16\n ldi r16, (1 << ADEN) | (1 << ADSC) | (1 << ADATE) | 5\n"
        "sts ADCSRA, r16\n loop: rjmp loop\n"
    )
    starts = [next_start(board).cycle for _ in range(5)]
    assert [b - a for a, b in itertools.pairwise(starts)] == [25 * 32, 13 * 32, 13 * 32, 13 * 32]


@pytest.mark.parametrize("mode", ["SLEEP_MODE_ADC", "SLEEP_MODE_IDLE"])
def test_sleeping_starts_a_conversion_whose_interrupt_wakes(c_board: MakeBoard, mode: str) -> None:
    board = c_board(
        f"#define MODE {mode}\n"
        """
        #include <avr/interrupt.h>
        #include <avr/io.h>
        #include <avr/sleep.h>
        ISR(ADC_vect) { *(volatile uint16_t *)0x200 = ADC; }
        int main(void) {
            ADMUX = 0x45; ADCSRA = _BV(ADEN) | _BV(ADIE) | 7; TCCR0B = 1;
            set_sleep_mode(MODE); sleep_enable(); sei(); sleep_cpu();
            cli(); ADCSRA = 0; sleep_cpu();
            for (;;) {}
        }"""
    )
    assert next_start(board).channel == 5
    board.set_analog_mv(5, 1250)
    before = board.read_data(0x46, 1)[0]
    asleep_at = board.cycle
    board.run(asleep_at + 100)
    counted = (board.read_data(0x46, 1)[0] - before) % 256
    assert counted == (0 if mode == "SLEEP_MODE_ADC" else 100)  # noise reduction stops timer 0
    assert board.run(2**40) == Stop.HALTED
    assert int.from_bytes(board.read_data(0x200, 2), "little") == 256


def test_the_outside_comes_before_the_sample_even_within_one_instruction(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 0x40\n sts ADMUX, r16\n ldi r16, (1 << ADEN) | (1 << ADSC) | (1 << ADATE)\n"
        "sts ADCSRA, r16\n loop: call nothing\n nop\n rjmp loop\n nothing: ret\n"
    )
    for n in range(12):  # two cycles an ADC clock: sampling comes 3 cycles after the start, a CALL takes 4
        next_start(board)
        if n > 0:
            assert int.from_bytes(board.read_data(ADCL, 2), "little") == (n - 1) * 400 * 1024 // 5000
        board.set_analog_mv(0, n * 400)


def test_reading_adcl_holds_the_result_until_adch_is_read(asm_board: MakeBoard) -> None:
    board = asm_board(
        "ldi r16, 0x40\n sts ADMUX, r16\n"
        "ldi r16, (1 << ADEN) | (1 << ADSC) | (1 << ADATE)\n sts ADCSRA, r16\n"
        + "nop\n" * 60
        + "lds r24, ADCL\n"
        + "nop\n" * 60
        + "lds r25, ADCH\n"
        + "nop\n" * 60
        + "break\n loop: rjmp loop\n"
    )
    voltage = 0
    while board.read_data(25, 1) == b"\xa5":
        if board.run(board.cycle + 1) == Stop.EVENT:
            board.take_events()
            voltage += 1250  # a new code, with new low and high bytes, at every conversion
            board.set_analog_mv(0, min(voltage, 5000) - 100)
    low, high = board.read_data(24, 2)
    assert low + 256 * high == (1250 - 100) * 1024 // 5000


TRIGGERED = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
{handler}
int main(void) {{
    ADMUX = 0x40; ADCSRA = _BV(ADEN) | _BV(ADSC) | 4; while (ADCSRA & _BV(ADSC)) {{}}
    ADCSRA |= _BV(ADIF); {before} ADCSRB = {adts}; ADCSRA = _BV(ADEN) | _BV(ADATE) | 4; {after}
    for (;;) {{ {loop} }}
}}
"""
TIMER_0 = "TCCR0A = 2; OCR0A = 249; TCCR0B = 3;"
TIMER_1 = "OCR1A = 3999; OCR1B = 3999; ICR1 = 3999; TCCR1B = 9;"


@pytest.mark.parametrize(
    ("adts", "before", "clears", "period"),
    [
        pytest.param(3, TIMER_0, "TIFR0 = _BV(OCF0A);", 250 * 64, id="timer 0 compare A"),
        pytest.param(4, "TCCR0B = 3;", "TIFR0 = _BV(TOV0);", 256 * 64, id="timer 0 overflow"),
        pytest.param(5, TIMER_1, "TIFR1 = _BV(OCF1B);", 4000, id="timer 1 compare B"),
        pytest.param(
            6,
            "ICR1 = 4999; TCCR1A = 2; TCCR1B = 0x18; ICR1 = 4999; TCCR1B = 0x19;",
            "TIFR1 = _BV(TOV1);",
            5000,
            id="timer 1 overflow",
        ),
    ],
)
def test_a_timer_starts_conversions_at_its_pace(
    c_board: MakeBoard, adts: int, before: str, clears: str, period: int
) -> None:
    board = c_board(TRIGGERED.format(handler="", before=before, adts=adts, after=clears, loop=clears))
    next_start(board)  # the first, by hand
    starts = [next_start(board).cycle for _ in range(6)]
    assert [b - a for a, b in itertools.pairwise(starts)] == [period] * 5


def test_a_flag_that_nobody_clears_triggers_once(c_board: MakeBoard) -> None:
    board = c_board(TRIGGERED.format(handler="", before=TIMER_0, adts=3, after="", loop=""))
    for _ in range(2):
        next_start(board)
    assert board.run(board.cycle + 100_000) == Stop.LIMIT


def test_a_triggered_conversion_samples_after_2_clocks_and_ends_after_13_and_a_half(
    c_board: MakeBoard,
) -> None:
    board = c_board(TRIGGERED.format(handler="", before=TIMER_0, adts=3, after="TIFR0 = 2;", loop=""))
    board.set_analog_mv(0, 1000)
    next_start(board)
    started = next_start(board)
    codes = []
    for delay in (2 * 16 - 4, 2 * 16 + 1):
        fork = Board(b"")
        fork.restore(board.snapshot())
        fork.run(started.cycle + delay)
        fork.set_analog_mv(0, 4000)
        end = end_of_conversion(fork)
        assert 0 <= end - (started.cycle + 27 * 8) < 4
        codes.append(int.from_bytes(fork.read_data(ADCL, 2), "little"))
    assert codes == [819, 204]


@pytest.mark.parametrize("compare", [100, 101, 102, 103])
def test_the_prescaler_begins_anew_with_each_trigger(asm_board: MakeBoard, compare: int) -> None:
    """Three cycles after the flag, whatever the phase of the ADC clock was ("Starting a Conversion")."""
    text = (
        "ldi r16, 0x40\n sts ADMUX, r16\n ldi r16, 3\n sts ADCSRB, r16\n ldi r16, 0xA7\n sts ADCSRA, r16\n"
        f"ldi r16, {compare}\n out OCR0A, r16\n ldi r16, 1\n out TCCR0B, r16\n" + "nop\n" * 200
    )
    board = asm_board(text)
    while not board.read_data(0x35, 1)[0] & 2:
        assert board.run(board.cycle + 1) == Stop.LIMIT
    assert next_start(board).cycle == board.cycle
    flag_at = board.cycle - 3
    assert flag_at == 13 + compare + 1  # timer 0 counts from the cycle after its OUT


def test_int0_starts_a_conversion(c_board: MakeBoard) -> None:
    board = c_board(TRIGGERED.format(handler="", before="EICRA = 3;", adts=2, after="", loop=""))
    board.drive_pin("D", 2, level=False)
    next_start(board)
    board.run(10_000)
    board.drive_pin("D", 2, level=True)
    edge = board.cycle
    assert next_start(board).cycle == edge + 3 + 3  # the pin's synchroniser, then the ADC's


def test_the_comparator_starts_a_conversion(c_board: MakeBoard) -> None:
    board = c_board(TRIGGERED.format(handler="", before="", adts=1, after="", loop=""))
    next_start(board)
    board.run(10_000)
    board.set_analog_mv(AIN0, 100)
    crossed = board.cycle
    assert next_start(board).cycle == crossed + 3


def test_input_capture_starts_a_conversion(c_board: MakeBoard) -> None:
    board = c_board(TRIGGERED.format(handler="", before="TCCR1B = 0x41;", adts=7, after="", loop=""))
    board.drive_pin("B", 0, level=False)
    next_start(board)
    board.run(10_000)
    board.drive_pin("B", 0, level=True)
    edge = board.cycle
    assert next_start(board).cycle == edge + 3


def test_a_flag_that_was_there_before_auto_triggering_is_no_trigger(c_board: MakeBoard) -> None:
    board = c_board(
        TRIGGERED.format(
            handler="", before=TIMER_0 + "ADCSRB = 3; while (!(TIFR0 & 2)) {}", adts=3, after="", loop=""
        )
    )
    next_start(board)
    assert board.run(board.cycle + 100_000) == Stop.LIMIT


def test_changing_to_a_source_whose_flag_is_set_is_a_trigger(c_board: MakeBoard) -> None:
    board = c_board(
        TRIGGERED.format(
            handler="", before=TIMER_0, adts=2, after="while (!(TIFR0 & 2)) {} ADCSRB = 3;", loop=""
        )
    )
    next_start(board)
    assert next_start(board).cycle > 250 * 64


@pytest.mark.parametrize(
    ("admux", "supply_mv", "aref_mv", "code"),
    [(0x40, 5000, 5000, 614), (0x40, 4000, 5000, 768), (0x00, 4000, 3300, 930), (0x00, 5000, 2500, 1023)],
)
def test_the_reference_is_the_supply_or_the_pin(
    asm_board: MakeBoard, admux: int, supply_mv: int, aref_mv: int, code: int
) -> None:
    board = asm_board(CONVERT_TWICE.format(admux=admux, adps=2))
    board.set_supply_mv(supply_mv)
    board.set_analog_mv(AREF, aref_mv)
    board.set_analog_mv(0, 3000)
    while board.run(2000) == Stop.EVENT:
        board.take_events()
    assert int.from_bytes(board.read_data(24, 2), "little") == code
