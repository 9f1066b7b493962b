"""A sample of the soak; `make soak` runs it for days."""

from pathlib import Path

import pytest

from system.soak import soak
from unosim.board import Image

pytestmark = pytest.mark.system


def test_the_same_trace_twice(tmp_path: Path, image: Image) -> None:
    runs = [soak(image, tmp_path / f"{n}.db", hours=2) for n in range(2)]
    assert runs[0] == runs[1]
    assert runs[0].acked > 100
    assert runs[0].lost == 0
