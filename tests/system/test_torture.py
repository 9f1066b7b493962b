"""A sample of the torture run of delivery; `make torture` runs it whole."""

from pathlib import Path

import pytest

from system import torture

pytestmark = pytest.mark.system


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_acknowledged_is_missing_or_visible_twice(tmp_path: Path, seed: int) -> None:
    verdict = torture.run(tmp_path, acknowledged=3000, seed=seed, kills=2, life_s=(0.6, 1.4))
    assert verdict.is_good, verdict
    assert verdict.acknowledged >= 3000, verdict
    assert verdict.dead_letters > 0, verdict
