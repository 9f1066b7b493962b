"""The command line: `unoingest serve` and `unoingest readings`.

Data goes to stdout and everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage. A failure is
one line of what happened and one of what to do; `--debug` adds the traceback.
"""

import traceback
from collections.abc import Callable
from typing import Any

import click
import msgspec

from unoingest.config import Config, config_options, environment_variable
from unoingest.errors import UnoingestError
from unoingest.server import serve
from unoingest.store import StoredReading, read_readings
from unoingest.timestamps import rfc3339


class _Failure(click.ClickException):
    """An UnoingestError on its way to the terminal."""

    def __init__(self, error: UnoingestError) -> None:
        super().__init__(f"{error}\nHint: {error.hint}")


class _Commands(click.Group):
    """A group whose commands fail with one line and a hint."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnoingestError as error:
            if ctx.params["debug"]:
                click.echo(traceback.format_exc(), err=True)
            raise _Failure(error) from error


def _switch(name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        f"--{name}", is_flag=True, envvar=environment_variable(name), show_envvar=True, help=text
    )


@click.group(cls=_Commands)
@click.version_option(package_name="unolink", prog_name="unoingest")
@_switch("debug", "Show the traceback of a failure.")
def main(debug: bool) -> None:
    """Take readings over HTTP, answer once they are on disk, and log each of them."""
    del debug  # read by _Commands.invoke, which outlives this function


@main.command("serve")
@config_options("database", "host", "port", "project")
def serve_command(**settings: Any) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Each stored reading is one JSON line on stdout; the server's own events are JSON lines on stderr.
    """
    serve(Config(**settings))


@main.command()
@config_options("database")
@_switch("json", "Print one JSON object for each reading.")
@_switch("log-lines", "Print the structured log line of each reading, for a log that missed some.")
def readings(json: bool, log_lines: bool, **settings: Any) -> None:
    """Print the stored readings by device, boot and seq; a server may be running."""
    if json and log_lines:
        raise click.UsageError("--json and --log-lines exclude each other.")
    config = Config(**settings)
    show = _as_json if json else _as_log_line if log_lines else _as_text
    for reading in read_readings(config.database):
        click.echo(show(reading))


def _as_json(reading: StoredReading) -> bytes:
    return msgspec.json.encode(
        {
            "device": reading.device,
            "boot": reading.boot,
            "seq": reading.seq,
            "values": msgspec.Raw(reading.values_json),
            "received_at": rfc3339(reading.received_at_ns),
            "timestamp": rfc3339(reading.timestamp_ns),
        }
    )


def _as_log_line(reading: StoredReading) -> bytes:
    return reading.log_line.rstrip(b"\n")


def _as_text(reading: StoredReading) -> str:
    values = " ".join(f"{name}={value}" for name, value in msgspec.json.decode(reading.values_json).items())
    identity = f"{reading.device} boot {reading.boot} seq {reading.seq}"
    return f"{rfc3339(reading.timestamp_ns)}  {identity}  {values}"
