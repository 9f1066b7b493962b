"""Add the Arduino framework: the core's own flags, its sources, the board's variant. SCons runs this file."""

from SCons.Script import DefaultEnvironment  # type: ignore[import-untyped] # SCons ships no types

# ARDUINO is the version of the IDE whose build this imitates; PlatformIO's platform passes the same number.
ARDUINO_VERSION = 10808
# float.h of GCC before 6 hides DECIMAL_DIG from C++11, and the core's WString.cpp needs it.
FIRST_GCC_WITH_DECIMAL_DIG = 60000

env = DefaultEnvironment()
board, core, words = env.BoardConfig(), env["arduino_core"], env["arduino_words"]
c_flags, cxx_flags = words("compiler.c.flags"), words("compiler.cpp.flags")
common_flags = [flag for flag in c_flags if flag in cxx_flags]  # so that one build_unflags reaches C and C++
mcu = "-mmcu=$BOARD_MCU"
sources = {
    "FrameworkArduino": str(core / "cores" / board.get("build.core")),
    "FrameworkArduinoVariant": str(core / "variants" / board.get("build.variant")),
}

env.Append(
    ASFLAGS=[mcu],
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=[mcu, "-Wall", *common_flags],
    CFLAGS=[flag for flag in c_flags if flag not in common_flags],
    CPPDEFINES=["ARDUINO_ARCH_AVR", ("ARDUINO", ARDUINO_VERSION), ("F_CPU", "$BOARD_F_CPU")],
    CPPPATH=list(sources.values()),
    CXXFLAGS=[flag for flag in cxx_flags if flag not in common_flags],
    LIBS=["m"],
    LIBSOURCE_DIRS=[str(core / "libraries")],
    LINKFLAGS=[mcu, *words("compiler.c.elf.flags")],
)
gcc_version = env.PioPlatform().get_package_version("toolchain-atmelavr")  # "1.50400.0" is GCC 5.4.0
if int(gcc_version.split(".")[1]) < FIRST_GCC_WITH_DECIMAL_DIG:
    env.Append(CXXFLAGS=["-DDECIMAL_DIG=__DECIMAL_DIG__"])
env.Prepend(LIBS=[env.BuildLibrary(f"$BUILD_DIR/{name}", path) for name, path in sources.items()])
