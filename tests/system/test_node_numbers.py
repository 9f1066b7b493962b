"""What a reading costs, in bytes on the UART and in time, by the simulated clock: the same on any machine."""

from itertools import pairwise

import pytest

from system.node_bench import make_bench
from system.node_costs import WARM_UP, batch_bytes, delays_ms, reading_bytes, recovery_s
from unosim.board import Image
from unosim.modem import PROFILES
from unosim.trace import Channel

pytestmark = pytest.mark.system
RAM_START = 0x100


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_single_reading_costs_few_bytes(image: Image, profile: str) -> None:
    assert max(reading_bytes(make_bench(image, profile=profile))) <= 450


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_reading_in_a_batch_of_ten_costs_fewer(image: Image, profile: str) -> None:
    assert batch_bytes(make_bench(image, profile=profile)) <= 80


@pytest.mark.parametrize(
    ("image_name", "baud", "limit_ms"), [("uno", 115_200, 150), ("uno_softserial", 9_600, 900)]
)
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_reading_is_acknowledged_soon_after_its_sample(
    images: dict[str, Image], image_name: str, baud: int, limit_ms: int, profile: str
) -> None:
    soft = image_name == "uno_softserial"
    bench = make_bench(images[image_name], soft=soft, profile=profile, baud=baud, interval_ms="2000")
    assert max(delays_ms(bench)) <= limit_ms


def test_a_server_in_trouble_is_not_left_alone_for_long(image: Image) -> None:
    assert recovery_s(make_bench(image)) <= 30


def test_the_line_at_9600_keeps_its_bits(images: dict[str, Image]) -> None:
    """A byte takes ten bits of 104 us, back to back, also while the module talks."""
    bench = make_bench(images["uno_softserial"], soft=True, baud=9_600)
    assert bench.run_until_acked(WARM_UP, limit_s=60)
    assert bench.counters.at_errors == bench.counters.retries == 0
    instants = [one.at_ns for one in bench.simulation.trace.entries if one.channel is Channel.UNO_TX]
    gaps_us = [(later - earlier) // 1000 for earlier, later in pairwise(instants)]
    assert sum(1_030 <= gap <= 1_050 for gap in gaps_us) > 0.95 * len(gaps_us)


def test_a_module_as_it_comes_is_told_to_talk_at_9600(images: dict[str, Image]) -> None:
    bench = make_bench(images["uno_softserial"], soft=True, baud=115_200)
    assert bench.run_until_acked(WARM_UP, limit_s=60)
    assert b"AT+UART_CUR=9600,8,1,0,0\r\n" in bench.simulation.trace.heard(Channel.UNO_TX)
    assert bench.injection.happened == []


@pytest.mark.parametrize("baud", [9_600, 57_600, 38_400, 19_200, 74_880])
def test_a_module_at_another_rate_is_found(image: Image, baud: int) -> None:
    bench = make_bench(image, baud=baud)
    assert bench.run_until_acked(WARM_UP, limit_s=60)


def test_a_module_that_never_answers_has_its_reset_pin_pulled(image: Image) -> None:
    bench = make_bench(image, baud=250_000)
    assert not bench.run_until_acked(1, limit_s=40)
    assert bench.simulation.trace.heard(Channel.ESP_TX).count(b"ready\r\n") >= 4


def test_ram_is_left(images: dict[str, Image]) -> None:
    for name, one in images.items():
        assert one.symbols["_end"].address - RAM_START <= 1_000, name
