"""The judgement over an image, from what the binutils print."""

from pathlib import Path

import pytest
from image_budget.report import find_forbidden, judge

HEADERS = """
Sections:
Idx Name          Size      VMA       LMA       File off  Algn
  0 .data         00000058  00800100  00002338  000023cc  2**0
                  CONTENTS, ALLOC, LOAD, DATA
  1 .text         000003e8  00000000  00000000  00000094  2**1
                  CONTENTS, ALLOC, LOAD, READONLY, CODE
  2 .bss          000002ad  00800158  00800158  00002424  2**0
                  ALLOC
  3 .noinit       00000001  00800405  00800405  00002424  2**0
                  ALLOC
  4 .debug_info   000005f4  00000000  00000000  000024c0  2**0
"""
CODE = """
00000000 <__vectors>:
   0:\t0c 94 02 00 \tjmp\t0x4\t; 0x4 <main>

00000004 <main>:
   4:\t1f 92       \tpush\tr1
   6:\t1f 90       \tpop\tr1
   8:\tfd cf       \trjmp\t.-6      \t; 0x4 <main>
"""
DATA = """
Contents of section .data:
 800100 00000000 18010000 00000000 00000000  ................
 800110 00                                   .
"""


def run(command: list[str]) -> str:
    """Stand in for the binutils."""
    if command[0] == "avr-nm":
        return "00000004 T main\n"
    return {"-h": HEADERS, "-d": CODE, "-s": DATA}[command[1]]


FLASH_BYTES = 0x3E8 + 0x58
RAM_BYTES = 0x58 + 0x2AD + 1 + 1  # static, .noinit, one push


@pytest.mark.parametrize(
    ("flash_budget_bytes", "ram_budget_bytes", "complaint"),
    [
        (FLASH_BYTES, RAM_BYTES, ""),
        (FLASH_BYTES - 1, RAM_BYTES, "image: flash is 1 bytes over its budget\n"),
        (FLASH_BYTES, RAM_BYTES - 2, "image: RAM with stack is 2 bytes over its budget\n"),
    ],
)
def test_budgets(
    flash_budget_bytes: int, ram_budget_bytes: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = judge(Path("firmware.elf"), flash_budget_bytes, ram_budget_bytes, run)
    out, err = capsys.readouterr()
    assert out == (
        f"flash    1088 of {flash_budget_bytes} bytes\n"
        f"RAM       775 of {ram_budget_bytes} bytes: 774 static, 1 stack at most\n"
        "stack       1 bytes: main\n"
    )
    assert (code, err) == (1 if complaint else 0, complaint)


def test_an_unknown_depth_fails_the_build(capsys: pytest.CaptureFixture[str]) -> None:
    def run_recursive(command: list[str]) -> str:
        return run(command).replace("rjmp\t.-6      ", "rcall\t.-6") + "   a:\t08 95       \tret\n"

    assert judge(Path("firmware.elf"), 32256, 2048, run_recursive) == 1
    assert capsys.readouterr().err == "stack: recursion: main -> main\n"


@pytest.mark.parametrize(
    ("symbol", "forbidden"),
    [
        ("malloc", True),
        ("free", True),
        ("_Znwj", True),
        ("_Znaj", True),
        ("_ZdlPv", True),
        ("_ZdlPvj", True),
        ("_ZN6StringC1EPKc", True),
        ("_ZNK6String6equalsERKS_", True),
        ("printf", True),
        ("vfprintf", True),
        ("snprintf_P", True),
        ("__divsf3", True),
        ("__mulsf3", True),
        ("__floatunsisf", True),
        ("__udivdi3", True),
        ("main", False),
        ("memcpy_P", False),
        ("strnlen", False),
        ("__udivmodsi4", False),
        ("_ZN7unolink7Request4nextERh", False),
        ("freely", False),
    ],
)
def test_forbidden_functions(symbol: str, forbidden: bool) -> None:
    assert bool(find_forbidden([symbol])) == forbidden
