"""Shared by the board's tests: the libsimavr oracle, avr-gcc, and boards made from a few lines of C."""

import ctypes
import hashlib
import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from unosim.board import Board, Image, load_image

ROOT = Path(__file__).parents[3]
BOARD_SOURCES = ROOT / "sim" / "unosim" / "board"
SYSTEM_ROOTS = (ROOT / ".tools" / "debian" / "usr", Path("/usr"))


def _find(what: str, *candidates: str) -> Path:
    for root in SYSTEM_ROOTS:
        for candidate in candidates:
            for path in sorted(root.glob(candidate)):
                return path
    pytest.fail(f"{what} is missing: make toolchain")


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


@pytest.fixture(scope="session")
def arduino_avr() -> Path:
    """The Arduino core's folder for AVR boards, with its libraries and boot loaders."""
    return _find("the Arduino core", "share/arduino/hardware/arduino/avr")


@pytest.fixture(scope="session")
def arduino_sketch(
    avr_gcc: Callable[[str, str, tuple[str, ...]], Path], arduino_avr: Path
) -> Callable[[str, str], Image]:
    """Compile a sketch with the Arduino core, without Serial, and one of its libraries."""
    avr = arduino_avr
    core, source = avr / "cores" / "arduino", "libraries/{0}/src"
    parts = ("wiring.c", "wiring_digital.c", "hooks.c", "main.cpp", "Print.cpp", "Stream.cpp", "WString.cpp")

    def make(text: str, library: str) -> Image:
        folder = avr / source.format(library)
        options = (
            *("-DF_CPU=16000000UL", "-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR"),
            *("-DDECIMAL_DIG=__DECIMAL_DIG__", "-Os", "-w", "-ffunction-sections", "-fdata-sections"),
            *("-Wl,--gc-sections", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics"),
            *("-I", str(core), "-I", str(avr / "variants" / "standard"), "-I", str(folder)),
            *(str(core / name) for name in parts),
            *map(str, sorted([*folder.glob("*.cpp"), *folder.glob("utility/*.c")])),
        )
        return load_image(avr_gcc(text, ".cpp", options))

    return make


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """libsimavr beside our interpreter, see simavr_oracle.c."""
    header = _find("libsimavr's header", "include/simavr/sim_avr.h")
    library = _find("libsimavr", "lib/*/libsimavr.so.2", "lib/libsimavr.so.2")
    built = tmp_path_factory.mktemp("oracle") / "simavr_oracle.so"
    _run(
        [
            *("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *("-I", str(BOARD_SOURCES), "-isystem", str(header.parent)),
            *(str(Path(__file__).with_name("simavr_oracle.c")),),
            *(str(BOARD_SOURCES / name) for name in ("cpu.c", "bus.c", "program.c", "decode.c")),
            *(str(library), f"-Wl,-rpath,{library.parent}", "-Wl,--disable-new-dtags"),
            *("-o", str(built)),
        ]
    )
    lib = ctypes.CDLL(str(built))
    lib.oracle_program.restype = ctypes.c_uint64
    return lib


@pytest.fixture(scope="session")
def avr_gcc(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, tuple[str, ...]], Path]:
    """Build an ELF file from a text, a file suffix and options; the same text is built once a session."""
    compiler = _find("avr-gcc", "bin/avr-gcc")
    folder = tmp_path_factory.mktemp("avr")
    environment = os.environ | {"PATH": f"{compiler.parent}:{os.environ['PATH']}"}

    def build(text: str, suffix: str, options: tuple[str, ...]) -> Path:
        elf = folder / (hashlib.sha256(text.encode()).hexdigest()[:16] + ".elf")
        if not elf.exists():
            source = elf.with_suffix(suffix)
            source.write_text(text)
            _run(
                [str(compiler), "-mmcu=atmega328p", *options, str(source), "-lm", "-o", str(elf)], environment
            )
        return elf

    return build


@pytest.fixture(scope="session")
def avr_compile(avr_gcc: Callable[[str, str, tuple[str, ...]], Path]) -> Callable[[str], Image]:
    """Compile a C program."""
    return lambda text: load_image(avr_gcc(text, ".c", ("-DF_CPU=16000000UL", "-std=gnu99", "-Os", "-Wall")))


@pytest.fixture(scope="session")
def c_board(avr_compile: Callable[[str], Image]) -> Callable[[str], Board]:
    """Make a board that runs a C program."""
    return lambda text: Board(avr_compile(text).flash)


@pytest.fixture(scope="session")
def asm_board(avr_gcc: Callable[[str, str, tuple[str, ...]], Path]) -> Callable[..., Board]:
    """Make a board that runs an assembler program from address 0, with I/O names as IN and OUT want them."""

    def make(text: str, *, eeprom: bytes | None = None) -> Board:
        text = "#define __SFR_OFFSET 0\n#include <avr/io.h>\n" + textwrap.dedent(text)
        return Board(
            load_image(avr_gcc(text, ".S", ("-nostartfiles", "-nodefaultlibs"))).flash, eeprom=eeprom
        )

    return make
