"""Small programs, as avr-objdump prints them, and the deepest stack that each can reach."""

import re

import pytest
from image_budget.listing import Program, parse_disassembly
from image_budget.stack import StackAnalysis, StackError, StackReport

# name, then instructions: one a line, every one two bytes long except those with an absolute address.
LONG = ("jmp", "call", "lds", "sts")


def listing(source: str) -> str:
    """Assemble a listing: `name:` lines, and instructions whose `@name` operands become addresses."""
    lines = [line.split("#")[0].strip() for line in source.strip().splitlines()]
    addresses: dict[str, int] = {}
    address = 0
    for line in lines:
        if line.endswith(":"):
            addresses[line[:-1]] = address
        elif line:
            address += 4 if line.split()[0] in LONG else 2
    out = []
    address = 0
    for line in lines:
        if line.endswith(":"):
            out.append(f"\n{address:08x} <{line[:-1]}>:")
        elif line:
            mnemonic, _, operands = line.partition(" ")
            size = 4 if mnemonic in LONG else 2
            for name in re.findall(r"@(\w+)", operands):
                relative = f".{addresses[name] - address - 2:+d}"
                operands = operands.replace(
                    f"@{name}",
                    relative if size == 2 else f"0x{addresses[name]:x}\t; 0x{addresses[name]:x} <{name}>",
                )
            raw = "00 00 " * (size // 2)
            out.append(f"{address:8x}:\t{raw}      \t{mnemonic}\t{operands}")
            address += size
    return "\n".join(out)


def program(source: str) -> Program:
    return parse_disassembly(listing(source))


def report(source: str, data: bytes = b"") -> StackReport:
    """Analyse `source` behind a reset vector that leads to `main`."""
    return StackAnalysis(program("__vectors:\njmp @main\n" + source), data).report()


FRAME_OF_10 = """
    push r28
    push r29
    in r28, 0x3d
    in r29, 0x3e
    sbiw r28, 0x0a
    in r0, 0x3f
    cli
    out 0x3e, r29
    out 0x3f, r0
    out 0x3d, r28
    {body}
    adiw r28, 0x0a
    in r0, 0x3f
    cli
    out 0x3e, r29
    out 0x3f, r0
    out 0x3d, r28
    pop r29
    pop r28
    ret
"""

# As -mcall-prologues has it: f saves the last `saved` of 18 registers and makes a frame of 10 bytes.
SHARED_PROLOGUE = (
    """
main:
    call @f
    ret
f:
    {size}
    ldi r27, 0x00
    ldi r30, {low}
    ldi r31, 0x00
    jmp {entry}
body:
    push r1
    pop r1
    adiw r28, 0x0a
    ldi r30, {saved}
    nop
    add r28, r30
    adc r29, r1
    out 0x3e, r29
    out 0x3d, r28
    ret
__prologue_saves__:
"""
    + 18 * " push r2\n"
)


def shared_prologue(saved: int, size: str = "ldi r26, 0x0A") -> str:
    """Return the program whose f saves so many registers."""
    places = program(SHARED_PROLOGUE.format(size=size, low="0x00", entry="0x0", saved=0)).symbols
    address = {name: place + 4 for place, name in places.items()}  # behind the vector
    return SHARED_PROLOGUE.format(
        size=size,
        low=f"0x{address['body'] // 2:02X}",
        entry=f"0x{address['__prologue_saves__'] + 2 * (18 - saved):x}",
        saved=f"0x{saved:02X}",
    )


DEPTHS = {
    "nothing": ("main:\n nop\n ret", 0),
    "the shared prologue, two registers": (shared_prologue(2), 2 + 2 + 10 + 1),
    "the shared prologue, all registers": (shared_prologue(18), 2 + 18 + 10 + 1),
    "pushes": ("main:\n push r28\n push r29\n pop r29\n pop r28\n ret", 2),
    "a call is two bytes": ("main:\n call @f\n ret\n f:\n ret", 2),
    "a relative call too": ("main:\n rcall @f\n ret\n f:\n push r1\n pop r1\n ret", 3),
    "pushes before a call": ("main:\n push r1\n call @f\n pop r1\n ret\n f:\n push r2\n pop r2\n ret", 4),
    "the deeper of two calls": (
        "main:\n call @f\n call @g\n ret\n f:\n ret\n g:\n push r1\n push r2\n pop r2\n pop r1\n ret",
        4,
    ),
    "a branch both ways": ("main:\n breq @out\n push r1\n pop r1\n out:\n ret", 1),
    "a skip both ways": ("main:\n sbrc r24, 0\n call @f\n ret\n f:\n push r1\n pop r1\n ret", 3),
    "a tail call": ("main:\n jmp @f\n f:\n push r1\n pop r1\n ret", 1),
    "a loop": ("main:\n push r1\n again:\n dec r1\n brne @again\n pop r1\n ret", 1),
    "no end": ("main:\n push r1\n again:\n rjmp @again", 1),
    "a frame": ("main:\n" + FRAME_OF_10.format(body="nop"), 12),
    "a frame and a call": ("main:\n" + FRAME_OF_10.format(body="call @f") + "f:\n ret", 14),
    "a frame by rcall": ("main:\n rcall .+0\n push r1\n pop r0\n pop r0\n pop r0\n ret", 3),
    "a weak function that is absent": ("main:\n call 0x0\n ret", 2),
    "the start of the stack": (
        "main:\n ldi r28, 0xFF\n ldi r29, 8\n out 0x3e, r29\n out 0x3d, r28\n call @f\n rjmp .-2\n f:\n ret",
        2,
    ),
}


@pytest.mark.parametrize(("source", "stack_bytes"), DEPTHS.values(), ids=DEPTHS.keys())
def test_depth(source: str, stack_bytes: int) -> None:
    assert report(source).stack_bytes == stack_bytes


def test_big_frames_are_subtracted_in_two_bytes() -> None:
    source = FRAME_OF_10.format(body="nop")
    source = source.replace("sbiw r28, 0x0a", "subi r28, 0x2c\n sbci r29, 0x01")  # 300
    source = source.replace("adiw r28, 0x0a", "subi r28, 0xd4\n sbci r29, 0xfe")  # -300
    assert report("main:\n" + source).stack_bytes == 302


ERRORS = {
    "recursion": (
        "main:\n call @f\n ret\n f:\n call @g\n ret\n g:\n call @f\n ret",
        "recursion: main -> f -> g -> f",
    ),
    "a frame of unknown size": (shared_prologue(4, "ldd r26, Z+3"), "is not a number"),
    "an epilogue that restores too little": (
        shared_prologue(4).replace("ldi r30, 0x04", "ldi r30, 0x03"),
        "return at 0x.* with 1 bytes",
    ),
    "alloca": ("main:\n in r24, 0x3d\n out 0x3d, r24\n ret", "dynamic stack"),
    "Y overwritten": (
        "main:\n in r28, 0x3d\n in r29, 0x3e\n ldd r28, Z+3\n out 0x3d, r28\n ret",
        "dynamic stack",
    ),
    "a pop missing": ("main:\n push r1\n ret", "return at 0x6 with 1 bytes"),
    "paths that disagree": (
        "main:\n breq @over\n push r1\n over:\n nop\n ret",
        "paths meet at 0x8 with 0 and 1 bytes",
    ),
    "a jump table": ("main:\n ijmp", "jump table"),
    "no code": ("main:\n nop", "there is no code"),
}


@pytest.mark.parametrize(("source", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_what_cannot_be_known_is_an_error(source: str, message: str) -> None:
    with pytest.raises(StackError, match=message):
        report(source)


INTERRUPTS = """
__vectors:
    jmp @main
    jmp @unused
    jmp @small
    jmp @big
unused:
    jmp 0x0
main:
    push r1
    pop r1
    rjmp .-2
small:
    push r1
    pop r1
    reti
big:
    push r1
    call @f
    pop r1
    reti
f:
    {f}
    ret
"""


def test_the_deepest_interrupt_comes_on_top() -> None:
    found = StackAnalysis(program(INTERRUPTS.format(f="nop"))).report()
    assert (found.program.stack_bytes, found.interrupt.stack_bytes, found.stack_bytes) == (1, 5, 6)
    assert found.interrupt.chain == ("big", "f")


def test_interrupts_that_can_nest_are_an_error() -> None:
    with pytest.raises(StackError, match="big enables interrupts"):
        StackAnalysis(program(INTERRUPTS.format(f="sei"))).report()


INDIRECT = """main:
    icall
    ret
by_table:
    push r1
    push r2
    pop r2
    pop r1
    ret
by_load:
    push r1
    pop r1
    ret
direct:
    push r1
    push r2
    push r3
    pop r3
    pop r2
    pop r1
    ret
"""


def test_an_indirect_call_reaches_every_function_whose_address_is_taken() -> None:
    addresses = {
        name: address for address, name in program("__vectors:\njmp @main\n" + INDIRECT).symbols.items()
    }
    table = b"\xff" + (addresses["by_table"] // 2).to_bytes(2, "little")
    assert report(INDIRECT, data=table).stack_bytes == 4
    assert report(INDIRECT, data=table).indirect == ("by_table",)

    word = addresses["by_load"] // 2
    load = f"loader:\n ldi r24, 0x{word & 0xFF:02X}\n ldi r25, 0x{word >> 8:02X}\n ret\n"
    assert report(INDIRECT + load).indirect == ("by_load",)
    assert report(INDIRECT + load).stack_bytes == 3


def test_the_chain_names_the_way_to_the_deepest_point() -> None:
    found = report("main:\n call @f\n ret\n f:\n call @g\n ret\n g:\n push r1\n pop r1\n ret")
    assert found.program.chain == ("main", "f", "g")
