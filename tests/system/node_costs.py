"""What a node costs, in bytes on the UART and in time: for the tests and for `make bench`."""

from system.node_bench import Bench
from unosim.clock import NS_PER_S
from unosim.trace import Channel

NS_PER_MS = 1_000_000
UART = {Channel.UNO_TX, Channel.ESP_TX}
PROMPT_BYTES = len(b"\r\nOK\r\n\r\n>")
WARM_UP = 8
"""Readings that are acknowledged before anything is measured: the first batch carries the counters."""
OUTAGE_S = 5


def warm_up(bench: Bench) -> None:
    """Bring the node to its steady state."""
    assert bench.run_until_acked(WARM_UP, limit_s=60)


def uart_bytes(bench: Bench, since_ns: int = 0) -> int:
    entries = bench.simulation.trace.entries
    return sum(len(one.data) for one in entries if one.channel in UART and one.at_ns >= since_ns)


def settle(bench: Bench) -> None:
    """Let the exchange under way end: the next sample comes later than that."""
    assert bench.simulation.run(lambda: False, limit_s=bench.simulation.now_ns / NS_PER_S + 0.9) is False


def reading_bytes(bench: Bench) -> list[float]:
    """Return what single readings cost on the UART, both directions together, in bytes."""
    warm_up(bench)
    costs = []
    for _ in range(5):
        settle(bench)
        before, acked = uart_bytes(bench), bench.counters.acked
        assert bench.run_until_acked(acked + 1, limit_s=120)
        settle(bench)
        costs.append((uart_bytes(bench) - before) / (bench.counters.acked - acked))
    return costs


def batch_bytes(bench: Bench) -> float:
    """Return what a reading costs in a batch of ten, in bytes."""
    warm_up(bench)
    bench.server.status = 503
    limit_s = bench.simulation.now_ns / NS_PER_S + 12
    bench.simulation.run_to(limit_s)
    bench.server.status = 204
    stored = len(bench.server.stored)
    rows = 0
    while len(bench.server.stored) < stored + 10:
        before, known = bench.server.posts, len(bench.server.stored)
        bench.simulation.run(lambda: bench.server.posts > before, limit_s=limit_s + 40)  # noqa: B023 - called at once
        rows = max(rows, len(bench.server.stored) - known)
    assert rows == 10
    request, answer = sizes_of_last_exchange(bench)
    return (request + answer) / rows


def sizes_of_last_exchange(bench: Bench) -> tuple[int, int]:
    """Return what the Uno and the module say from the last AT+CIPSEND on until the answer is in."""
    bench.simulation.run_to(bench.simulation.now_ns / NS_PER_S + 0.3)
    said = bench.simulation.trace.heard(Channel.UNO_TX)
    heard = bench.simulation.trace.heard(Channel.ESP_TX)
    return len(said) - said.rindex(b"AT+CIPSEND"), len(heard) - heard.rindex(b"\r\nRecv ") + PROMPT_BYTES


def delays_ms(bench: Bench) -> list[float]:
    """Return the times from the conversion of A0 to the counter that says that the tag was right, in ms."""
    warm_up(bench)
    delays = []
    for _ in range(4):
        sampled, acked = bench.counters.sampled, bench.counters.acked
        assert sampled == acked
        limit_s = bench.simulation.now_ns / NS_PER_S + 5
        assert bench.simulation.run(lambda: bench.counters.sampled > sampled, limit_s=limit_s)  # noqa: B023 - as above
        began_ns = bench.simulation.now_ns
        assert bench.run_until_acked(acked + 1, limit_s=limit_s)
        delays.append((bench.simulation.now_ns - began_ns) / NS_PER_MS)
    return delays


def recovery_s(bench: Bench) -> float:
    """Return how long after `OUTAGE_S` seconds of 503 the next reading is acknowledged, in s."""
    warm_up(bench)
    bench.server.status = 503
    bench.simulation.run_to(bench.simulation.now_ns / NS_PER_S + OUTAGE_S)
    bench.server.status = 204
    ended_ns, acked = bench.simulation.now_ns, bench.counters.acked
    assert bench.run_until_acked(acked + 1, limit_s=ended_ns / NS_PER_S + 60)
    return (bench.simulation.now_ns - ended_ns) / NS_PER_S
