"""`python -m unoingest` is `unoingest`."""

from unoingest.cli import main

main(prog_name="unoingest")
