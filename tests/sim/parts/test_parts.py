"""Voltages, the button and the LED, on a board that runs a few lines of Arduino."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unosim.board import Board, UartSent, load_image
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.parts import Analog, Button, Led, Part, RecordingError, load_recording
from unosim.parts.catalogue import CATALOGUE, PartError, parse_part
from unosim.pins import Pin, channel_at, pin_at
from unosim.uno import Uno

Sketch = Callable[[str], Path]

VOLTMETER = """
void setup() { Serial.begin(115200); }
void loop() { Serial.println(analogRead(A3)); delay(100); }
"""
# Reports each change of pin 2: p when it is pressed, r when it is released.
LISTENER = """
void setup() { Serial.begin(115200); pinMode(2, INPUT_PULLUP); }
void loop() {
    static uint8_t before = 1;
    uint8_t now = PIND >> 2 & 1;
    if (now != before) { before = now; Serial.write(now ? 'r' : 'p'); }
}
"""
# Three flashes, a pause, two flashes, a pause, and so on; on pin 13 and, the other way round, on pin 7.
BLINKER = """
void lamp(bool on) { digitalWrite(13, on); digitalWrite(7, !on); }
void setup() { pinMode(13, OUTPUT); digitalWrite(7, HIGH); pinMode(7, OUTPUT); }
void loop() {
    for (uint8_t code = 3; code >= 2; code--) {
        for (uint8_t n = 0; n < code; n++) { lamp(true); delay(100); lamp(false); delay(200); }
        delay(800);
    }
}
"""
DIMMER = "void setup() { analogWrite(5, 64); analogWrite(3, 192); }\nvoid loop() {}\n"


def uno_with(elf: Path, *parts: Part) -> Uno:
    return Uno(Board(load_image(elf).flash), parts)


def said(uno: Uno, seconds: float) -> bytes:
    return bytes(event.data for event in uno.run_for(seconds) if isinstance(event, UartSent))


def codes(uno: Uno, seconds: float) -> list[int]:
    return [int(line) for line in said(uno, seconds).split()]


@pytest.mark.parametrize(
    ("pin", "source", "read"),
    [
        ("A3", 2500, [512] * 5),
        (
            3,
            lambda now_ns: now_ns // NS_PER_MS * 10,
            [0, 205, 410, 616, 822],
        ),  # 1 V each 100 ms, in steps of 10 mV
        ("A3", -5, [0] * 5),
        ("A3", 99_999, [1023] * 5),
        ("A2", 2500, [0] * 5),
    ],
)
def test_a_voltage_is_read(
    sketch: Sketch, pin: int | str, source: int | Callable[[int], int], read: list[int]
) -> None:
    seen = codes(uno_with(sketch(VOLTMETER), Analog(pin, source)), 0.49)
    assert seen == [pytest.approx(code, abs=2) for code in read]


@pytest.mark.parametrize("header", ["", "seconds,millivolts\r\n", "\ufeffSeconds, Millivolts\n"])
def test_a_recording_is_played(sketch: Sketch, tmp_path: Path, header: str) -> None:
    file = tmp_path / "light.csv"
    file.write_text(header + "0.1,1000\n\n0.2,3000\n0.4,3000.5\n", encoding="utf-8")
    source = load_recording(file)
    instants_ns = [0, 100_000_000, 150_000_000, 200_000_000, 300_000_000, NS_PER_S]
    assert [source(at_ns) for at_ns in instants_ns] == [1000, 1000, 2000, 3000, 3000, 3000]
    assert codes(uno_with(sketch(VOLTMETER), Analog("A3", source)), 0.35)[-1] == pytest.approx(614, abs=1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no rows"),
        ("seconds,millivolts\n", "has no rows"),
        ("1,2\n1,2,3\n", ":2: 3 fields instead of 2"),
        ("1;2\n", ":1: 1 fields instead of 2"),
        ("1,two\n", ":1: 'two' is not a number"),
        ("1,nan\n", ":1: 'nan' is not a number of this world"),
        ("1,2\n\n1,3\n", ":3: 1 s does not come after 1 s"),
        ("1,65536\n", ":1: 65536 mV is not within 0 to 65535"),
        ("1,-1\n", ":1: -1 mV is not within"),
        ("1,2\nseconds,millivolts\n", ":2: 'seconds' is not a number"),
    ],
)
def test_a_wrong_recording_is_told_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "light.csv"
    file.write_text(text)
    with pytest.raises(RecordingError) as caught:
        load_recording(file)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value) + caught.value.hint


def test_a_file_that_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"cannot read .*: Is a directory"):
        load_recording(tmp_path)
    with pytest.raises(RecordingError, match="No such file"):
        load_recording(tmp_path / "none.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordingError, match="is no CSV file"):
        load_recording(tmp_path / "image.csv")


def test_a_button_that_does_not_bounce(sketch: Sketch) -> None:
    uno = uno_with(sketch(LISTENER), button := Button(2, [(100 * NS_PER_MS, 50 * NS_PER_MS)], bounce_ms=0))
    assert said(uno, 0.12) == b"p"
    assert said(uno, 0.1) == b"r"
    button.press()
    assert said(uno, 0.01) == b"p"
    button.release()
    assert said(uno, 0.01) == b"r"


def test_a_contact_bounces_the_same_way_for_the_same_seed(sketch: Sketch) -> None:
    def heard(seed: int) -> bytes:
        presses = [(n * 100 * NS_PER_MS, 50 * NS_PER_MS) for n in range(1, 6)]
        return said(uno_with(sketch(LISTENER), Button(2, presses, seed=seed)), 0.7)

    first, again, other = heard(1), heard(1), heard(2)
    assert first == again != other
    assert 10 + 5 < len(first) <= 10 * 13  # each move is seen, and most of their bounces
    assert first.startswith(b"pr")
    assert first.endswith(b"pr")


def test_presses_come_one_after_the_other() -> None:
    with pytest.raises(ValueError, match="the press at 10 ns for 5 ns is not behind the one before it"):
        Button(2, [(0, 20), (10, 5)])
    with pytest.raises(ValueError, match="the press at 0 ns for 0 ns"):
        Button(2, [(0, 0)])


def test_a_button_needs_a_pull_up() -> None:
    released = {pull_up: Uno(Board(b""), [Button(2, pull_up=pull_up)]) for pull_up in (False, True)}
    assert {pull_up: uno.level(Pin("D", 2)) for pull_up, uno in released.items()} == {
        False: False,
        True: True,
    }


@pytest.mark.parametrize("led", [Led(), Led(7, active_low=True)], ids=["to ground", "to 5 V"])
def test_an_led_is_watched(sketch: Sketch, led: Led) -> None:
    uno = uno_with(sketch(BLINKER), led)
    assert led.changes == [(0, False)]
    uno.run_for(1.6)
    assert led.codes(uno.now_ns) == [3]
    assert led.codes(uno.now_ns, pause_ms=150) == [1, 1, 1]
    uno.run_for(2)
    assert led.codes(uno.now_ns) == [3, 2]
    lit_ms = [(off.at_ns - on.at_ns) / NS_PER_MS for on, off in itertools.pairwise(led.changes) if on.lit]
    assert len(lit_ms) >= 5
    assert lit_ms[:5] == [pytest.approx(100, abs=0.1)] * 5


def test_a_pause_may_still_go_on(sketch: Sketch) -> None:
    uno = uno_with(sketch(BLINKER), led := Led())
    uno.run_for(0.75)
    assert not led.codes(uno.now_ns)
    assert led.codes(uno.now_ns + 700 * NS_PER_MS) == [3]


def test_a_dimmed_led_is_lit_for_its_share(sketch: Sketch) -> None:
    uno = uno_with(sketch(DIMMER), left := Led(5), right := Led(3))
    uno.run_for(0.5)
    begin_ns, end_ns = 100 * NS_PER_MS, 500 * NS_PER_MS
    assert left.lit_share(begin_ns, end_ns) == pytest.approx(65 / 256, abs=0.005)
    assert right.lit_share(begin_ns, end_ns) == pytest.approx(192 / 255, abs=0.005)


RESETS_ITSELF = """
#include <avr/wdt.h>
void setup() {
    MCUSR = 0; wdt_disable(); pinMode(13, OUTPUT);
    delay(100); digitalWrite(13, HIGH); wdt_enable(WDTO_15MS);
}
void loop() {}
"""


def test_a_reset_puts_the_led_out(sketch: Sketch) -> None:
    uno = uno_with(sketch(RESETS_ITSELF), led := Led())
    uno.run_for(0.3)
    assert len(uno.resets) == 2
    assert uno.resets[0].cause == 8
    on_ms = [change.at_ns / NS_PER_MS for change in led.changes if change.lit]
    off_ms = [change.at_ns / NS_PER_MS for change in led.changes[1:] if not change.lit]
    assert [off - on for on, off in zip(on_ms, off_ms, strict=False)] == [pytest.approx(16, abs=1)] * 2
    uno.run_for(0.05)
    assert led.lit is False
    uno.run_for(0.1)
    assert led.lit is True
    uno.reset()
    assert led.lit is False
    uno.run_for(0.11)
    assert led.lit is True
    uno.power_cycle()
    assert led.lit is False


@pytest.mark.parametrize(
    ("name", "pin", "shown"),
    [
        (0, Pin("D", 0), "D0"),
        ("7", Pin("D", 7), "D7"),
        ("d8", Pin("B", 0), "D8"),
        (13, Pin("B", 5), "D13"),
        (14, Pin("C", 0), "A0"),
        ("A5", Pin("C", 5), "A5"),
    ],
)
def test_pins_by_their_names(name: int | str, pin: Pin, shown: str) -> None:
    assert (pin_at(name), str(pin)) == (pin, shown)


@pytest.mark.parametrize("name", [-1, 20, "20", "A6", "D", "", "a", "B5", "٣", "1 "])
def test_pins_that_an_uno_does_not_have(name: int | str) -> None:
    with pytest.raises(ValueError, match="an Uno has no pin"):
        pin_at(name)


@pytest.mark.parametrize("name", [-1, 8, "A8", "B0", "", "٣"])
def test_analog_channels_that_an_uno_does_not_have(name: int | str) -> None:
    with pytest.raises(ValueError, match="an Uno has no analog channel"):
        channel_at(name)


def examples() -> Iterator[str]:
    for name, entry in CATALOGUE.items():
        yield f"{name}:3"
        yield from (f"{name}:3,{field}={value}" for field, value in entry.fields.items())


@pytest.mark.parametrize("text", list(examples()))
def test_every_part_of_the_catalogue_can_be_made(text: str) -> None:
    part = parse_part(text)
    assert part.pins == (Pin("D", 3),) or part.channels == (3,)


def test_fields_of_a_text_reach_the_part(sketch: Sketch) -> None:
    assert codes(uno_with(sketch(VOLTMETER), parse_part("volts:A3,volts=1.25")), 0.05) == [256]
    high, low = codes(uno_with(sketch(VOLTMETER), parse_part("sine:A3,low=1,high=3,period=0.4")), 0.35)[1::2]
    assert high == pytest.approx(614, abs=2)
    assert low == pytest.approx(205, abs=2)
    presses = said(
        uno_with(sketch(LISTENER), parse_part("button:2,at=0.1,hold=0.02,every=0.05,times=3,bounce=0")), 1
    )
    assert presses == b"prprpr"


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("lamp:3", "there is no 'lamp'", "the names: button, csv, dht11, dht22, led, sine, volts"),
        ("dht22", "no pin is named", "write dht22:PIN,"),
        ("dht22:", "no pin is named", "write dht22:PIN,"),
        ("dht22:A9", "an Uno has no pin 'A9'", "write dht22:PIN,"),
        ("volts:D3", "an Uno has no analog channel 'D3'", "write volts:PIN,"),
        ("dht22:4,heat=1", "there is no field 'heat=1'", "temperature=21,humidity=50"),
        ("dht22:4,humidity", "there is no field 'humidity'", "temperature=21"),
        ("dht22:4,humidity=wet", "'wet'", "temperature=21"),
        ("dht22:4,humidity=inf", "'inf' is no value", "temperature=21"),
        ("dht22:4,silent=2", "a share is within 0 to 1", "temperature=21"),
        ("sine:A0,period=0", "a period is longer than 0 seconds", "low=0,high=5"),
        ("button:2,hold=0", "is not behind the one before it", "at=1,hold=0.2"),
        ("csv:A0", "no file is named", "write csv:PIN,FILE"),
    ],
)
def test_a_text_that_is_no_part(text: str, complaint: str, hint: str) -> None:
    with pytest.raises(PartError) as caught:
        parse_part(text)
    assert complaint in str(caught.value)
    assert hint in caught.value.hint


def test_a_recording_by_name(sketch: Sketch, tmp_path: Path) -> None:
    file = tmp_path / "a,b.csv"
    file.write_text("0,2500\n")
    assert codes(uno_with(sketch(VOLTMETER), parse_part(f"csv:A3,{file}")), 0.05) == [512]
    with pytest.raises(RecordingError):
        parse_part("csv:A3,none.csv")
