"""What a person can repair: every error that a command reports in one line, with a hint.

Rules: a part of unosim raises its own subclass; a command wraps what it does in `reported`, which prints
message and hint to standard error and ends with `exit_code`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click


class UserError(Exception):
    """Something that the person at the keyboard can repair.

    Args:
        message: what happened, in one line.
        hint: what to do, in one line.
    """

    exit_code = 1
    """1 for a failure; 2 for options that cannot be."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(UserError):
    """What was asked for cannot be."""

    exit_code = 2


@contextmanager
def reported(program: str = "unosim") -> Iterator[None]:
    """Turn an error that a person can repair into two lines of a program, and an exit code."""
    try:
        yield
    except UserError as error:
        click.secho(f"{program}: {error}", fg="red", err=True)
        click.echo(f"hint: {error.hint}", err=True)
        raise SystemExit(error.exit_code) from error
