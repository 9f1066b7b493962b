"""Puts together what `unosim run` runs: image, board, parts, and what is on the UART.

Rules: everything that is opened is closed by the stack of the caller.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from unosim.board import Board, Image, ImageError, load_image
from unosim.board.board import EEPROM_BYTES
from unosim.board_serial import HardwareSerial, PinSerial
from unosim.console import Console
from unosim.errors import UserError
from unosim.modem import Settings, UartFormat
from unosim.network import LoopbackNetwork, Network, VirtualNetwork
from unosim.reset_wire import ResetWire
from unosim.run.options import HARDWARE_PINS, Options
from unosim.run.serial_port import SerialPort
from unosim.simulation import Simulation, Wiring
from unosim.terminal import Terminal
from unosim.trace import Channel, Entry, Trace
from unosim.uart_module import UartModule


class RunError(UserError):
    """The image cannot be run, or the program has ended as it should not."""


class _Passing(Trace):
    """Shows entries and keeps none: a run may last for days."""

    def __init__(self, show: Callable[[Entry], None]) -> None:
        super().__init__()
        self._show = show

    def record(self, at_ns: int, channel: Channel, data: bytes, baud: int = 0) -> None:
        """Show an entry."""
        self._show(Entry(at_ns, channel, data, baud))


def load(firmware: Path) -> Image:
    """Return the image of a firmware file.

    Raises:
        RunError: it is none.
    """
    try:
        return load_image(firmware)
    except ImageError as error:
        raise RunError(str(error), hint="name the ELF or Intel HEX file that you flash") from error


def power_on(options: Options, image: Image, port: SerialPort | None, stack: ExitStack) -> Simulation:
    """Return the machine that was asked for, just powered on and observed.

    Args:
        options: what was asked for.
        image: the program.
        port: what other programs open; None for none.
        stack: closes the network.

    Raises:
        RunError: the EEPROM's file cannot be read.
    """
    board = Board(image.flash, eeprom=_eeprom(options.eeprom, image))
    board.observer.start()
    module, network, show = _other_end(options, port, stack)
    parts = list(options.parts)
    if options.reset_pin:
        wire = ResetWire(options.reset_pin, module)
        parts.append(wire)
        module = wire.module
    wiring: Wiring = HardwareSerial
    if options.pins != HARDWARE_PINS:
        wiring = partial(PinSerial, receives=options.pins[0], sends=options.pins[1])
    return Simulation(board, module, network, trace=_Passing(show), parts=parts, wiring=wiring)


def _other_end(
    options: Options, port: SerialPort | None, stack: ExitStack
) -> tuple[UartModule, Network, Callable[[Entry], None]]:
    """Return what is on the UART, what it reaches, and who is shown what is said."""
    if options.module:
        network = LoopbackNetwork(options.routes)
        stack.callback(network.close)
        modem = options.module.make(Settings(uart=UartFormat(options.baud)))
        return modem, network, Console(to_stderr=options.as_json).show
    if port:
        return port.terminal, VirtualNetwork({}), _say_nothing
    return Terminal(options.baud, lambda _: None), VirtualNetwork({}), _print_said


def _eeprom(file: Path | None, image: Image) -> bytes:
    """Return what the EEPROM holds at first: what a run before has left, else what the image brings."""
    if file is None or not file.exists():
        return image.eeprom
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError(
            f"cannot read {file}: {error.strerror}", hint="name a file that --eeprom may read and write"
        ) from error
    if len(content) != EEPROM_BYTES:
        raise RunError(
            f"{file} has {len(content)} bytes; an EEPROM has {EEPROM_BYTES}",
            hint="name a file that --eeprom has written, or one that is not there yet",
        )
    return content


def _print_said(entry: Entry) -> None:
    """Pass on what the program says, byte for byte."""
    if entry.channel is Channel.UNO_TX:
        sys.stdout.buffer.write(entry.data)


def _say_nothing(entry: Entry) -> None:
    del entry
