"""Projects of other people: pytest in a folder of its own with the plugin, and a sketch to test."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "testing-your-firmware.md"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language in the document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def greeter(sketch: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document's sketch, by the name that the document gives it."""
    (text,) = blocks("cpp")
    return Path(shutil.copy(sketch(text), tmp_path_factory.mktemp("greeter") / "greeter.ino.elf"))


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project whose pytest has this plugin alone."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = "-p unosim.pytest_plugin -p no:cacheprovider --strict-markers -W error"
    imported_before = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # by our own tests
    monkeypatch.setenv("PYTEST_ADDOPTS", f'{options} -W "{imported_before}"')
    return pytester
