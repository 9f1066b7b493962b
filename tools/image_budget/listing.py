"""Read what avr-objdump prints about an image: instructions, symbols, section sizes, section contents.

Rules: text in, plain values out; no process is started here and nothing is judged. Only the parts of
objdump's output that the reports need are read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SYMBOL = re.compile(r"^([0-9a-f]{8}) <(.+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t?([.\w]*)\s*([^;]*)")
_SECTION = re.compile(r"^\s*\d+ (\.\S+)\s+([0-9a-f]{8})\s+([0-9a-f]{8})")
_CONTENTS = re.compile(r"^ ([0-9a-f]+) ((?:[0-9a-f]+ ){1,4}) ")


@dataclass(frozen=True)
class Instruction:
    """One instruction, or two bytes of a table that objdump took for one.

    Args:
        address: of the first byte, in program memory.
        raw: 2 or 4 bytes.
        mnemonic: as objdump writes it, for example `rcall`.
        operands: as objdump writes them, for example `("r28", "0x3d")`.
    """

    address: int
    raw: bytes
    mnemonic: str
    operands: tuple[str, ...]

    @property
    def next_address(self) -> int:
        """The address behind this instruction."""
        return self.address + len(self.raw)

    @property
    def target(self) -> int:
        """Where a direct jump, call or branch leads: `0x1a2`, or `.+4` from the next instruction."""
        operand = self.operands[-1]
        return self.next_address + int(operand[1:]) if operand.startswith(".") else int(operand, 0)


@dataclass(frozen=True)
class Program:
    """The code of an image.

    Args:
        instructions: by address.
        symbols: the first name that objdump gives an address, by address.
    """

    instructions: Mapping[int, Instruction]
    symbols: Mapping[int, str]

    def address_of(self, name: str) -> int | None:
        """Return the address of a symbol, or None if objdump did not name it."""
        return next((address for address, symbol in self.symbols.items() if symbol == name), None)

    def name_at(self, address: int) -> str:
        """Name an address for a person."""
        return self.symbols.get(address, f"0x{address:x}")


def parse_disassembly(text: str) -> Program:
    """Read the output of `avr-objdump -d`.

    Args:
        text: everything it printed.

    Returns:
        The program; empty if there was no code.
    """
    instructions: dict[int, Instruction] = {}
    symbols: dict[int, str] = {}
    for line in text.splitlines():
        if match := _SYMBOL.match(line):
            symbols.setdefault(int(match[1], 16), match[2])
        elif match := _INSTRUCTION.match(line):
            operands = tuple(operand.strip() for operand in match[4].split(",") if operand.strip())
            address = int(match[1], 16)
            instructions[address] = Instruction(address, bytes.fromhex(match[2]), match[3], operands)
    return Program(instructions, symbols)


def parse_section_sizes(text: str) -> dict[str, int]:
    """Read the output of `avr-objdump -h`: bytes by section name."""
    return {match[1]: int(match[2], 16) for line in text.splitlines() if (match := _SECTION.match(line))}


def parse_contents(text: str) -> bytes:
    """Read the output of `avr-objdump -s -j SECTION`: the section's bytes."""
    return b"".join(bytes.fromhex(match[2]) for line in text.splitlines() if (match := _CONTENTS.match(line)))
