"""What docs/testing-your-firmware.md promises: its blocks run, its tables are complete."""

import shutil
from pathlib import Path

import pytest

from sim.plugin.conftest import DOCUMENT, blocks
from unosim.faults import CATALOGUE


def test_every_block_runs_as_it_stands(project: pytest.Pytester, greeter: Path) -> None:
    (ini,) = blocks("ini")
    project.path.joinpath("pytest.ini").write_text(ini)
    project.mkdir("build")
    shutil.copy(greeter, project.path / "build")
    (conftest,) = (block for block in blocks("python") if "def test_" not in block)
    tests = [block for block in blocks("python") if block is not conftest and "def test_" in block]
    assert len(tests) == 4
    for number, block in enumerate(tests):
        project.path.joinpath(f"test_{number}.py").write_text(block)
    outcomes = project.runpytest_subprocess().parseoutcomes()
    assert outcomes == {"passed": sum(block.count("def test_") for block in tests) + 3}

    project.makeconftest(conftest)
    result = project.runpytest_inprocess("test_1.py")
    result.stdout.fnmatch_lines(['*AT+CWJAP_CUR="unolink","[*]*0"*'])


def test_every_fault_is_in_the_table() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    for name in CATALOGUE:
        assert any(f"`{name}`" in row.split("|")[1] for row in rows), name
