"""What docs/simulated-uno.md promises: its blocks run, its table is complete."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from unosim.cli import main
from unosim.parts.catalogue import CATALOGUE

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "simulated-uno.md"
USR = next(one for one in (ROOT / ".tools/debian/usr", Path("/usr")) if (one / "bin/avr-gdb").exists())
WAIT_S = 60.0


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(sketch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (text,) = blocks("cpp")
    (tmp_path / "build").mkdir()
    shutil.copy(sketch(text, "EEPROM"), tmp_path / "build" / "weather.ino.elf")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def killed_at_the_end(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Or a failing assertion would wait for it for ever."""
    try:
        yield
    finally:
        process.kill()


def commands() -> list[list[str]]:
    return [shlex.split(text) for text in blocks("sh") if text.startswith("unosim run")]


def run(command: list[str]) -> Result:
    done = CliRunner().invoke(main, command[1:])
    assert done.exit_code == 0, done.stderr
    return done


@pytest.mark.usefixtures("folder")
def test_the_commands_run_and_show_what_the_page_shows() -> None:
    alone, with_sensor, failing, looked_into, _ = commands()
    first, second = blocks("text")
    without_times = re.compile(r"in .* times real time|[\d,]+(?= (bytes|of 2,048))")
    shown = run(alone)
    assert without_times.sub("", shown.stdout + shown.stderr) == without_times.sub("", first)
    assert run(with_sensor).stdout == second
    said = run(failing).stdout.split("\n")
    assert "21.0" in said
    assert "no sensor" in said
    assert "readSensor(unsigned char, unsigned char*)" in run(looked_into).stdout
    assert "D13" in Path("pins.vcd").read_text()


@pytest.mark.usefixtures("folder")
def test_the_debugger_session_runs() -> None:
    *_, command = commands()
    (script,) = blocks("gdb")
    command = [sys.executable, "-m", *command[:-1], "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as unosim,
        killed_at_the_end(unosim),
    ):
        assert unosim.stderr is not None
        found = re.search(r":(\d+)", unosim.stderr.readline())
        assert found
        lines = [f"target remote :{found[1]}", *script.splitlines()]
        done = subprocess.run(
            [
                str(USR / "bin/avr-gdb"),
                "-nx",
                "-batch",
                *(f"-ex={line}" for line in lines),
                "build/weather.ino.elf",
            ],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert unosim.wait(WAIT_S) == 0
    assert "$1 = 4 '\\004'" in done.stdout, done.stdout + done.stderr
    assert "Value returned is $2 = true" in done.stdout
    assert "Hardware watchpoint" in done.stdout
    assert re.search(r"^SREG +0x", done.stdout, re.MULTILINE)
    assert re.search(r"\d+ cycles, 3\.\d+ s", done.stderr)


@pytest.mark.usefixtures("folder")
def test_the_thousand_power_cuts_find_the_torn_byte(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    exec(compile(program, str(DOCUMENT), "exec"), {})  # noqa: S102  # the page's own program
    said = capsys.readouterr().out
    assert said.startswith("after 1000 cuts it starts as number [b'0', b'1'")
    assert len(said.split(",")) > 4


def test_every_part_and_field_is_in_the_table() -> None:
    rows = {
        row.split("|")[1].strip(" `"): row
        for row in DOCUMENT.read_text().splitlines()
        if row.startswith("| `")
    }
    assert set(rows) >= {*CATALOGUE, "csv"}
    for name, entry in CATALOGUE.items():
        named = rows["dht22" if name == "dht11" else name]
        for field, value in entry.fields.items():
            assert f"`{field}={value:g}`" in named, (name, field)


def test_every_option_is_on_the_page() -> None:
    page = DOCUMENT.read_text()
    for parameter in main.commands["run"].params:
        names = set(parameter.opts) - {"--link", "--at"}
        assert all(name in page for name in names), names
