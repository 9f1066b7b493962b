"""A sample of the torture run of delivery; `make torture` runs it whole."""

from pathlib import Path

import pytest

from system import torture

pytestmark = pytest.mark.system


@pytest.mark.parametrize(("seed", "how"), [(1, "send"), (2, "grpc"), (3, "rest")])
def test_nothing_acknowledged_is_missing_or_visible_twice(tmp_path: Path, seed: int, how: str) -> None:
    verdict = torture.run(tmp_path, how=how, acknowledged=3000, seed=seed, kills=2, life_s=(0.6, 1.8))
    assert verdict.is_good, verdict
    assert verdict.acknowledged >= 3000, verdict
    assert verdict.dead_letters > 0, verdict
