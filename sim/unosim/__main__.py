"""Runs the command line as `python -m unosim`."""

from unosim.cli import main

main()
