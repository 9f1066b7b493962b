"""Build an AVR image with the tools, flags and size rules that the Arduino core's platform.txt states.

SCons runs this file. Targets: the image (`buildprog`, the default) and `size`. There is no upload target.
"""

import re
import shlex
from pathlib import Path

from SCons.Script import Default, DefaultEnvironment  # type: ignore[import-untyped] # SCons ships no types

# What platform.txt asks for and PlatformIO decides by itself: compiling only, debug info by build type,
# dependency scanning. Narrowing stays an error, as it is for users of PlatformIO's own platform.
NOT_OURS = {"-c", "-g", "-MMD", "-Wno-error=narrowing"}

env = DefaultEnvironment()
core = Path(env.PioPlatform().get_package_dir("framework-arduino-avr"))
pairs = (line.partition("=") for line in (core / "platform.txt").read_text().splitlines())
recipe = {key: value for key, equals, value in pairs if equals and not key.startswith("#")}


def words(key: str) -> list[str]:
    """Split one recipe into flags, leaving out its {placeholders} and what is not ours to say."""
    return [word for word in shlex.split(re.sub(r"\{[^}]*\}", " ", recipe[key])) if word not in NOT_OURS]


env.Replace(
    AR=recipe["compiler.ar.cmd"],
    ARFLAGS=words("compiler.ar.flags"),
    AS="avr-as",
    CC=recipe["compiler.c.cmd"],
    CXX=recipe["compiler.cpp.cmd"],
    GDB="avr-gdb",
    OBJCOPY=recipe["compiler.elf2hex.cmd"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    RANLIB=recipe["compiler.c.cmd"] + "-ranlib",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEDATAREGEXP=recipe["recipe.size.regex.data"],
    SIZEPROGREGEXP=recipe["recipe.size.regex"],
    SIZETOOL=recipe["compiler.size.cmd"],
    arduino_core=core,
    arduino_words=words,
)

elf = env.BuildProgram()
to_hex = " ".join(["$OBJCOPY", *words("compiler.elf2hex.flags"), "$SOURCE", "$TARGET"])
image = env.Command(
    env.subst("$BUILD_DIR/${PROGNAME}.hex"), elf, env.VerboseAction(to_hex, "Building $TARGET")
)
env.Alias("buildprog", image)
env.AddPlatformTarget(
    "size",
    elf,
    env.VerboseAction("$SIZETOOL --mcu=$BOARD_MCU -C $SOURCE", "Sizing $SOURCE"),
    "Size",
    "Flash and RAM of the image",
)
Default([image])
