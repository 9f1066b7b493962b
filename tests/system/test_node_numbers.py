"""What a reading costs, in bytes on the UART and in time, by the simulated clock: the same on any machine."""

from itertools import pairwise

import pytest

from system.node_bench import Bench, make_bench
from unosim.board import Image
from unosim.clock import NS_PER_S
from unosim.modem import PROFILES
from unosim.trace import Channel

pytestmark = pytest.mark.system
NS_PER_MS = 1_000_000
UART = {Channel.UNO_TX, Channel.ESP_TX}
PROMPT_BYTES = len(b"\r\nOK\r\n\r\n>")
WARM_UP = 8
"""Readings that are acknowledged before anything is measured: the first batch carries the counters."""


def uart_bytes(bench: Bench, since_ns: int = 0) -> int:
    entries = bench.simulation.trace.entries
    return sum(len(one.data) for one in entries if one.channel in UART and one.at_ns >= since_ns)


def settle(bench: Bench) -> None:
    """Let the exchange under way end: the next sample comes later than that."""
    assert bench.simulation.run(lambda: False, limit_s=bench.simulation.now_ns / NS_PER_S + 0.9) is False


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_single_reading_costs_few_bytes(image: Image, profile: str) -> None:
    bench = make_bench(image, profile=profile)
    assert bench.run_until_acked(WARM_UP, limit_s=60)
    costs = []
    for _ in range(5):
        settle(bench)
        before, acked = uart_bytes(bench), bench.counters.acked
        assert bench.run_until_acked(acked + 1, limit_s=120)
        settle(bench)
        costs.append((uart_bytes(bench) - before) / (bench.counters.acked - acked))
    assert max(costs) <= 450


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_reading_in_a_batch_of_ten_costs_fewer(image: Image, profile: str) -> None:
    bench = make_bench(image, profile=profile)
    assert bench.run_until_acked(WARM_UP, limit_s=60)
    bench.server.status = 503
    limit_s = bench.simulation.now_ns / NS_PER_S + 12
    bench.simulation.run(lambda: False, limit_s=limit_s)
    bench.server.status = 204
    stored = len(bench.server.stored)
    sizes = []
    while len(bench.server.stored) < stored + 10:
        before, known = bench.server.posts, len(bench.server.stored)
        began_ns = bench.simulation.now_ns
        bench.simulation.run(lambda: bench.server.posts > before, limit_s=limit_s + 40)  # noqa: B023
        sizes.append((len(bench.server.stored) - known, began_ns))
    rows, _ = max(sizes)
    assert rows == 10
    request, answer = sizes_of_last_exchange(bench)
    assert (request + answer) / rows <= 80


def sizes_of_last_exchange(bench: Bench) -> tuple[int, int]:
    """Return what the Uno and the module say from the last AT+CIPSEND on until the answer is in."""
    bench.simulation.run(lambda: False, limit_s=bench.simulation.now_ns / NS_PER_S + 0.3)
    said = bench.simulation.trace.heard(Channel.UNO_TX)
    heard = bench.simulation.trace.heard(Channel.ESP_TX)
    return len(said) - said.rindex(b"AT+CIPSEND"), len(heard) - heard.rindex(b"\r\nRecv ") + PROMPT_BYTES


@pytest.mark.parametrize(
    ("image_name", "baud", "limit_ms"), [("uno", 115_200, 150), ("uno_softserial", 9_600, 900)]
)
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_reading_is_acknowledged_soon_after_its_sample(
    images: dict[str, Image], image_name: str, baud: int, limit_ms: int, profile: str
) -> None:
    """From the conversion of A0 to the counter that says that the tag was right."""
    soft = image_name == "uno_softserial"
    bench = make_bench(images[image_name], soft=soft, profile=profile, baud=baud, interval_ms="2000")
    assert bench.run_until_acked(WARM_UP, limit_s=60)
    delays_ms = []
    for _ in range(4):
        sampled, acked = bench.counters.sampled, bench.counters.acked
        assert sampled == acked
        limit_s = bench.simulation.now_ns / NS_PER_S + 5
        assert bench.simulation.run(lambda: bench.counters.sampled > sampled, limit_s=limit_s)  # noqa: B023
        began_ns = bench.simulation.now_ns
        assert bench.run_until_acked(acked + 1, limit_s=limit_s)
        delays_ms.append((bench.simulation.now_ns - began_ns) / NS_PER_MS)
    assert max(delays_ms) <= limit_ms


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
        start, end = one.symbols["__data_start"].address, one.symbols["_end"].address
        assert end - start <= 1_000, name
