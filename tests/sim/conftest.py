"""Sketches: compiled and linked with the Arduino core that `make firmware` has built, Serial included."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE_ARCHIVE = ROOT / ".pio/build/uno/libFrameworkArduino.a"

Sketch = Callable[..., Path]
"""Makes an ELF file of a sketch's text and the names of the libraries that come with the core."""


@pytest.fixture(scope="session")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Sketch:
    """Build an ELF file with debugging information; the same text once a session."""
    usr = next(one for one in (ROOT / ".tools/debian/usr", Path("/usr")) if (one / "bin/avr-g++").exists())
    assert CORE_ARCHIVE.exists(), f"no Arduino core at {CORE_ARCHIVE}: run make firmware"
    arduino = usr / "share/arduino/hardware/arduino/avr"
    folder = tmp_path_factory.mktemp("sketches")

    def build(text: str, *libraries: str) -> Path:
        sources = [arduino / "libraries" / name / "src" for name in libraries]
        elf = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.ino.elf"
        if elf.exists():
            return elf
        source = elf.with_suffix(".cpp")
        source.write_text("#include <Arduino.h>\n" + text)
        done = subprocess.run(
            [
                *("avr-g++", "-mmcu=atmega328p", "-DF_CPU=16000000L", "-Os", "-g", "-std=gnu++11"),
                *("-I", str(arduino / "cores/arduino"), "-I", str(arduino / "variants/standard")),
                *(option for folder in sources for option in ("-I", str(folder))),
                *(str(file) for folder in sources for file in folder.glob("*.cpp")),
                *(str(source), str(CORE_ARCHIVE), "-lm", "-o", str(elf)),
            ],
            env=os.environ | {"PATH": f"{usr / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return elf

    return build
