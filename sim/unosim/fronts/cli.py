"""The command `unosim modem`: one simulated ESP-01 behind a front of one's choice, until Ctrl-C.

The first line of standard output is the name of the port, for scripts; the dialogue follows. What goes wrong
goes to standard error.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from unosim.attrace import Recorder
from unosim.console import Console
from unosim.errors import UsageError, reported
from unosim.esp01 import DEFAULT_ACCESS_POINT, choose, parse_address, parse_inbound, parse_routes
from unosim.faults import CATALOGUE, FaultError, Injection, Plan
from unosim.fronts.driver import make_driver
from unosim.fronts.pty import PtyStream
from unosim.fronts.rfc2217 import Rfc2217Stream
from unosim.fronts.stream import Stream
from unosim.fronts.tcp import TcpStream
from unosim.modem import NONOS_1_7_4
from unosim.network.seam import Network
from unosim.network.tls import Tls
from unosim.signals import stopped_by_signal
from unosim.trace import Entry


def _open_stream(*, pty: bool, link: Path | None, tcp: str | None, rfc2217: str | None) -> Stream:
    """Open the front that was asked for; a pseudo-terminal if none was.

    Raises:
        UsageError: several were asked for, or a link to what is no device.
        FrontError: it cannot be opened.
    """
    if (pty or link is not None) + (tcp is not None) + (rfc2217 is not None) > 1:
        raise UsageError("more than one front", hint="choose one of --pty (with --link), --tcp and --rfc2217")
    if tcp is not None:
        return TcpStream(*parse_address(tcp))
    if rfc2217 is not None:
        return Rfc2217Stream(*parse_address(rfc2217))
    return PtyStream(link)


@click.command()
@click.option("--pty", is_flag=True, envvar="UNOSIM_PTY", help="A pseudo-terminal. This is the default.")
@click.option(
    "--link",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_LINK",
    help="Also make a symbolic link to the pseudo-terminal.",
)
@click.option("--tcp", metavar="HOST:PORT", envvar="UNOSIM_TCP", help="A TCP socket with the bare bytes.")
@click.option("--rfc2217", metavar="HOST:PORT", envvar="UNOSIM_RFC2217", help="An RFC 2217 server.")
@click.option(
    "--profile",
    default=NONOS_1_7_4.name,
    show_default=True,
    envvar="UNOSIM_PROFILE",
    help="The AT firmware version.",
)
@click.option(
    "--ssid",
    "ssids",
    multiple=True,
    envvar="UNOSIM_SSID",
    help=f"An access point in range; repeatable.  [default: {DEFAULT_ACCESS_POINT.ssid}, "
    f"password {DEFAULT_ACCESS_POINT.password}]",
)
@click.option(
    "--password",
    "passwords",
    multiple=True,
    envvar="UNOSIM_PASSWORD",
    help="The password of the access point in the same place; none makes it an open network.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    envvar="UNOSIM_SEED",
    help="Which module of its kind, by its MAC address; and all that is left to chance in --faults.",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="HOST:PORT=HOST:PORT",
    envvar="UNOSIM_ROUTE",
    help="What the module can reach, and where it really is; repeatable.",
)
@click.option(
    "--open",
    "anywhere",
    is_flag=True,
    envvar="UNOSIM_OPEN",
    help="Let the module reach anything this machine can.",
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_CA",
    help="A PEM file: whom SSL links trust when they verify.  [default: as this machine does]",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_CERTIFICATE",
    help="A PEM file: the module's own certificate and key.",
)
@click.option(
    "--listen",
    "inbound",
    multiple=True,
    metavar="PORT=HOST:PORT",
    envvar="UNOSIM_LISTEN",
    help="A port the module may listen on, and where callers find it; repeatable.",
)
@click.option(
    "--faults",
    default="",
    metavar="PLAN",
    envvar="UNOSIM_FAULTS",
    help='What goes wrong, such as "drop-byte:esp>uno,chance=0.001; refusal@2".',
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_RECORD",
    help="Write the session to an .attrace file, secrets masked.",
)
def modem(
    *,
    pty: bool,
    link: Path | None,
    tcp: str | None,
    rfc2217: str | None,
    profile: str,
    ssids: tuple[str, ...],
    passwords: tuple[str, ...],
    seed: int,
    routes: tuple[str, ...],
    anywhere: bool,
    ca: Path | None,
    certificate: Path | None,
    inbound: tuple[str, ...],
    faults: str,
    record: Path | None,
) -> None:
    """Play an ESP-01 with AT firmware on a serial port, and show the dialogue. Ctrl-C ends it."""
    with reported(), ExitStack() as stack:
        if routes and anywhere:
            raise UsageError("--route and --open exclude each other", hint="give one of them")
        reachable = None if anywhere else parse_routes(routes)
        module = choose(profile=profile, ssids=ssids, passwords=passwords, seed=seed)
        tls, doors = Tls(ca, certificate), parse_inbound(inbound)
        made = module.make()
        console = Console(host="host")
        injection = Injection(_plan(faults, seed), lambda stroke: console.say(f"fault at {stroke}"))
        watches: list[Callable[[Entry], None]] = [console.show]
        wrap: Callable[[Network], Network] = injection.network
        if record is not None:
            recorder = stack.enter_context(Recorder(record, made, module, injection.plan))
            watches.append(recorder.watch)
            wrap = lambda network: recorder.network(injection.network(network))  # noqa: E731  # see above
        stream = _open_stream(pty=pty, link=link, tcp=tcp, rfc2217=rfc2217)

        def watch(entry: Entry) -> None:
            for one in watches:
                one(entry)

        played = injection.modem(made, [one.ssid for one in module.access_points])
        with ExitStack() as unfinished:
            unfinished.callback(stream.close)
            driver = make_driver(
                played, stream, reachable, watch=watch, wrap=wrap, tls=tls, inbound=doors, tell=console.say
            )
            unfinished.pop_all()
        stack.callback(driver.close)
        click.echo(stream.name)
        for port, (host, real_port) in driver.inbound.items():
            console.say(f"callers of port {port} come to {host}:{real_port}")
        with stopped_by_signal(driver.stop):
            driver.run()
        if driver.lost_bytes:
            click.echo(f"{driver.lost_bytes} bytes of the module were lost: nobody read them", err=True)


def _plan(faults: str, seed: int) -> Plan:
    """Return the plan of faults that was asked for.

    Raises:
        UsageError: it is none.
    """
    try:
        return Plan.parse(faults, seed=seed)
    except FaultError as error:
        raise UsageError(str(error), hint=f"there are: {', '.join(sorted(CATALOGUE))}") from error
