"""The command line: `unoingest serve`, `readings` and `fake-cloud`, and those of `unoingest.cli_outbox`.

Data goes to stdout and everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage. A failure is
one line of what happened and one of what to do; `--debug` adds the traceback.
"""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from unoingest.cli_outbox import (
    check_command,
    mqtt_command,
    outbox_command,
    require_project,
    send_command,
)
from unoingest.config import Config, config_options, environment_variable, read_config_file
from unoingest.devices_command import devices_command
from unoingest.doctor import Finding, examine
from unoingest.errors import UnoingestError
from unoingest.reading_log import ReadingLog
from unoingest.server import serve
from unoingest.store import StoredReading, read_readings
from unoingest.structured_log import use_profile
from unoingest.timestamps import NS_PER_MS, rfc3339

PORT = click.IntRange(0, 65535)


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
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=environment_variable("config"),
    show_envvar=True,
    help="TOML file with settings; flags and environment go before it.",
)
@click.pass_context
def main(context: click.Context, debug: bool, config_file: Path | None) -> None:
    """Take readings over HTTP, answer once they are on disk, and log each of them."""
    del debug  # read by _Commands.invoke, which outlives this function
    if config_file is not None:
        context.default_map = _for_each_command(main, read_config_file(config_file))


def _for_each_command(group: click.Group, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as click wants them: below the name of each command that may have them."""
    return {
        name: _for_each_command(command, settings) if isinstance(command, click.Group) else settings
        for name, command in group.commands.items()
    }


@main.command("serve")
@config_options(
    *("database", "host", "port", "requests_per_s", "disk_reserve_mb", "project"),
    *("outbox", "emulator", "keep_days", "log_profile"),
)
def serve_command(**settings: Any) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Each stored reading is one JSON line on stdout; the server's own events are JSON lines on stderr.
    """
    config = Config(**settings)
    require_project(config)
    serve(config)


for command in (send_command, outbox_command, check_command, mqtt_command):
    main.add_command(command)


main.add_command(devices_command)


@main.command("doctor")
@config_options("database", "disk_reserve_mb")
@_switch("json", "Print one JSON object for each check.")
def doctor_command(json: bool, **settings: Any) -> None:
    """Check disk, store and keys, and say what to do; exit with 1 if something is wrong."""
    config = Config(**settings)
    findings = []
    for finding in examine(config.database, config.disk_reserve_mb):
        findings.append(finding)
        click.echo(msgspec.json.encode(finding) if json else _shown(finding))
    if any(finding.state == "error" for finding in findings):
        raise click.exceptions.Exit(1)


def _shown(finding: Finding) -> str:
    hint = f"\n         {finding.hint}" if finding.hint else ""
    return f"{finding.state:8} {finding.check}: {finding.found}{hint}"


def _rates(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    """Return NAME=RATE texts as a dictionary. Raises click.BadParameter."""
    try:
        return {name: float(rate) for name, rate in (text.split("=") for text in texts)}
    except ValueError as error:
        raise click.BadParameter("expected NAME=RATE, as in quota=0.1") from error


@main.command("fake-cloud")
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen at.")
@click.option("--grpc-port", type=PORT, default=0, help="TCP port for gRPC; 0 takes a free one.")
@click.option("--rest-port", type=PORT, default=0, help="TCP port for REST; 0 takes a free one.")
@click.option(
    "--certificate",
    "certificate_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Speak TLS on the gRPC port and write the certificate to this file.",
)
@click.option(
    "--fault",
    "rates",
    multiple=True,
    callback=_rates,
    metavar="NAME=RATE",
    help="Let this share of the writes fail.",
)
@click.option(
    "--poison", "poison_rate", type=float, default=0.0, help="Refuse this share of the entries by name."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the draw of faults.")
def fake_cloud_command(rates: dict[str, float], **settings: Any) -> None:
    """Run a Cloud Logging service for tests, in memory, until SIGTERM or Ctrl-C.

    One JSON line on stdout names its ports. Point a client at the gRPC port with api_endpoint (and
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH for --certificate), or at http://host:port with REST.
    """
    # Google's client is a quarter of a second and 40 MB that no other command shall pay for
    from unoingest.fake_cloud.command import run  # noqa: PLC0415

    try:
        run(rates=rates, **settings)
    except ValueError as error:
        raise click.UsageError(f"--fault or --poison: {error}") from error


@main.command()
@config_options("database", "project", "log_profile")
@_switch("json", "Print one JSON object for each reading.")
@_switch("log-lines", "Print the structured log line of each reading, for a log that missed some.")
def readings(json: bool, log_lines: bool, **settings: Any) -> None:
    """Print the stored readings by device, boot and seq; a server may be running."""
    if json and log_lines:
        raise click.UsageError("--json and --log-lines exclude each other.")
    config = Config(**settings)
    use_profile(config.log_profile)
    as_log_line = functools.partial(_as_log_line, config.project)
    show = _as_json if json else as_log_line if log_lines else _as_text
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
            "timestamp": None if reading.timestamp_ns is None else rfc3339(reading.timestamp_ns),
        }
    )


def _as_log_line(project: str, reading: StoredReading) -> bytes:
    age_ns = None if reading.timestamp_ns is None else reading.received_at_ns - reading.timestamp_ns
    log = ReadingLog(
        reading.device, reading.boot, reading.received_at_ns, trace=reading.trace, project=project
    )
    made = log.reading(
        reading.seq,
        None if age_ns is None else age_ns // NS_PER_MS,
        msgspec.json.decode(reading.values_json),
        reading.values_json,
    )
    return made.log_line.rstrip(b"\n")


def _as_text(reading: StoredReading) -> str:
    values = " ".join(f"{name}={value}" for name, value in msgspec.json.decode(reading.values_json).items())
    identity = f"{reading.device} boot {reading.boot} seq {reading.seq}"
    time = "(time not known)" if reading.timestamp_ns is None else rfc3339(reading.timestamp_ns)
    return f"{time:30}  {identity}  {values}"
