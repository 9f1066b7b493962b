"""The DHT22 and DHT11 as compiled sketches read them, in the two manners of common libraries."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.board import Board, UartSent, load_image
from unosim.clock import NS_PER_S
from unosim.parts import AM2302, DHT11, Dht
from unosim.parts.dht import encode
from unosim.pins import pin_at
from unosim.uno import Uno

# Measures each pulse by counting turns of a loop, interrupts off; a 1 is high longer than it was low before.
COUNTING = """
static uint16_t pulse(bool level) {
    uint8_t mask = digitalPinToBitMask(PIN);
    volatile uint8_t *port = portInputRegister(digitalPinToPort(PIN));
    uint16_t count = 0;
    while (bool(*port & mask) == level) { if (++count > 2000) return 0; }
    return count;
}
static bool read(uint8_t *data) {
    uint16_t turns[80];
    pinMode(PIN, OUTPUT); digitalWrite(PIN, LOW);
    delayMicroseconds(START_US % 1000); delay(START_US / 1000);
    noInterrupts();
    pinMode(PIN, INPUT_PULLUP);
    delayMicroseconds(55);
    bool answered = pulse(LOW) && pulse(HIGH);
    for (uint8_t n = 0; n < 80 && answered; n += 2) { turns[n] = pulse(LOW); turns[n + 1] = pulse(HIGH); }
    interrupts();
    for (uint8_t n = 0; n < 40; n++) {
        if (!answered || !turns[2 * n] || !turns[2 * n + 1]) return false;
        data[n / 8] = data[n / 8] << 1 | (turns[2 * n + 1] > turns[2 * n]);
    }
    return true;
}
"""
# Measures each high with micros(), interrupts on; drives the wire high to end the start.
BY_THE_CLOCK = """
static bool until(bool level, uint32_t limit_us) {
    for (uint32_t begin = micros(); digitalRead(PIN) != level;) {
        if (micros() - begin > limit_us) return false;
    }
    return true;
}
static bool read(uint8_t *data) {
    pinMode(PIN, OUTPUT); digitalWrite(PIN, LOW); delayMicroseconds(START_US % 1000); delay(START_US / 1000);
    digitalWrite(PIN, HIGH); pinMode(PIN, INPUT);
    if (!until(LOW, 200) || !until(HIGH, 100) || !until(LOW, 100)) return false;
    for (uint8_t n = 0; n < 40; n++) {
        if (!until(HIGH, 100)) return false;
        uint32_t begin = micros();
        if (!until(LOW, 100)) return false;
        data[n / 8] = data[n / 8] << 1 | (micros() - begin > 48);
    }
    return true;
}
"""
# Every PERIOD_MS: five bytes in hexadecimal, or "none".
REPORT = """
void setup() { Serial.begin(115200); }
void loop() {
    delay(PERIOD_MS);
    uint8_t data[5];
    if (!read(data)) { Serial.println(F("none")); return; }
    for (uint8_t n = 0; n < 5; n++) { if (data[n] < 16) Serial.print('0'); Serial.print(data[n], HEX); }
    Serial.println();
}
"""
MANNERS = {"counting": COUNTING, "by the clock": BY_THE_CLOCK}

Reader = Callable[..., list[str]]


@pytest.fixture
def answers(sketch: Callable[[str], Path]) -> Reader:
    """Run a sketch with a sensor on pin 4; return the lines it prints."""

    def read(
        sensor: Dht, count: int, *, manner: str = "counting", start_us: int = 1100, period_ms: int = 2100
    ) -> list[str]:
        head = f"#define PIN 4\n#define START_US {start_us}UL\n#define PERIOD_MS {period_ms}\n"
        uno = Uno(Board(load_image(sketch(head + MANNERS[manner] + REPORT)).flash), [sensor])
        events = uno.run_for(count * (period_ms + 30) / 1000)
        said = bytes(event.data for event in events if isinstance(event, UartSent))
        return said.decode().split()

    return read


def with_checksum(data: bytes) -> str:
    return (data + bytes([sum(data) & 0xFF])).hex().upper()


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize(
    ("humidity", "temperature", "data"),
    [
        (652, 351, "028C015FEE"),  # the examples of the manual
        (652, -101, "028C806573"),
        (0, 0, "0000000000"),
        (1000, 800, "03E803200E"),
        (1500, 3000, "03E803200E"),  # beyond the sensor's limits
        (-1, -999, "0000819011"),
    ],
)
def test_a_dht22_is_read(answers: Reader, manner: str, humidity: int, temperature: int, data: str) -> None:
    assert answers(Dht(4, humidity, temperature), 2, manner=manner) == [data, data]


@pytest.mark.parametrize("manner", MANNERS)
def test_a_dht11_is_read(answers: Reader, manner: str) -> None:
    sensor = Dht(4, 456, 239, kind=DHT11)
    assert answers(sensor, 1, manner=manner, start_us=20_000) == ["2D0017" + "0044"]


@pytest.mark.parametrize(
    ("kind", "start_us", "answered"),
    [(AM2302, 500, False), (AM2302, 900, True), (AM2302, 19_000, True), (DHT11, 1100, False)],
)
def test_the_start_signal_must_be_long_enough(
    answers: Reader, kind: object, start_us: int, answered: bool
) -> None:
    (line,) = answers(Dht(4, kind=kind), 1, start_us=start_us)  # type: ignore[arg-type]  # of two kinds
    assert (line != "none") is answered


def test_a_request_gets_the_measurement_before(answers: Reader) -> None:
    sensor = Dht(4, lambda now_ns: 100 + now_ns // NS_PER_S, 0)
    assert answers(sensor, 4) == [
        with_checksum(encode(h, 0, whole_numbers=False)) for h in (100, 102, 104, 106)
    ]


def test_within_the_sampling_period_nothing_new_is_measured(answers: Reader) -> None:
    sensor = Dht(4, lambda now_ns: 100 + now_ns // NS_PER_S, 0)
    humidity = [int(line[:4], 16) for line in answers(sensor, 7, period_ms=1010)]
    assert humidity == [100, 100, 102, 102, 104, 104, 106]


def test_it_is_silent_for_a_second_after_power_on(answers: Reader) -> None:
    assert answers(Dht(4), 3, period_ms=450)[:3] == ["none", "none", with_checksum(b"\x01\xf4\x00\xd2")]


def test_faults_strike_a_share_of_the_answers_by_the_seed(answers: Reader) -> None:
    right = with_checksum(b"\x01\xf4\x00\xd2")
    wrong = right[:-2] + f"{int(right[-2:], 16) + 1:02X}"
    assert answers(Dht(4, silent=1), 2) == ["none", "none"]
    assert answers(Dht(4, wrong_checksum=1), 2) == [wrong, wrong]
    runs = [answers(Dht(4, silent=0.3, wrong_checksum=0.3, seed=seed), 12) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {right, wrong, "none"}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_within_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="a share is within 0 to 1"):
        Dht(4, silent=share)


def test_the_wave_is_that_of_the_manual(sketch: Callable[[str], Path]) -> None:
    """Edges within half a microsecond of the table: the board's next instruction."""
    text = "#define PIN 4\n#define START_US 1100UL\n#define PERIOD_MS 2100\n" + COUNTING + REPORT
    uno = Uno(Board(load_image(sketch(text)).flash), [Dht(4, 0x8001 >> 6, 1)])
    edges: list[tuple[int, bool]] = [(0, True)]

    def note(at_ns: int, port: str, levels: int) -> None:
        high = bool(levels & pin_at(4).mask)
        if port == "D" and high is not edges[-1][1]:
            edges.append((at_ns, high))

    uno.observe(note)
    uno.run_for(2.2)
    bits = [int(bit) for byte in b"\x02\x00\x00\x01\x03" for bit in f"{byte:08b}"]
    low_and_high_us = [(80, 80), *((50, 70 if bit else 26) for bit in bits), (50, None)]
    lasted_us = [(b[0] - a[0]) / 1000 for a, b in itertools.pairwise(edges)]
    start = next(n for n, (at_ns, _) in enumerate(edges) if at_ns > 1_000_000)  # after the pin's own set-up
    host_low_us, released_us, *answer_us = lasted_us[start:]
    assert host_low_us == pytest.approx(1100, abs=20)
    assert released_us == pytest.approx(30, abs=0.5)
    expected = [us for pair in low_and_high_us for us in pair if us is not None]
    assert answer_us == [pytest.approx(us, abs=0.5) for us in expected]
