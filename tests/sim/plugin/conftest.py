"""Projects of other people: pytest in a folder of its own with the plugin, and a sketch to test."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "testing-your-firmware.md"
CORE_ARCHIVE = ROOT / ".pio/build/uno/libFrameworkArduino.a"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language in the document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document's sketch, compiled and linked with the Arduino core that `make firmware` has built."""
    usr = next(one for one in (ROOT / ".tools/debian/usr", Path("/usr")) if (one / "bin/avr-g++").exists())
    assert CORE_ARCHIVE.exists(), f"no Arduino core at {CORE_ARCHIVE}: run make firmware"
    arduino = usr / "share/arduino/hardware/arduino/avr"
    folder = tmp_path_factory.mktemp("greeter")
    (sketch,) = blocks("cpp")
    (folder / "greeter.cpp").write_text("#include <Arduino.h>\n" + sketch)
    elf = folder / "greeter.ino.elf"
    done = subprocess.run(
        [
            *("avr-g++", "-mmcu=atmega328p", "-DF_CPU=16000000L", "-Os", "-std=gnu++11"),
            *("-I", str(arduino / "cores/arduino"), "-I", str(arduino / "variants/standard")),
            *(str(folder / "greeter.cpp"), str(CORE_ARCHIVE), "-lm", "-o", str(elf)),
        ],
        env=os.environ | {"PATH": f"{usr / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return elf


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project whose pytest has this plugin alone."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = "-p unosim.pytest_plugin -p no:cacheprovider --strict-markers -W error"
    imported_before = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # by our own tests
    monkeypatch.setenv("PYTEST_ADDOPTS", f'{options} -W "{imported_before}"')
    return pytester
