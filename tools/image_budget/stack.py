"""The deepest stack an AVR image can reach, found by following its machine code.

Every path from the reset vector and from each interrupt vector is followed, through branches, calls and
jumps (so tail calls need no rule of their own). Along a path the depth is known exactly: PUSH and POP move
it by one; a call puts a return address of two bytes (ATmega328P: 16-bit program counter); a frame is made
by copying SP to Y, changing Y and copying it back, by an RCALL to the next instruction, or by the shared
prologue of -mcall-prologues, to which a function jumps with the size of its frame in X and the place where
it goes on in Z (the shared epilogue adds to Y what it gets in r30). One interrupt can come on top, when the
program is deepest: the deepest one is added. It cannot nest unless it enables interrupts, which is an error
here.

Rules: what cannot be known is an error, never a guess: SP loaded from anything but Y, paths that meet at
different depths, RET with something left on the stack, recursion. An indirect call may reach every function
whose address is taken anywhere, and the report says so; an indirect jump may only be the startup code's
walk over the constructors, else it is a jump table and an error (build with -fno-jump-tables).

A call or jump to address 0 is a weak function that was not linked, or a restart: the path ends there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from image_budget.listing import Instruction, Program

RETURN_ADDRESS_BYTES = 2
VECTOR_BYTES = 4
SP_LOW = "0x3d"  # I/O address of SPL
Y_LOW, Y_HIGH = "r28", "r29"
ZERO = "r1"  # holds 0 in all code of the compiler
SKIPS = frozenset({"cpse", "sbic", "sbis", "sbrc", "sbrs"})
# Their first operand is read, not written.
READ_ONLY = frozenset({"bst", "cp", "cpc", "cpi", "out", "push", "st", "std", "sts", "tst"}) | SKIPS
PROLOGUE = "__prologue_saves__"
PROLOGUE_PUSHES = 18
CONSTANT = -1  # Y holds a number from the program: the startup code is about to begin the stack


class StackError(Exception):
    """The deepest stack of this image cannot be known."""


@dataclass(frozen=True)
class Depth:
    """How deep the stack gets from one entry.

    Args:
        stack_bytes: at its deepest, not counting the entry's own return address.
        chain: the calls that lead there, outermost first.
    """

    stack_bytes: int
    chain: tuple[str, ...]


@dataclass(frozen=True)
class StackReport:
    """The deepest stack of an image.

    Args:
        program: from the reset vector.
        interrupt: the deepest interrupt routine with its return address; its chain is empty if there is none.
        indirect: functions taken into account because their address is taken and an indirect call exists.
    """

    program: Depth
    interrupt: Depth
    indirect: tuple[str, ...]

    @property
    def stack_bytes(self) -> int:
        """Program and interrupt together."""
        return self.program.stack_bytes + self.interrupt.stack_bytes


@dataclass
class _State:
    """What is known before an instruction: bytes on the stack, and how many there would be with SP = Y."""

    depth: int
    y_depth: int | None = None
    y_low: int = 0  # of a 16-bit change of Y, while only its low byte has been seen
    loaded: dict[str, int] = field(default_factory=dict)  # what LDI has put into registers


@dataclass(frozen=True)
class _Function:
    """One entry's own code: its depth without calls, and its calls as (callee, depth at its entry)."""

    own_bytes: int
    calls: tuple[tuple[int, int], ...]
    enables_interrupts: bool


@dataclass
class StackAnalysis:
    """Follows the code of one image.

    Args:
        program: the code.
        data: contents of .data, where tables of function pointers lie (virtual functions, callbacks).
    """

    program: Program
    data: bytes = b""
    _functions: dict[int, _Function] = field(default_factory=dict)
    _depths: dict[int, Depth] = field(default_factory=dict)
    _has_indirect_call: bool = False

    def report(self) -> StackReport:
        """Follow everything that can run.

        Raises:
            StackError: something cannot be known; the message says what and where.
        """
        program = self.depth_from(self.program.instructions[0].target)
        interrupt = Depth(0, ())
        for entry in self._interrupt_entries():
            if any(self._function(called).enables_interrupts for called in self._reachable(entry)):
                raise StackError(
                    f"interrupt {self.program.name_at(entry)} enables interrupts, so it can nest"
                )
            inner = self.depth_from(entry)
            if inner.stack_bytes + RETURN_ADDRESS_BYTES > interrupt.stack_bytes:
                interrupt = Depth(inner.stack_bytes + RETURN_ADDRESS_BYTES, inner.chain)
        indirect = self._address_taken() if self._has_indirect_call else ()
        return StackReport(program, interrupt, tuple(self.program.name_at(entry) for entry in indirect))

    def depth_from(self, entry: int, callers: tuple[int, ...] = ()) -> Depth:
        """Return the deepest stack from one entry on.

        Args:
            entry: address of its first instruction.
            callers: entries that led here, outermost first; a repetition is recursion.

        Raises:
            StackError: something cannot be known.
        """
        if entry in callers:
            cycle = " -> ".join(self.program.name_at(caller) for caller in (*callers, entry))
            raise StackError(f"recursion: {cycle}")
        if entry not in self._depths:
            name = self.program.name_at(entry)
            function = self._function(entry)
            deepest = Depth(function.own_bytes, (name,))
            for callee, depth in function.calls:
                inner = self.depth_from(callee, (*callers, entry))
                if depth + inner.stack_bytes >= deepest.stack_bytes:
                    deepest = Depth(depth + inner.stack_bytes, (name, *inner.chain))
            self._depths[entry] = deepest
        return self._depths[entry]

    def _interrupt_entries(self) -> list[int]:
        """Return where the vectors after the reset vector lead, without those that restart the program."""
        entries = []
        address = VECTOR_BYTES
        while address not in self.program.symbols and (vector := self.program.instructions.get(address)):
            handler = self._instruction_at(vector.target)
            if not (handler.mnemonic in {"jmp", "rjmp"} and handler.target == 0):
                entries.append(vector.target)
            address += VECTOR_BYTES
        return entries

    def _reachable(self, entry: int) -> set[int]:
        found: set[int] = set()
        todo = [entry]
        while todo:
            current = todo.pop()
            if current not in found:
                found.add(current)
                todo.extend(callee for callee, _ in self._function(current).calls)
        return found

    def _function(self, entry: int) -> _Function:
        if entry not in self._functions:
            self._functions[entry] = self._follow(entry)
        return self._functions[entry]

    def _follow(self, entry: int) -> _Function:
        """Walk all paths of one function, and every function that it jumps into."""
        seen: dict[int, tuple[int, int | None]] = {}
        todo = [(entry, _State(0))]
        calls: dict[tuple[int, int], None] = {}
        deepest, enables_interrupts = 0, False
        while todo:
            address, state = todo.pop()
            if address in seen and seen[address][0] != state.depth:
                raise StackError(
                    f"paths meet at 0x{address:x} with {seen[address][0]} and {state.depth} bytes"
                )
            if address in seen and seen[address][1] in {state.y_depth, None}:
                continue
            if address in seen:
                state.y_depth = None  # two paths disagree on Y; it may still be needed by neither
            seen[address] = (state.depth, state.y_depth)
            instruction = self._instruction_at(address)
            enables_interrupts |= instruction.mnemonic == "sei"
            for callee in self._callees(instruction):
                calls[callee, state.depth + RETURN_ADDRESS_BYTES] = None
            if instruction.mnemonic in {"call", "rcall", "icall"}:
                deepest = max(deepest, state.depth + RETURN_ADDRESS_BYTES)
            if instruction.mnemonic == "ijmp":
                calls.update({(callee, state.depth): None for callee in self._constructors(instruction)})
            _change(instruction, state)
            successors = tuple(self._successors(instruction))
            if self._enters_prologue(instruction):
                successors = (self._pass_prologue(instruction, state),)
            deepest = max(deepest, state.depth)
            todo.extend((following, replace(state, loaded=dict(state.loaded))) for following in successors)
        return _Function(deepest, tuple(calls), enables_interrupts)

    def _enters_prologue(self, instruction: Instruction) -> bool:
        start = self.program.address_of(PROLOGUE)
        if start is None or instruction.mnemonic not in {"jmp", "rjmp"}:
            return False
        return start <= instruction.target <= start + 2 * PROLOGUE_PUSHES

    def _pass_prologue(self, jump: Instruction, state: _State) -> int:
        """Save the registers, make the frame and return where the function goes on."""
        start = self.program.address_of(PROLOGUE)
        if start is None or not {"r26", "r27", "r30", "r31"} <= state.loaded.keys():
            raise StackError(f"dynamic stack: the frame at 0x{jump.address:x} is not a number")
        loaded = state.loaded
        state.depth += PROLOGUE_PUSHES - (jump.target - start) // 2 + (loaded["r27"] << 8 | loaded["r26"])
        state.y_depth = state.depth
        return 2 * (loaded["r31"] << 8 | loaded["r30"])

    def _instruction_at(self, address: int) -> Instruction:
        if address not in self.program.instructions:
            raise StackError(f"a path leads to 0x{address:x}, where there is no code")
        return self.program.instructions[address]

    def _successors(self, instruction: Instruction) -> Iterator[int]:
        """Yield where the same function goes on."""
        mnemonic = instruction.mnemonic
        if mnemonic in {"ret", "reti", "ijmp"}:
            return
        if mnemonic in {"jmp", "rjmp"}:
            if instruction.target not in {0, instruction.address}:
                yield instruction.target
            return
        yield instruction.next_address
        if mnemonic.startswith("br") and mnemonic != "break":
            yield instruction.target
        elif mnemonic in SKIPS:
            yield self._instruction_at(instruction.next_address).next_address

    def _callees(self, instruction: Instruction) -> tuple[int, ...]:
        if instruction.mnemonic == "icall":
            self._has_indirect_call = True
            return self._address_taken()
        is_call = instruction.mnemonic == "call" or (
            instruction.mnemonic == "rcall" and instruction.target != instruction.next_address
        )
        return (instruction.target,) if is_call and instruction.target != 0 else ()

    def _constructors(self, instruction: Instruction) -> tuple[int, ...]:
        """Return what an indirect jump may reach; only libgcc's walk over the constructors may have one."""
        start, end = (self.program.address_of(name) for name in ("__ctors_start", "__ctors_end"))
        entry = self.program.address_of("__tablejump2__")
        if start is None or end is None or entry is None or not entry <= instruction.address < entry + 16:
            raise StackError(f"jump table at 0x{instruction.address:x}: build with -fno-jump-tables")
        if any(
            jump.mnemonic in {"jmp", "rjmp"} and jump.target == entry
            for jump in self.program.instructions.values()
        ):
            raise StackError("a switch uses __tablejump2__: build with -fno-jump-tables")
        in_table = (item.raw for item in self.program.instructions.values() if start <= item.address < end)
        table = b"".join(in_table)
        return tuple(2 * int.from_bytes(table[i : i + 2], "little") for i in range(0, len(table), 2))

    def _address_taken(self) -> tuple[int, ...]:
        """Return functions whose word address stands in .data, or is loaded into registers by two LDI."""
        words = {
            int.from_bytes(self.data[offset : offset + 2], "little") for offset in range(len(self.data) - 1)
        }
        loads = [item for item in self.program.instructions.values() if item.mnemonic == "ldi"]
        for low, high in pairwise(loads):
            if _register(high) == _register(low) + 1:
                words.add(int(high.operands[1], 0) << 8 | int(low.operands[1], 0))
        return tuple(sorted(address for address in self.program.symbols if address and address // 2 in words))


def _register(instruction: Instruction) -> int:
    return int(instruction.operands[0].removeprefix("r"))


def _change(instruction: Instruction, state: _State) -> None:
    """Apply one instruction to the depth, and to what is known of Y."""
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic == "push":
        state.depth += 1
    elif mnemonic == "pop":
        state.depth -= 1
    elif mnemonic == "rcall" and instruction.target == instruction.next_address:
        state.depth += RETURN_ADDRESS_BYTES  # makes room for two bytes of a frame
    elif mnemonic == "out" and operands[0] == SP_LOW:
        _load_stack_pointer(instruction, state)
    elif mnemonic == "ret" and state.depth != 0:
        raise StackError(f"return at 0x{instruction.address:x} with {state.depth} bytes on the stack")
    _change_y(instruction, state)
    _change_loaded(instruction, state)


def _change_loaded(instruction: Instruction, state: _State) -> None:
    """Apply one instruction to what is known of registers that LDI has written."""
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic == "ldi":
        state.loaded[operands[0]] = int(operands[1], 0)
    elif mnemonic in {"call", "rcall", "icall"}:
        state.loaded.clear()
    elif operands and mnemonic not in READ_ONLY:
        state.loaded.pop(operands[0], None)
        if mnemonic in {"movw", "adiw", "sbiw"}:
            state.loaded.pop(f"r{_register(instruction) + 1}", None)
    for pointer, low in (("X", 26), ("Z", 30)):
        if {f"{pointer}+", f"-{pointer}"} & set(operands):
            state.loaded.pop(f"r{low}", None)
            state.loaded.pop(f"r{low + 1}", None)


def _load_stack_pointer(instruction: Instruction, state: _State) -> None:
    if instruction.operands[1] != Y_LOW or state.y_depth is None:
        raise StackError(f"dynamic stack: SP is computed at 0x{instruction.address:x}")
    state.depth = 0 if state.y_depth == CONSTANT else state.y_depth


def _change_y(instruction: Instruction, state: _State) -> None:
    """Apply one instruction to what is known of Y."""
    mnemonic, operands = instruction.mnemonic, instruction.operands
    writes_y = operands[:1] in {(Y_LOW,), (Y_HIGH,)} and mnemonic not in READ_ONLY
    if writes_y and mnemonic == "in":
        state.y_depth = state.depth  # SP, low or high byte; a frame's size is subtracted only after both
    elif writes_y and mnemonic == "ldi":
        state.y_depth = CONSTANT
    elif writes_y:
        state.y_depth = _adjusted_y(instruction, state)
    elif "Y+" in operands or "-Y" in operands:
        state.y_depth = None


def _adjusted_y(instruction: Instruction, state: _State) -> int | None:
    """Return what Y stands for after an addition or subtraction, or None after anything else."""
    mnemonic = instruction.mnemonic
    if mnemonic == "sbc" and instruction.operands[1] == ZERO and state.y_depth not in {None, CONSTANT}:
        return state.y_depth + state.y_low  # the high byte of a number up to 255
    if state.y_depth not in {None, CONSTANT} and (
        (mnemonic == "add" and instruction.operands[1] in state.loaded)
        or (mnemonic == "adc" and instruction.operands[1] == ZERO)
    ):
        return state.y_depth - (state.loaded[instruction.operands[1]] if mnemonic == "add" else 0)
    if state.y_depth is None or state.y_depth == CONSTANT or mnemonic not in {"sbiw", "adiw", "subi", "sbci"}:
        return None
    amount = int(instruction.operands[1], 0)
    if mnemonic == "subi":
        state.y_low = amount
        return state.y_depth
    if mnemonic == "sbci":
        amount = int.from_bytes([state.y_low, amount], "little", signed=True)
    return state.y_depth - amount if mnemonic == "adiw" else state.y_depth + amount
