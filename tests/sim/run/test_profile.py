"""Which function a cycle belongs to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.run.profile import Row, demangled, functions_of, profile, table

FUNCTIONS = [(0x10, "first"), (0x20, "second")]


def spent(**at: int) -> list[int]:
    """Cycles by word of flash; the names are byte addresses, such as x10."""
    cycles = [0] * 0x4000
    for name, count in at.items():
        cycles[int(name[1:], 16) // 2] = count
    return cycles


@pytest.mark.parametrize(
    ("cycles", "total", "rows"),
    [
        (spent(x10=5, x1e=6), 11, [Row("first", 11)]),
        (spent(x20=5, x7ffe=6), 20, [Row("second", 11), Row("(asleep)", 9)]),
        (spent(x0=7, x10=7), 14, [Row("(no symbol)", 7), Row("first", 7)]),
        (spent(), 0, []),
    ],
)
def test_every_cycle_is_in_one_row(cycles: list[int], total: int, rows: list[Row]) -> None:
    assert profile(cycles, total, FUNCTIONS) == rows


def test_a_table_for_people() -> None:
    assert table([Row("loop", 15_000), Row("main", 1_000)]).splitlines() == [
        "        cycles   share  function",
        "        15,000   93.8%  loop",
        "         1,000    6.2%  main",
    ]
    assert table([]) == "        cycles   share  function"


def test_functions_are_named_as_people_write_them(sketch: Callable[..., Path]) -> None:
    text = """
        namespace lab { __attribute__((noinline)) int twice(int n) { return 2 * n; } }
        volatile int n;
        void setup() { n = lab::twice(n); }
        void loop() {}
    """
    functions = functions_of(sketch(text))
    names = [name for _, name in functions]
    assert "_ZN3lab5twiceEi" in names
    assert "main" in names
    assert not any(name.startswith((".", "_Z1n")) for name in names)
    assert "n" not in names  # data
    assert [address for address, _ in functions] == sorted(address for address, _ in functions)
    assert demangled(["_ZN3lab5twiceEi", "main"]) in (
        ["lab::twice(int)", "main"],
        ["_ZN3lab5twiceEi", "main"],
    )


def test_without_a_demangler_names_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert demangled(["_ZN3lab5twiceEi"]) == ["_ZN3lab5twiceEi"]


def test_a_file_without_names(tmp_path: Path) -> None:
    file = tmp_path / "image.hex"
    file.write_text(":00000001FF\n")
    assert functions_of(file) == []
