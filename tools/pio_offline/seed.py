"""Seed a PlatformIO core directory from packages on this machine, so that `pio run` needs no network.

PlatformIO takes a folder for an installed package when it holds a manifest and a `.piopm` file that names the
package and its owner. This script writes such folders: small manifests, symbolic links to the real tools, and
the two platforms that stand beside this file. Rules:

* Versions are read from the tools themselves and carried the way PlatformIO carries them: 5.4.0 is
  `1.50400.0`. Nothing claims to be another version than it is.
* Everything that an earlier run wrote is replaced, so it may be run before every build, and after PlatformIO
  itself was upgraded.
* It downloads nothing and touches only the core directory.

It does not offer uploading: for that, use PlatformIO with its own registry.

usage: seed.py CORE_DIR PREFIX

CORE_DIR is what PLATFORMIO_CORE_DIR will name. PREFIX holds bin/avr-gcc, lib/avr and share/arduino: /usr,
or a folder into which the packages were unpacked. Run it with the interpreter that has platformio and
scons.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import SCons  # type: ignore[import-untyped] # SCons ships no types
from platformio import __version__ as platformio_version  # type: ignore[import-untyped] # no types shipped
from platformio.dependencies import get_core_dependencies  # type: ignore[import-untyped] # no types shipped
from semantic_version import SimpleSpec, Version  # type: ignore[import-untyped] # no types shipped

HERE = Path(__file__).resolve().parent
OWNER = "platformio"
BOARDS = ("uno",)


def carried_version(version: str, major: int = 1) -> str:
    """Encode an upstream version as PlatformIO does.

    Args:
        version: dotted numbers, for example `5.4.0`; missing parts count as 0.
        major: the packaging's own major version; PlatformIO uses 1 for compilers.

    Returns:
        For example `1.50400.0`.
    """
    first, second, third = ([int(part) for part in re.findall(r"\d+", version)] + [0, 0])[:3]
    return f"{major}.{first}{second:02d}{third:02d}.0"


def read_properties(path: Path) -> dict[str, str]:
    """Read an Arduino `key=value` file (platform.txt, boards.txt)."""
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.startswith("#"))
    return {key: value for key, equals, value in pairs if equals}


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write a manifest that a person can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def mark_installed(folder: Path, kind: str, name: str, version: str, owner: str = OWNER) -> None:
    """Write `.piopm`, by which PlatformIO knows whose package this is."""
    spec = {"owner": owner, "id": None, "name": name, "requirements": None, "uri": None}
    write_json(folder / ".piopm", {"type": kind, "name": name, "version": version, "spec": spec})


def link_all(folder: Path, links: dict[str, Path]) -> None:
    """Make symbolic links, and refuse one that would lead nowhere.

    Raises:
        SystemExit: a target is missing.
    """
    for name, target in links.items():
        if not target.exists():
            raise SystemExit(f"seed: {target} is missing; is {folder.name}'s package unpacked?")
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def seed_tool(core_dir: Path, name: str, version: str, description: str, links: dict[str, Path]) -> Path:
    """Write one `packages/NAME`."""
    folder = core_dir / "packages" / name
    write_json(folder / "package.json", {"name": name, "version": version, "description": description})
    mark_installed(folder, "tool", name, version)
    (folder / ".piokeep").touch()  # PlatformIO prunes packages that no project seems to use
    link_all(folder, links)
    return folder


def seed_platform(core_dir: Path, name: str) -> Path:
    """Copy one of the platforms beside this file."""
    folder = core_dir / "platforms" / name
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    mark_installed(folder, "platform", name, json.loads((folder / "platform.json").read_text())["version"])
    return folder


def seed_boards(platform: Path, arduino: Path) -> None:
    """Write PlatformIO's board files from the Arduino core's own boards.txt."""
    table = read_properties(arduino / "boards.txt")
    for board in BOARDS:
        build = {key: table[f"{board}.build.{key}"] for key in ("core", "variant", "mcu", "f_cpu")}
        upload = {
            "maximum_size": int(table[f"{board}.upload.maximum_size"]),
            "maximum_ram_size": int(table[f"{board}.upload.maximum_data_size"]),
        }
        write_json(
            platform / "boards" / f"{board}.json",
            {
                "name": table[f"{board}.name"],
                "vendor": "Arduino",
                "url": "https://docs.arduino.cc/hardware/uno-rev3",
                "frameworks": ["arduino"],
                "build": {**build, "extra_flags": "-DARDUINO_" + table[f"{board}.build.board"]},
                "upload": upload,
            },
        )


def seed_avr(core_dir: Path, prefix: Path, arduino: Path) -> None:
    """Seed the compiler and the Arduino core."""
    gcc = prefix / "bin" / "avr-gcc"
    gcc_version = subprocess.run([gcc, "-dumpversion"], check=True, text=True, capture_output=True).stdout
    seed_tool(
        core_dir,
        "toolchain-atmelavr",
        carried_version(gcc_version),
        "avr-gcc and avr-libc of this machine",
        {f"bin/{tool.name}": tool for tool in sorted((prefix / "bin").glob("avr-*"))},
    )
    seed_tool(
        core_dir,
        "framework-arduino-avr",
        read_properties(arduino / "platform.txt")["version"],
        "Arduino core of this machine",
        {name: arduino / name for name in ("cores", "variants", "libraries", "platform.txt")},
    )


def seed_scons(core_dir: Path) -> None:
    """Seed the build engine: PlatformIO runs a two-line script that enters SCons from PyPI.

    Raises:
        SystemExit: the installed SCons is not the one this PlatformIO asks for.
    """
    wanted = get_core_dependencies()["tool-scons"]
    version = carried_version(SCons.__version__, major=int(SCons.__version__.split(".")[0]))
    if Version(version) not in SimpleSpec(wanted):
        raise SystemExit(
            f"seed: scons {SCons.__version__} is {version} to PlatformIO, "
            f"but platformio {platformio_version} asks for tool-scons {wanted}"
        )
    folder = seed_tool(core_dir, "tool-scons", version, "SCons from PyPI", {})
    (folder / "scons.py").write_text("from SCons.Script.Main import main\n\nmain()\n")


def seed_doctest(core_dir: Path, prefix: Path) -> None:
    """Put the test framework into PlatformIO's global library folder, if it is unpacked."""
    header = prefix / "include" / "doctest" / "doctest.h"
    if not header.exists():
        return  # only the host tests need it, and they say so
    version = ".".join(re.findall(r"#define DOCTEST_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text()))
    folder = core_dir / "lib" / "doctest"
    write_json(folder / "library.json", {"name": "doctest", "version": version})
    mark_installed(folder, "library", "doctest", version, owner="doctest")
    link_all(folder, {"src/doctest.h": header})


def seed(core_dir: Path, prefix: Path) -> None:
    """Seed a whole core directory.

    Args:
        core_dir: what PLATFORMIO_CORE_DIR will name; made if missing.
        prefix: holds bin, include, lib and share.

    Raises:
        SystemExit: a tool is missing or has a version that does not fit.
    """
    arduino = prefix / "share" / "arduino" / "hardware" / "arduino" / "avr"
    for needed in (prefix / "bin" / "avr-gcc", arduino / "platform.txt", arduino / "boards.txt"):
        if not needed.exists():
            raise SystemExit(f"seed: {needed} is missing: it comes with Debian's gcc-avr, arduino-core-avr")
    for part in ("platforms", "packages", "lib", "appstate.json"):
        path = core_dir / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    seed_boards(seed_platform(core_dir, "atmelavr"), arduino)
    seed_platform(core_dir, "native")
    seed_avr(core_dir, prefix, arduino)
    seed_scons(core_dir)
    seed_doctest(core_dir, prefix)


def main() -> None:
    """Take CORE_DIR and PREFIX from the command line."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: seed.py CORE_DIR PREFIX")
    seed(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())


if __name__ == "__main__":
    main()
