"""PlatformIO extra script: report flash, RAM and deepest stack after every build, and fail it over budget.

The budgets are `custom_flash_budget_bytes` and `custom_ram_budget_bytes` in platformio.ini. Standard
library only, so it runs wherever PlatformIO does.
"""

import subprocess
import sys
from pathlib import Path

from SCons.Script import Import  # type: ignore[import-untyped] # SCons ships no types

Import("env")
env = globals()["env"]  # what Import() has put there
sys.path.insert(0, env.subst("$PROJECT_DIR/tools"))

from image_budget.report import judge  # noqa: E402 - only now does the path lead there


def run_tool(command: list[str]) -> str:
    """Start a tool with the PATH that PlatformIO gives the compiler."""
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env["ENV"]).stdout


def report(target: object, source: object, env: object) -> int:  # noqa: ARG001 - SCons passes them by name
    """Judge the linked image."""
    return judge(image, flash_budget_bytes, ram_budget_bytes, run_tool)


image = Path(env.subst("$BUILD_DIR/${PROGNAME}.elf"))
flash_budget_bytes = int(env.GetProjectOption("custom_flash_budget_bytes"))
ram_budget_bytes = int(env.GetProjectOption("custom_ram_budget_bytes"))
env.AddPostAction("checkprogsize", env.VerboseAction(report, "Checking budgets and linked functions"))
