"""The bridge on Windows and macOS, as far as that can be known on Linux.

A process in which the modules that only POSIX systems have cannot be imported, and Python says that it is on
another system. The libraries of others are imported before: they have modules of their own for each system.
"""

import errno
import socket
import subprocess
import sys

import pytest
from serial import SerialException

from bridge.usb import WAIT_S
from unobridge.serial_port import _hint, _why

POSIX_ONLY = ("fcntl", "termios", "pty", "tty", "pwd", "grp", "resource")
BEFORE = (
    *(
        "asyncio",
        "http.server",
        "multiprocessing",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "urllib.request",
    ),
    *("click", "msgspec", "paho.mqtt.client", "prometheus_client", "serial.tools.list_ports"),
    *("urllib3", "waitress.server", "h11"),
)
PROLOGUE = f"""
import importlib, select, sys
for name in {BEFORE!r}:
    importlib.import_module(name)
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
sys.platform = sys.argv[1]
if sys.platform == "linux":
    for name in {POSIX_ONLY!r}:
        del sys.modules[name]
if sys.platform == "win32":
    del select.poll
    import errno, socket
    connect_ex = socket.socket.connect_ex
    codes = {{errno.EINPROGRESS: errno.EWOULDBLOCK}}  # of connect() there
    socket.socket.connect_ex = lambda *given: codes.get(code := connect_ex(*given), code)
    sys.modules["ssl"].enum_certificates = lambda _store: []  # the standard library's own, of Windows
"""
COMMANDS = """
from click.testing import CliRunner
from unobridge.cli import main
for command in sorted(main.commands):
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0, result.output
print(len(main.commands))
"""
DIALOGUE = """
import socket, time
from unosim.modem import actions, events
from unosim.network.sockets import SocketNetwork
network = SocketNetwork(None, lambda link: 2_048)
with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    closed = unused.getsockname()[1]
network.perform(actions.Connect(0, "127.0.0.1", int(sys.argv[2])), 0)
network.perform(actions.Connect(1, "127.0.0.1", closed), 0)
now_ns, happened = 0, []
while not any(isinstance(one, events.Received) for one in happened):
    select.select(network.readers(), network.writers(), network.writers(), 0.01)
    now_ns += 1_000_000
    for event in network.poll(now_ns):
        happened.append(event)
        if isinstance(event, events.Connected):
            network.perform(actions.Send(0, b"hello"), now_ns)
network.close()
print(sorted(type(one).__name__ for one in happened))
"""


def run_as_on(system: str, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROLOGUE + program, system, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_every_command_can_be_imported(system: str) -> None:
    done = run_as_on(system, COMMANDS)
    assert done.stderr == ""
    assert int(done.stdout) >= 8


@pytest.mark.parametrize("module", POSIX_ONLY)
def test_the_block_bites(module: str) -> None:
    done = run_as_on("win32", f"import {module}")
    assert "ModuleNotFoundError" in done.stderr


def test_the_network_works_where_the_system_tells_less() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        command = [sys.executable, "-c", PROLOGUE + DIALOGUE, "win32", str(listener.getsockname()[1])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(WAIT_S)
                assert peer.recv(99) == b"hello"
                peer.sendall(b"world")
                shown, complaint = process.communicate(timeout=WAIT_S)
    assert complaint == ""
    assert shown == "['Acknowledged', 'ConnectFailed', 'Connected', 'Received']\n"


@pytest.mark.parametrize(
    ("system", "code"),
    [("linux", errno.EINPROGRESS), ("darwin", errno.EINPROGRESS), ("win32", errno.EWOULDBLOCK)],
)
def test_what_connecting_says_while_it_goes_on(system: str, code: int) -> None:
    """WSAEWOULDBLOCK of connect(), Windows Sockets 2; EINPROGRESS elsewhere."""
    done = run_as_on(system, "from unosim.network.system import UNDER_WAY\nprint(sorted(UNDER_WAY))")
    assert done.stdout == f"[0, {code}]\n", done.stderr


def test_macos_is_asked_in_its_own_way() -> None:
    program = """
from unosim.network.system import in_flight_bytes
class Socket:
    def getsockopt(self, level, option):
        return (level, option)
print(in_flight_bytes(Socket()))
"""
    done = run_as_on("darwin", program)
    assert done.stdout == f"({socket.SOL_SOCKET}, {0x1024})\n", done.stderr  # sys/socket.h of XNU


def test_what_a_system_does_not_have_is_said_in_one_line() -> None:
    program = """
from unosim.errors import reported
from unosim.fronts.pty import PtyStream
with reported():
    PtyStream()
"""
    done = run_as_on("win32", program)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "unosim: there is no pseudo-terminal for a module on win32",
        "hint: use --tcp or --rfc2217",
    ]


def raised_by_pyserial(number: int | None, text: str) -> SerialException:
    return SerialException(number, text) if number else SerialException(text)


@pytest.mark.parametrize(
    ("error", "why", "hint"),
    [
        (
            raised_by_pyserial(errno.ENOENT, "could not open port /dev/ttyACM9: [Errno 2] No such file"),
            "there is no such port",
            "see `unobridge ports`",
        ),
        (
            raised_by_pyserial(
                errno.EACCES, "could not open port /dev/ttyACM0: [Errno 13] Permission denied"
            ),
            "no permission",
            "dialout",
        ),
        (
            raised_by_pyserial(errno.EAGAIN, "Could not exclusively lock port /dev/ttyACM0: [Errno 11]"),
            "another program has it open",
            "close the serial monitor",
        ),
        (
            raised_by_pyserial(
                errno.EBUSY, "could not open port /dev/cu.usbmodem1: [Errno 16] Resource busy"
            ),
            "another program has it open",
            "close the serial monitor",
        ),
        (
            raised_by_pyserial(
                None,
                "could not open port 'COM9': "
                "FileNotFoundError(2, 'The system cannot find the file specified.', None, 2)",
            ),
            "there is no such port",
            "see `unobridge ports`",
        ),
        (
            raised_by_pyserial(
                None, "could not open port 'COM3': PermissionError(13, 'Access is denied.', None, 5)"
            ),
            "another program has it open",
            "close the serial monitor",
        ),
        (ValueError("invalid URL, protocol 'x' not known"), "invalid URL", "name a port such as"),
    ],
    ids=["absent", "forbidden", "locked", "busy on macOS", "absent on Windows", "busy on Windows", "no URL"],
)
def test_why_a_port_cannot_be_opened(error: SerialException | ValueError, why: str, hint: str) -> None:
    assert _why(error).startswith(why)
    assert hint in _hint(error)
