"""The one thing pyproject.toml cannot say: the C extension with the ATmega328P core."""

from pathlib import Path

from setuptools import Extension, setup  # type: ignore[import-untyped]  # ships no types

BOARD = Path("sim/unosim/board")

setup(
    ext_modules=[
        Extension(
            "unosim.board._core",
            sources=sorted(str(path) for path in BOARD.glob("*.c")),
            depends=sorted(str(path) for path in BOARD.glob("*.h")),
            extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra"],
        )
    ]
)
