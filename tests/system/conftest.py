from pathlib import Path

import pytest

from system.whole_path import Run, Travel, loopback_run, virtual_run
from unosim.board import Image, load_image

IMAGE = Path(__file__).parents[2] / ".pio/build/uno/firmware.elf"


@pytest.fixture(scope="session")
def image() -> Image:
    assert IMAGE.exists(), f"no image at {IMAGE}: run make firmware"
    return load_image(IMAGE)


@pytest.fixture(params=["virtual", "loopback"])
def travel(request: pytest.FixtureRequest, image: Image, tmp_path: Path) -> Travel:
    network = {"virtual": virtual_run, "loopback": loopback_run}[request.param]
    runs = iter(range(100))

    def run(readings: int) -> Run:
        return network(image, tmp_path / f"run{next(runs)}.db", readings)

    return run
