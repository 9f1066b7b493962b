"""The portable part stays portable: what its files may include and call."""

import re
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
PORTABLE = sorted((FIRMWARE / "lib").rglob("*.[hc]*"))
ALLOWED = {
    "core": r'"(core|hal)/\w+\.h"|<stdint\.h>|<string\.h>',
    "hal": r"<stdint\.h>|<string\.h>|<avr/pgmspace\.h>",
}
FORBIDDEN_WORDS = re.compile(r"\b(delay|millis|micros|malloc|free|new|delete|String|float|double)\b")


def code_of(path: Path) -> str:
    """Return a source file without its comments and texts."""
    return re.sub(r'//[^\n]*|"[^"\n]*"', "", path.read_text())


def test_there_is_something_to_check() -> None:
    assert len(PORTABLE) > 20


@pytest.mark.parametrize("path", PORTABLE, ids=lambda path: path.name)
def test_includes(path: Path) -> None:
    library = path.relative_to(FIRMWARE / "lib").parts[0]
    includes = re.findall(r"^#include (\S+)", path.read_text(), re.MULTILINE)
    assert [name for name in includes if not re.fullmatch(ALLOWED[library], name)] == []


@pytest.mark.parametrize("path", PORTABLE, ids=lambda path: path.name)
def test_no_clock_no_heap_no_floating_point(path: Path) -> None:
    assert FORBIDDEN_WORDS.findall(code_of(path)) == []
