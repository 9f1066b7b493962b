"""Judge an image: flash, RAM and deepest stack against budgets, and functions that must not be linked.

Usable from a build script, or by hand with the AVR binutils in PATH:
`python tools/image_budget/report.py IMAGE.elf FLASH_BYTES RAM_BYTES`
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # when run by hand

from image_budget.listing import parse_contents, parse_disassembly, parse_section_sizes
from image_budget.stack import StackAnalysis, StackError, StackReport

FLASH_SECTIONS = (".text", ".data")
RAM_SECTIONS = (".data", ".bss", ".noinit")

# What must not be linked, as symbol patterns, and why.
FORBIDDEN = (
    (r"malloc|calloc|realloc|free", "no heap: 2 KB of RAM fragment"),
    (r"_Zn[wa]j.*|_Zd[la]Pv.*", "no heap: operator new or delete"),
    (r"_ZN6String.*|_ZNK6String.*", "no heap: Arduino's String"),
    (r"v?[fs]?n?(printf|scanf)(_P)?", "formatting by printf costs 1.5 KB and a deep stack"),
    (
        r"__(add|sub|mul|div)sf3|__fix(uns)?sf[sd]i|__float(un)?sisf|dtostrf|__ftoa_engine",
        "no floating point",
    ),
    (r"__(u)?(div|mod)di3", "no 64-bit division"),
)


@dataclass(frozen=True)
class Image:
    """What was measured.

    Args:
        flash_bytes: code and constants, with the initial values of variables.
        static_bytes: RAM taken before the program starts.
        stack: the deepest stack.
        forbidden: complaints about linked functions, empty if there are none.
    """

    flash_bytes: int
    static_bytes: int
    stack: StackReport
    forbidden: tuple[str, ...]

    @property
    def ram_bytes(self) -> int:
        """Static RAM and the deepest stack together."""
        return self.static_bytes + self.stack.stack_bytes


def find_forbidden(symbols: Iterable[str]) -> tuple[str, ...]:
    """Return one complaint for each linked function that must not be there."""
    return tuple(
        f"{symbol} is linked: {reason}"
        for symbol in sorted(set(symbols))
        for pattern, reason in FORBIDDEN
        if re.fullmatch(pattern, symbol)
    )


def measure(elf: Path, run: Callable[[list[str]], str]) -> Image:
    """Measure a linked image.

    Args:
        elf: the image with its symbols.
        run: starts one of the AVR binutils (`avr-objdump`, `avr-nm`) and returns what it printed.

    Raises:
        StackError: the deepest stack cannot be known.
    """
    sizes = parse_section_sizes(run(["avr-objdump", "-h", str(elf)]))
    program = parse_disassembly(run(["avr-objdump", "-d", "-C", str(elf)]))
    data = parse_contents(run(["avr-objdump", "-s", "-j", ".data", str(elf)]))
    symbols = (line.split()[-1] for line in run(["avr-nm", "--defined-only", str(elf)]).splitlines())
    return Image(
        sum(sizes.get(section, 0) for section in FLASH_SECTIONS),
        sum(sizes.get(section, 0) for section in RAM_SECTIONS),
        StackAnalysis(program, data).report(),
        find_forbidden(symbols),
    )


def lines(image: Image, flash_budget_bytes: int, ram_budget_bytes: int) -> Iterable[str]:
    """Yield the report for a person."""
    stack = image.stack
    yield f"flash  {image.flash_bytes:6} of {flash_budget_bytes} bytes"
    yield (
        f"RAM    {image.ram_bytes:6} of {ram_budget_bytes} bytes: "
        f"{image.static_bytes} static, {stack.stack_bytes} stack at most"
    )
    yield f"stack  {stack.program.stack_bytes:6} bytes: {' > '.join(stack.program.chain)}"
    if stack.interrupt.chain:
        yield f"     + {stack.interrupt.stack_bytes:6} bytes: interrupt {' > '.join(stack.interrupt.chain)}"
    if stack.indirect:
        yield f"stack  indirect calls are taken to reach each of: {', '.join(stack.indirect)}"


def complaints(image: Image, flash_budget_bytes: int, ram_budget_bytes: int) -> list[str]:
    """Return what is wrong with the image, empty if nothing is."""
    found = list(image.forbidden)
    if image.flash_bytes > flash_budget_bytes:
        found.append(f"flash is {image.flash_bytes - flash_budget_bytes} bytes over its budget")
    if image.ram_bytes > ram_budget_bytes:
        found.append(f"RAM with stack is {image.ram_bytes - ram_budget_bytes} bytes over its budget")
    return found


def judge(elf: Path, flash_budget_bytes: int, ram_budget_bytes: int, run: Callable[[list[str]], str]) -> int:
    """Print the report of an image and what is wrong with it.

    Args:
        elf: the image with its symbols.
        flash_budget_bytes: 0 to 32768.
        ram_budget_bytes: 0 to 2048; static RAM and stack together.
        run: as for `measure`.

    Returns:
        The exit code: 0, or 1 if something is wrong.
    """
    try:
        image = measure(elf, run)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    for line in lines(image, flash_budget_bytes, ram_budget_bytes):
        print(line, flush=True)  # before the complaints, which go to stderr
    wrong = complaints(image, flash_budget_bytes, ram_budget_bytes)
    for complaint in wrong:
        print(f"image: {complaint}", file=sys.stderr)
    return 1 if wrong else 0


def run_tool(command: list[str]) -> str:
    """Start a tool found in PATH and return its output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    raise SystemExit(judge(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), run_tool))
