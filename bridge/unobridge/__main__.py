"""`python -m unobridge` is `unobridge`."""

from unobridge.cli import main

main(prog_name="unobridge")
