"""A node whose power is cut again and again on the bench, and what must hold afterwards."""

import random
from itertools import pairwise

from system.node_bench import Bench, make_bench
from unosim.board import CLOCK_HZ, Image
from unosim.cable import Cable
from unosim.clock import NS_PER_S, cycles_at
from unosim.lab import SETTINGS


def torment(image: Image, seed: int, cuts: int) -> tuple[Bench, int]:
    """Cut the power after lives of random length, most of them spent in an outage or just after one."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose, guards no secret
    bench = make_bench(image, interval_ms="200")
    simulation, server = bench.simulation, bench.server
    lives = 0
    for _ in range(cuts):
        server.status = chance.choice([204, 204, 503])
        life_s = chance.choice([0.005, 0.06, 0.4, 6.0, 8.0, 36.0]) * chance.random()
        at_ns = simulation.now_ns + round(life_s * NS_PER_S)
        simulation.run_to(at_ns / NS_PER_S)
        bench.board.run(cycles_at(at_ns, CLOCK_HZ) + chance.randrange(2_000))
        bench.board.power_cycle(chance.randrange(256))
        lives += 1
    server.status = 204
    stored = len(server.stored)
    limit_s = simulation.now_ns / NS_PER_S + 60
    assert simulation.run(lambda: len(server.stored) >= stored + 60, limit_s=limit_s), "it does not come back"
    return bench, lives


def check(bench: Bench) -> None:
    """Hold what the server got against the promises."""
    assert bench.server.conflicts == []
    boots: dict[int, list[int]] = {}
    for _, boot, seq in bench.server.stored:
        boots.setdefault(boot, []).append(seq)
    arrived = [boot for _, boot, _ in bench.server.stored]
    assert all(earlier <= later for earlier, later in pairwise(arrived)), "older readings come first"
    for boot, seqs in boots.items():
        assert all(earlier < later for earlier, later in pairwise(seqs)), f"order within boot {boot}"
    cable = Cable(bench.board)
    bench.board.reset()
    cable.open()
    status = dict(line.rsplit(" ", 1) for line in cable.do("status"))
    assert int(status["boot"]) > max(boots)
    assert status["resets_watchdog"] == "0"
    shown = [line for line in cable.do("show") if not line.startswith(("key", "wifi-password"))]
    wanted = SETTINGS | {"interval-ms": "200"}
    assert shown == [f"{name} {wanted[name]}" for name in wanted if name not in {"key", "wifi-password"}]
