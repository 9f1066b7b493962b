"""avr-gdb itself, from Debian's package, on a sketch."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
USR = next(one for one in (ROOT / ".tools/debian/usr", Path("/usr")) if (one / "bin/avr-gdb").exists())
WAIT_S = 60.0

SKETCH = """
volatile unsigned counter;
volatile byte shown;
int table[4] = {1, 2, 3, 4};
__attribute__((noinline)) unsigned twice(unsigned n)
{
    return 2 * n;
}
void setup()
{
    Serial.begin(115200);
}
void loop()
{
    counter++;
    shown = twice(counter) & 255;
    if (counter % 256 == 0)
        Serial.println("tick");
    delayMicroseconds(900);
}
"""
Process = subprocess.Popen[str]


@pytest.fixture
def elf(sketch: Callable[..., Path]) -> Path:
    return sketch(SKETCH)


@pytest.fixture
def unosim(elf: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "unosim", "run", "--firmware", str(elf), "--gdb", "0", "--for", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def port_of(process: Process) -> str:
    assert process.stderr is not None
    found = re.search(r"target remote :(\d+)", process.stderr.readline())
    assert found
    return found[1]


@contextmanager
def avr_gdb(elf: Path, port: str, script: str) -> Iterator[Process]:
    """Run the debugger with a script of commands, after it has connected."""
    file = elf.with_suffix(".gdb")
    file.write_text(
        f"set confirm off\nset height 0\ntarget remote 127.0.0.1:{port}\necho ----\\n\n{script}\n"
    )
    command = [str(USR / "bin/avr-gdb"), "-nx", "-batch", "-x", str(file), str(elf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def debugged(elf: Path, unosim: Process, script: str) -> list[str]:
    """What avr-gdb prints for its commands, the chatter of the connection left out."""
    with avr_gdb(elf, port_of(unosim), script) as process:
        said, _ = process.communicate(timeout=WAIT_S)
    head, mark, shown = said.partition("----\n")
    assert mark, head
    return shown.splitlines()


def values(shown: list[str]) -> list[str]:
    """What `print` printed."""
    return [match[1] for line in shown if (match := re.match(r"\$\d+ = (.*)", line))]


def test_breakpoints_and_variables(elf: Path, unosim: Process) -> None:
    script = """
        break twice
        continue
        print n
        print counter
        print table
        set var counter = 40
        set var table[2] = -7
        continue
        continue
        print n
        print table
        up
        info locals
        delete
        detach
    """
    shown = debugged(elf, unosim, script)
    assert values(shown) == ["1", "1", "{1, 2, 3, 4}", "42", "{1, 2, -7, 4}"]
    assert sum("Breakpoint 1, twice" in line for line in shown) == 3
    assert any(re.match(r"#1  0x\w+ in loop \(\)", line) for line in shown)
    assert "[Inferior 1 (Remote target) detached]" in shown


def test_finish_until_and_the_registers(elf: Path, unosim: Process) -> None:
    script = """
        break twice
        continue
        finish
        print $r24 + 256 * $r25
        print/x $SP
        print/x *(unsigned char *)0x80005d + 256 * *(unsigned char *)0x80005e
        set $r24 = 7
        stepi
        stepi
        next
        print shown
        x/xb 0x810000
        kill
    """
    shown = debugged(elf, unosim, script)
    assert "Value returned is $1 = 2" in shown
    r24, sp, sp_in_memory, stored = values(shown)
    assert (r24, stored) == ("2", "7 '\\a'")
    assert sp == sp_in_memory
    assert any(line.endswith(":\t0xff") for line in shown)
    assert unosim.wait(WAIT_S) == 0


def test_steps_never_end_in_an_interrupt(elf: Path, unosim: Process) -> None:
    """Of 900 us of busy waiting a loop, most see the tick of timer 0 pass."""
    script = """
        break loop
        continue
        delete
        set $n = 0
        while $n < 60
        next
        info symbol $pc
        set $n = $n + 1
        end
        print counter
        set $n = 0
        while $n < 400
        stepi
        info symbol $pc
        set $n = $n + 1
        end
        detach
    """
    shown = debugged(elf, unosim, script)
    functions = [text.split()[0] for text in shown if " in section .text" in text]
    assert len(functions) == 60 + 400
    assert set(functions) <= {"loop", "main", "delayMicroseconds", "twice(unsigned", "serialEventRun()"}
    assert int(values(shown)[0]) > 5


def test_a_watchpoint_stops_at_the_store(elf: Path, unosim: Process) -> None:
    script = """
        watch shown
        continue
        continue
        print shown
        print counter
        detach
    """
    shown = debugged(elf, unosim, script)
    assert sum("Hardware watchpoint 1: shown" in line for line in shown) == 3
    assert values(shown) == ["2 '\\002'", "1"]  # the first stop is the startup code that clears it


def test_ctrl_c_stops_a_running_program_and_detaching_lets_it_run(elf: Path, unosim: Process) -> None:
    assert unosim.stdout is not None
    with avr_gdb(elf, port_of(unosim), "continue\nprint counter > 0\nmonitor time\ndetach") as process:
        assert unosim.stdout.readline() == "tick\n"  # it runs
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=WAIT_S)
    assert "received signal SIGINT" in said
    assert values(said.splitlines()) == ["true"]
    assert re.search(r"\d+ cycles, 0\.\d{9} s", said)
    assert unosim.stdout.readline() == "tick\n"
    unosim.send_signal(signal.SIGINT)
    _, complaints = unosim.communicate(timeout=WAIT_S)
    assert unosim.returncode == 0
    assert "the debugger has left" in complaints


def test_a_debugger_that_dies_lets_the_program_run_and_another_may_come(elf: Path, unosim: Process) -> None:
    assert unosim.stdout is not None
    port = port_of(unosim)
    with avr_gdb(elf, port, "break twice\ncontinue\necho here\\n\nshell kill -9 $PPID") as process:
        process.communicate(timeout=WAIT_S)
    assert unosim.stdout.readline() == "tick\n"  # no breakpoint holds it
    reset = "monitor reset\nmaintenance flush register-cache"  # or avr-gdb shows what it knew before
    with avr_gdb(elf, port, f"break twice\ncontinue\nprint n > 256\n{reset}\nprint $pc\nkill") as process:
        said, _ = process.communicate(timeout=WAIT_S)
    assert values(said.splitlines()) == ["true", "(void (*)(void)) 0x0 <__vectors>"]
    assert unosim.wait(WAIT_S) == 0


def test_whoever_is_no_debugger_is_sent_away(elf: Path, unosim: Process) -> None:
    port = port_of(unosim)
    with socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT_S) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert browser.recv(1) == b""
    with avr_gdb(elf, port, "print $pc\nkill") as process:
        said, _ = process.communicate(timeout=WAIT_S)
    assert values(said.splitlines())
    assert "SIG" not in said
    assert unosim.wait(WAIT_S) == 0
