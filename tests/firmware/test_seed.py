"""The offline PlatformIO core directory, seeded from a toolchain that is only pretended."""

import json
from pathlib import Path

import pytest
from pio_offline import seed

PLATFORM_TXT = "name=Arduino AVR Boards\nversion=1.8.7\n# compiler.path=/usr/bin/\n"
BOARDS_TXT = """uno.name=Arduino UNO
uno.upload.maximum_size=32256
uno.upload.maximum_data_size=2048
uno.build.mcu=atmega328p
uno.build.f_cpu=16000000L
uno.build.board=AVR_UNO
uno.build.core=arduino
uno.build.variant=standard
"""


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Make what unpacked packages look like, with a compiler that only knows its version."""
    arduino = tmp_path / "usr/share/arduino/hardware/arduino/avr"
    for folder in ("cores", "variants", "libraries"):
        (arduino / folder).mkdir(parents=True)
    (arduino / "platform.txt").write_text(PLATFORM_TXT)
    (arduino / "boards.txt").write_text(BOARDS_TXT)
    gcc = tmp_path / "usr/bin/avr-gcc"
    gcc.parent.mkdir()
    gcc.write_text("#!/bin/sh\necho 5.4.0\n")
    gcc.chmod(0o755)
    return tmp_path / "usr"


def tree(folder: Path) -> dict[str, str]:
    """Return every file's text and every link's target."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(
    ("version", "major", "carried"),
    [
        ("5.4.0", 1, "1.50400.0"),
        ("7.3.0", 1, "1.70300.0"),
        ("14.2", 1, "1.140200.0"),
        ("4.11.1", 4, "4.41101.0"),
    ],
)
def test_versions_are_carried_as_platformio_does(version: str, major: int, carried: str) -> None:
    assert seed.carried_version(version, major) == carried


def test_packages_say_what_they_are(prefix: Path, tmp_path: Path) -> None:
    core_dir = tmp_path / "core"
    seed.seed(core_dir, prefix)
    packages = {
        path.parent.name: json.loads(path.read_text())["version"]
        for path in core_dir.glob("packages/*/package.json")
    }
    assert packages.pop("tool-scons").startswith("4.")
    assert packages == {"toolchain-atmelavr": "1.50400.0", "framework-arduino-avr": "1.8.7"}
    uno = json.loads((core_dir / "platforms/atmelavr/boards/uno.json").read_text())
    assert uno["build"]["mcu"] == "atmega328p"
    assert uno["upload"] == {"maximum_size": 32256, "maximum_ram_size": 2048}


def test_seeding_again_replaces_what_an_older_platformio_left(prefix: Path, tmp_path: Path) -> None:
    core_dir = tmp_path / "core"
    seed.seed(core_dir, prefix)
    fresh = tree(core_dir)
    (core_dir / "appstate.json").write_text('{"last_version": "6.1.0"}')
    (core_dir / "packages/toolchain-atmelavr/package.json").write_text("{}")
    (core_dir / "packages/left-over").mkdir()
    seed.seed(core_dir, prefix)
    assert tree(core_dir) == fresh


@pytest.mark.parametrize("missing", ["bin/avr-gcc", "share/arduino/hardware/arduino/avr/platform.txt"])
def test_an_incomplete_toolchain_is_refused(missing: str, prefix: Path, tmp_path: Path) -> None:
    (prefix / missing).unlink()
    with pytest.raises(SystemExit, match=f"{Path(missing).name} is missing"):
        seed.seed(tmp_path / "core", prefix)


def test_a_header_library_is_linked_when_it_is_there(prefix: Path, tmp_path: Path) -> None:
    header = prefix / "include/doctest/doctest.h"
    header.parent.mkdir(parents=True)
    header.write_text(
        "#define DOCTEST_VERSION_MAJOR 2\n#define DOCTEST_VERSION_MINOR 4\n#define DOCTEST_VERSION_PATCH 9\n"
    )
    seed.seed(tmp_path / "core", prefix)
    library = tmp_path / "core/lib/doctest"
    assert json.loads((library / "library.json").read_text())["version"] == "2.4.9"
    assert (library / "src/doctest.h").readlink() == header
