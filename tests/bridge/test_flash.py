"""`unobridge flash`: avrdude uploads to Optiboot, Arduino's own boot loader, on the simulated Uno."""

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.conftest import IMAGE, Start
from bridge.usb import WAIT_S, Cable, UnoOnCable
from mosquitto import DEBIAN
from unosim.board import Board, Fuses, Image, load_image

TOOLS = DEBIAN / "usr"
OPTIBOOT = TOOLS / "share/arduino/hardware/arduino/avr/bootloaders/optiboot"
BOOT_START = 0x7C00
BOOT_FUSES = Fuses(high=0xDC)
"""BOOTRST, 512 words: Debian's compiler makes it larger than the 256 words of Arduino's."""
UPLOAD_WAIT_S = 120.0


@pytest.fixture(scope="session")
def optiboot(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Arduino's boot loader for the Uno, compiled as its Makefile does, 512 bytes lower."""
    elf = tmp_path_factory.mktemp("optiboot") / "optiboot.elf"
    subprocess.run(
        [
            *(str(TOOLS / "bin/avr-gcc"), "-mmcu=atmega328p", "-Os", "-w", "-std=gnu99", "-mrelax"),
            *("-fno-inline-small-functions", "-fno-split-wide-types", "-nostartfiles", "-nostdlib"),
            *("-DF_CPU=16000000L", "-DLED_START_FLASHES=3", "-DBAUD_RATE=115200", "-Wl,--relax"),
            *(f"-Wl,--section-start=.text=0x{BOOT_START:x}", "-Wl,--section-start=.version=0x7ffe"),
            *("-I", str(OPTIBOOT), str(OPTIBOOT / "optiboot.c"), "-o", str(elf)),
        ],
        check=True,
        env=os.environ | {"PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"},
    )
    return load_image(elf).flash


@pytest.fixture
def uno(cable: Cable, optiboot: bytes) -> Iterator[UnoOnCable]:
    uno = UnoOnCable(cable, Board(optiboot, fuses=BOOT_FUSES), wakes_by_words=True)
    yield uno
    uno.stop()


def avrdude(folder: Path) -> Path:
    """Return Debian's avrdude with the libraries it was unpacked with."""
    script = folder / "avrdude"
    libraries = [str(DEBIAN / top / f"{platform.machine()}-linux-gnu") for top in ("usr/lib", "lib")]
    script.write_text(
        f"#!/bin/sh\nLD_LIBRARY_PATH={os.pathsep.join(libraries)} "
        f'exec {DEBIAN}/usr/bin/avrdude -C {DEBIAN}/etc/avrdude.conf "$@"\n'
    )
    script.chmod(0o755)
    return script


def test_the_image_is_uploaded_and_verified(
    start: Start, cable: Cable, uno: UnoOnCable, image: Image, tmp_path: Path
) -> None:
    command = start("flash", str(IMAGE), "--port", str(cable.link), "--avrdude", str(avrdude(tmp_path)))
    assert command.process.wait(UPLOAD_WAIT_S) == 0, command.said
    command.end()
    assert command.shown == [f"{IMAGE} is on {cable.link}, verified"]
    uno.stop()
    assert uno.board.flash[: len(image.flash)] == image.flash


def test_an_upload_that_fails(start: Start, tmp_path: Path) -> None:
    port = str(tmp_path / "no-such-port")
    command = start("flash", str(IMAGE), "--port", port, "--avrdude", str(avrdude(tmp_path)))
    assert command.process.wait(UPLOAD_WAIT_S) == 1
    command.end()
    assert command.said[0].startswith(f"unobridge: the upload to {port} failed: ")
    assert command.said[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["/absent.hex"], "there is no image at /absent.hex"),
        ([__file__], "not an image: "),
        ([str(IMAGE), "--avrdude", "no-such-program"], "there is no no-such-program"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(start: Start, arguments: list[str], complaint: str) -> None:
    command = start("flash", *arguments, "--port", "x")
    assert command.process.wait(WAIT_S) == 1
    command.end()
    assert command.said[0].startswith(f"unobridge: {complaint}")
    assert command.said[1].startswith("hint: ")
