"""Where the CPU's cycles went, by function.

Rules: every cycle belongs to one row: a function of the ELF file's symbol table, code that no symbol covers,
or sleep. Entering an interrupt counts for its vector. A function's cycles are its own; those of what it calls
belong to what it calls, and what the compiler has put in line to whom it was put into.
"""

import bisect
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol, SymbolTableSection

FLASH_BYTES = 0x8000
ASLEEP = "(asleep)"
NO_SYMBOL = "(no symbol)"
_DEMANGLERS = ("avr-c++filt", "c++filt")
_RANKS = {
    ("STT_FUNC", "STB_GLOBAL"): 4,
    ("STT_FUNC", "STB_WEAK"): 3,
    ("STT_FUNC", "STB_LOCAL"): 2,
    ("STT_NOTYPE", "STB_GLOBAL"): 1,
}
"""Symbols that are code, labels within functions left out; of two at one address, the higher names it."""


class Row(NamedTuple):
    """One line of a profile."""

    name: str
    cycles: int


def functions_of(firmware: Path) -> list[tuple[int, str]]:
    """Return (byte address, name) of all code symbols of an ELF file, by address; none for another file."""
    try:
        with firmware.open("rb") as file:
            tables = [
                table for table in ELFFile(file).iter_sections() if isinstance(table, SymbolTableSection)
            ]
            symbols = [symbol for table in tables for symbol in table.iter_symbols() if _is_code(symbol)]
            named = {
                symbol["st_value"]: (symbol["st_value"], symbol.name)
                for symbol in sorted(symbols, key=lambda one: _RANKS[_kind(one)])
            }
    except ELFError:
        return []
    return [named[address] for address in sorted(named)]


def _kind(symbol: Symbol) -> tuple[str, str]:
    return symbol["st_info"]["type"], symbol["st_info"]["bind"]


def _is_code(symbol: Symbol) -> bool:
    in_a_section = isinstance(symbol["st_shndx"], int)
    return _kind(symbol) in _RANKS and in_a_section and symbol["st_value"] < FLASH_BYTES


def profile(cycles: Sequence[int], total: int, functions: Sequence[tuple[int, str]]) -> list[Row]:
    """Return the rows of a profile, the most expensive first.

    Args:
        cycles: spent at each word of flash, as `Observer.cycles` has them.
        total: CPU cycles that have passed.
        functions: as `functions_of` returns them.
    """
    spent: dict[str, int] = {}
    addresses = [address for address, _ in functions]
    for word, count in enumerate(cycles):
        if count:
            index = bisect.bisect_right(addresses, 2 * word) - 1
            name = functions[index][1] if index >= 0 else NO_SYMBOL
            spent[name] = spent.get(name, 0) + count
    awake = sum(spent.values())
    rows = [Row(name, count) for name, count in zip(demangled(spent), spent.values(), strict=True)]
    rows += [Row(ASLEEP, total - awake)] if total > awake else []
    return sorted(rows, key=lambda row: (-row.cycles, row.name))


def table(rows: Sequence[Row]) -> str:
    """Return a profile as a table for people, a row a line."""
    total = sum(row.cycles for row in rows)
    lines = [f"{'cycles':>14}  {'share':>6}  function"]
    lines += [f"{row.cycles:14,}  {row.cycles / total:6.1%}  {row.name}" for row in rows]
    return "\n".join(lines)


def demangled(names: Iterable[str]) -> list[str]:
    """Return C++ names as people write them, if binutils is here; as the linker has them, if not."""
    listed = list(names)
    program = next(filter(None, map(shutil.which, _DEMANGLERS)), None)
    if program is None or not listed:
        return listed
    done = subprocess.run([program], input="\n".join(listed), capture_output=True, text=True, check=False)
    readable = done.stdout.splitlines()
    return readable if len(readable) == len(listed) else listed
