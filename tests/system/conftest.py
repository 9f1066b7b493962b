from pathlib import Path

import pytest

from system.whole_path import Run, Travel, loopback_run, virtual_run
from unosim.board import Image, load_image

BUILDS = Path(__file__).parents[2] / ".pio/build"


@pytest.fixture(scope="session")
def images() -> dict[str, Image]:
    """Both images by their environments."""
    paths = {name: BUILDS / name / "firmware.elf" for name in ("uno", "uno_softserial")}
    for path in paths.values():
        assert path.exists(), f"no image at {path}: run make firmware"
    return {name: load_image(path) for name, path in paths.items()}


@pytest.fixture(scope="session")
def image(images: dict[str, Image]) -> Image:
    return images["uno"]


@pytest.fixture(params=["virtual", "loopback"])
def travel(request: pytest.FixtureRequest, image: Image, tmp_path: Path) -> Travel:
    network = {"virtual": virtual_run, "loopback": loopback_run}[request.param]
    runs = iter(range(100))

    def run(readings: int) -> Run:
        return network(image, tmp_path / f"run{next(runs)}.db", readings)

    return run
