"""Sequences of trouble for the bridge; the campaign runs a thousand."""

import pytest

from campaign.bridge import bridge_sequences
from campaign.bridge.bridge_sequences import freeze_broker, sequence, try_seed

pytestmark = pytest.mark.system
WITH_BROKER = 10


@pytest.mark.parametrize("seed", [4, 7, 8, WITH_BROKER])
def test_nothing_acknowledged_is_lost_and_nothing_comes_twice(seed: int) -> None:
    assert try_seed(seed) is None


def test_a_seed_is_always_the_same_sequence() -> None:
    first, second = sequence(8), sequence(8)
    assert first == second
    assert first.lives > 1
    assert first.acknowledged > 10


@pytest.mark.parametrize(
    ("breakage", "seed"),
    [
        ("acknowledge_before_the_commit", 5),
        ("forget_before_the_answer", 6),
        ("believe_any_204", 6),
        ("answer_204_without_a_disk", 6),
    ],
)
def test_a_bridge_that_breaks_its_promise_is_caught(breakage: str, seed: int) -> None:
    assert "acknowledged readings are lost" in sequence(seed, breakage).harm


def test_a_publisher_that_forgets_before_the_puback_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_sequences, "HEALING_WALL_S", 3.0)
    harms = (sequence(seed, "forget_before_the_puback", (freeze_broker,)).harm for seed in (60, 20, 90))
    assert any("are still at the broker" in harm for harm in harms)
