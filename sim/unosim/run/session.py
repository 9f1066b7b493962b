"""One run of `unosim run`: lets time pass, and says what came of it.

Rules: simulated time runs as fast as it can, but at the pace of the wall clock when the UART is a
pseudo-terminal, because somebody is there. While a debugger holds the program, time stands still. What the
program says goes to standard output, what this command has to say to standard error.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from unosim.board import Stop
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.gdb import GdbServer, Target
from unosim.run.machine import RunError, load, power_on
from unosim.run.options import Options
from unosim.run.pin_trace import PinTrace
from unosim.run.profile import functions_of, profile
from unosim.run.serial_port import SerialPort
from unosim.run.summary import Summary, summarise

SLICE_NS = 10 * NS_PER_MS
"""Simulated time between two looks at the debugger and at Ctrl-C."""
PACED_SLICE_NS = NS_PER_MS
"""The same for a run at the wall clock's pace: so much a byte may be late."""
STANDING_WAIT_S = 0.1
"""Wall time between two looks at Ctrl-C while the program stands still."""


@contextmanager
def handing_on() -> Iterator[None]:
    """Hand on what is said meanwhile on standard output.

    Raises:
        RunError: nobody takes it.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the flush at exit would fail again
        raise RunError(
            f"cannot pass on what the program says: {error.strerror}", hint="keep standard output open"
        ) from error


class Session:
    """Runs an image.

    Args:
        options: what was asked for.
        stack: closes what is opened here, whatever happens.

    Raises:
        UserError: it cannot be: options, image, a file, a port.
    """

    def __init__(self, options: Options, stack: ExitStack) -> None:
        options.check()
        self._options = options
        self._stopped = False
        self._image = load(options.firmware)
        self.port = SerialPort(options.link) if options.on_pty else None
        """What other programs open."""
        if self.port:
            stack.callback(self.port.close)
        self.simulation = power_on(options, self._image, self.port, stack)
        self._pin_trace = self._open_vcd(options.vcd, stack) if options.vcd else None
        self.gdb = self._open_gdb(options.gdb_port, stack) if options.gdb_port is not None else None
        """Where a debugger is expected."""
        self._begin_s = 0.0

    def run(self) -> Summary:
        """Let time pass until the end that was asked for, `stop`, or the end of the program.

        Raises:
            RunError: the program has run into what is no instruction, or a file cannot be written.
        """
        seconds = self._options.seconds
        limit_ns = sys.maxsize if seconds is None else round(seconds * NS_PER_S)
        slice_ns = PACED_SLICE_NS if self.port else SLICE_NS
        self._begin_s = time.monotonic()
        stop = Stop.LIMIT
        while not self._stopped and stop is Stop.LIMIT and self.simulation.now_ns < limit_ns:
            if self.gdb and self._debugger_holds(self.gdb):
                continue
            stop = self._slice(min(self.simulation.now_ns + slice_ns, limit_ns))
        wall_s = time.monotonic() - self._begin_s
        self._finish(stop)
        rows = []
        if self._options.profile:
            board = self.simulation.board
            rows = profile(board.observer.cycles, board.cycle, functions_of(self._options.firmware))
        return summarise(self.simulation, self._image, wall_s, rows)

    def stop(self) -> None:
        """Let `run` return soon."""
        self._stopped = True

    def _slice(self, limit_ns: int) -> Stop:
        """Run a little further; return `Stop.LIMIT` to go on, or why the program cannot."""
        stop = Stop.LIMIT
        with handing_on():
            if self.gdb:
                stop = self.gdb.run(limit_ns)
            else:
                while stop in {Stop.LIMIT, Stop.EVENT} and self.simulation.now_ns < limit_ns:
                    stop = self.simulation.step(limit_ns)
        if self.port:
            ahead_s = self.simulation.now_ns / NS_PER_S - (time.monotonic() - self._begin_s)
            self.port.exchange(self.simulation.now_ns, ahead_s)
        self._write_pins(last=False)
        return Stop.LIMIT if stop is Stop.EVENT else stop

    def _debugger_holds(self, gdb: GdbServer) -> bool:
        """Hear the debugger; return whether time stands still."""
        gdb.serve(STANDING_WAIT_S)
        self._stopped = self._stopped or gdb.killed
        if gdb.holds:
            self._begin_s = time.monotonic() - self.simulation.now_ns / NS_PER_S
        return gdb.holds

    def _open_gdb(self, port: int, stack: ExitStack) -> GdbServer:
        uno = self.simulation.uno
        server = GdbServer(port, Target(self.simulation), uno.reset, lambda text: click.echo(text, err=True))
        stack.callback(server.close)
        return server

    def _open_vcd(self, path: Path, stack: ExitStack) -> PinTrace:
        try:
            file = stack.enter_context(path.open("w", encoding="ascii"))
        except OSError as error:
            raise _unwritable(path, error) from error
        return PinTrace(file, self.simulation.uno)

    def _write_pins(self, *, last: bool) -> None:
        if self._pin_trace is None or self._options.vcd is None:
            return
        try:
            self._pin_trace.write(last=last)
        except OSError as error:
            raise _unwritable(self._options.vcd, error) from error

    def _finish(self, stop: Stop) -> None:
        """Write what is kept beyond the run; say how the program has ended, if it has.

        Raises:
            RunError: it has ended badly, or a file cannot be written.
        """
        self._write_pins(last=True)
        if self._options.eeprom:
            try:
                self._options.eeprom.write_bytes(self.simulation.board.eeprom)
            except OSError as error:
                raise _unwritable(self._options.eeprom, error) from error
        at = f"at {self.simulation.now_ns / NS_PER_S:.6f} s, address 0x{2 * self.simulation.board.pc:04x}"
        if stop is Stop.HALTED:
            click.echo(f"the program sleeps for ever {at}: nothing can wake it", err=True)
        elif stop is not Stop.LIMIT:
            raise RunError(
                f"the program has run into what is no instruction {at}",
                hint="look where it came from: --gdb 0, or --profile",
            )


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot write {path}: {error.strerror}", hint="name a file where there is room for it")
