"""Build one program for this machine with the compiler found in PATH. SCons runs this file."""

from SCons.Script import Default, DefaultEnvironment  # type: ignore[import-untyped] # SCons ships no types

env = DefaultEnvironment()
# Named, because SCons itself looks in the system's folders only, and not in all of PATH.
env.Replace(CC="gcc", CXX="g++", LINK="g++")
Default([env.Alias("buildprog", env.BuildProgram())])
