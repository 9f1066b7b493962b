"""The Python face of the ATmega328P core.

Rules: every time is an absolute CPU cycle; nothing happens except inside `run` and `step`; the same calls in
the same order give the same bytes in `snapshot`.
"""

import random
from collections.abc import Callable

from unosim.board._core import Core
from unosim.board.errors import UartInputError
from unosim.board.events import (
    AdcStarted,
    Event,
    Fuses,
    PinChanged,
    ResetBegan,
    SerialSent,
    SpiStarted,
    Stop,
    TwiBegan,
    TwiStep,
    UartSent,
)
from unosim.board.observer import Observer

PORTS = "BCD"
FLASH_BYTES = 32 * 1024
CLOCK_HZ = 16_000_000
"""The Uno's ceramic resonator, taken as exact."""
EEPROM_BYTES = 1024
# Untouched inputs: the bandgap's 1.1 V, and the 314 mV of the temperature sensor at 25 degrees C.
FIXED_ANALOG_MV = {8: 314, 14: 1100}
AIN0, AIN1, AREF = 16, 17, 18
"""Analog inputs beside the ADC's channels: the comparator's two, and the pin AREF (5,000 mV at first)."""
DATA_BYTES = 0x900

_UART_INPUT_REFUSALS = {
    1: "the queue of received frames is full",
    2: "it starts in the past",
    3: "it overlaps the frame before",
}
_SP, _SREG = 0x5D, 0x5F
_STOPS = tuple(Stop)
_EVENT_MAKERS: tuple[Callable[[int, int, int, int, int], Event], ...] = (  # enum avr_output_kind
    lambda _index, value, start, at, bit_q8: UartSent(value, start, at, bit_q8),
    lambda index, _value, _start, at, _bit_q8: AdcStarted(index, at),
    lambda index, value, _start, at, _bit_q8: PinChanged(PORTS[index], value, at),
    lambda index, value, start, at, bit_q8: SerialSent(value, start, at, bit_q8, framing_error=bool(index)),
    lambda _index, value, _start, at, _bit_q8: ResetBegan(value, at),
    lambda _index, value, _start, at, bit_q8: SpiStarted(value, at, bit_q8),
    lambda index, value, _start, at, bit_q8: TwiBegan(TwiStep(index), value, at, bit_q8),
)


def _ram(fill: int, seed: int | None) -> bytes:
    """What registers and SRAM hold at power-on."""
    if not 0 <= fill <= 0xFF:
        raise ValueError(f"ram_fill must be 0..255, not {fill}")
    if seed is None:
        return bytes([fill]) * DATA_BYTES
    return random.Random(seed).randbytes(DATA_BYTES)  # noqa: S311 - noise to test with, not a secret


class Board:
    """An ATmega328P after power-on.

    Args:
        flash: program, at most 32,768 bytes from address 0; the rest is erased (0xFF).
        eeprom: content of the EEPROM, at most 1,024 bytes; the rest, or all if None, is erased.
        ram_fill: the byte, 0..255, that registers and SRAM hold at power-on, where silicon holds noise.
        ram_seed: if given, they hold noise made from it instead.
        clock_hz: CPU clock; it matters to EEPROM, flash and watchdog, whose times are fixed in milliseconds.
        fuses: fuse and lock bytes.

    Raises:
        ValueError: a size or value out of range.
    """

    def __init__(
        self,
        flash: bytes,
        *,
        eeprom: bytes | None = None,
        ram_fill: int = 0xA5,
        ram_seed: int | None = None,
        clock_hz: int = CLOCK_HZ,
        fuses: Fuses = Fuses(),  # noqa: B008 - immutable
    ) -> None:
        ram = _ram(ram_fill, ram_seed)
        self._core = Core(flash, b"" if eeprom is None else eeprom, ram, clock_hz, fuses)
        self.observer = Observer(self._core)
        for channel, millivolts in FIXED_ANALOG_MV.items():
            self._core.set_analog_mv(channel, millivolts)

    @property
    def cycle(self) -> int:
        """CPU cycles since the first power-on."""
        return self._core.cycle

    @property
    def asleep(self) -> bool:
        """Whether the CPU has executed SLEEP and nothing has woken it yet."""
        return self._core.asleep

    @property
    def eeprom(self) -> bytes:
        """The 1,024 bytes of the EEPROM; a write in progress has not changed its byte yet."""
        return self._core.eeprom

    @property
    def flash(self) -> bytes:
        """The 32,768 bytes of flash, as self-programming has left them."""
        return self._core.flash

    @property
    def fuses(self) -> Fuses:
        """Fuse bytes, and lock byte as self-programming has left it."""
        return Fuses(*self._core.fuses)

    def run(self, until_cycle: int) -> Stop:
        """Run until the cycle counter reaches `until_cycle`, or stop right after an event was queued.

        The last instruction may end a few cycles past the limit. Untaken events, those of calls between two
        runs among them, are no obstacle until the queue of 64 is nearly full; then nothing runs and the
        answer is `Stop.EVENT`.

        Args:
            until_cycle: absolute cycle, 0..2**62-1; one that is not ahead runs nothing.
        """
        return _STOPS[self._core.run(until_cycle)]

    def step(self) -> Stop:
        """Execute one instruction or enter one interrupt; asleep, let one cycle pass."""
        return self.run(self.cycle + 1)

    def take_events(self) -> list[Event]:
        """Return the queued events, oldest first, and empty the queue."""
        return [
            _EVENT_MAKERS[kind](index, value, start, at, bit_q8)
            for kind, index, value, start, at, bit_q8 in self._core.take_events()
        ]

    def uart_input(self, data: int, start_cycle: int, bit_cycles_q8: int, bits: int = 8) -> None:
        """Put a frame on the receive line of USART0 (pin 0).

        Args:
            data: the bits between start bit and stop bit, the first of them as bit 0; parity included.
            start_cycle: falling edge of the start bit; neither past nor before the last frame's stop bit.
            bit_cycles_q8: the sender's bit time in 1/256 cycles, above 0.
            bits: how many bits `data` has, 0..16.

        Raises:
            UartInputError: no room, in the past, or overlapping.
            ValueError: a value out of range.
        """
        refused = self._core.uart_input(data, start_cycle, bit_cycles_q8, bits)
        self._check_accepted(refused, data, start_cycle, self.uart_input_room)

    def _check_accepted(self, refused: int, data: int, start_cycle: int, room: int) -> None:
        if refused:
            raise UartInputError(
                f"cannot receive byte 0x{data:02x} at cycle {start_cycle}: {_UART_INPUT_REFUSALS[refused]} "
                f"(now {self.cycle}, room for {room} frames)"
            )

    @property
    def uart_input_room(self) -> int:
        """How many frames `uart_input` accepts before some have been received."""
        return self._core.uart_input_room()

    def attach_serial(self, *, listens: tuple[str, int], drives: tuple[str, int], bit_cycles_q8: int) -> None:
        """Connect a serial device, 8N1, to two pins: the other end of a SoftwareSerial.

        What the program sends on the one pin comes as `SerialSent`; `serial_input` puts bytes on the other,
        which idles high. Resets and power cycles leave the device connected. Attaching to the same pins again
        changes the bit time and nothing else.

        Args:
            listens: port and bit of the pin on which the program transmits, for example ("D", 3).
            drives: port and bit of the pin on which it receives.
            bit_cycles_q8: bit time by which the device samples, in 1/256 cycles, above 0.

        Raises:
            ValueError: a value out of range.
        """
        self._core.attach_serial(
            PORTS.index(listens[0]), listens[1], PORTS.index(drives[0]), drives[1], bit_cycles_q8
        )

    def serial_input(self, data: int, start_cycle: int, bit_cycles_q8: int) -> None:
        """Let the device of `attach_serial` send a byte to the board.

        Args:
            data: the byte, 0..255.
            start_cycle: falling edge of the start bit; neither past nor before the last frame's stop bit.
            bit_cycles_q8: bit time by which it sends, in 1/256 cycles, above 0.

        Raises:
            UartInputError: no room, in the past, or overlapping.
            ValueError: a value out of range.
        """
        refused = self._core.serial_input(data, start_cycle, bit_cycles_q8, 8)
        self._check_accepted(refused, data, start_cycle, self.serial_input_room)

    @property
    def serial_input_room(self) -> int:
        """How many frames `serial_input` accepts before some have been sent."""
        return self._core.serial_input_room()

    def silence_lines(self) -> None:
        """Let both serial lines go high now: whoever was sending frames to the board has lost its power."""
        self._core.silence_lines()

    def watch_pins(self, port: str, mask: int) -> None:
        """Choose the pins whose edges by timers and the UART are told as `PinChanged`; at first none.

        Args:
            port: "B", "C" or "D".
            mask: bit n for pin n.
        """
        self._core.watch_pins(PORTS.index(port), mask)

    def pin_levels(self, port: str) -> int:
        """Return the levels of a port's eight pins now, bit n for pin n.

        PINx shows the program the same a cycle later (section 14.2.4).

        Args:
            port: "B", "C" or "D".
        """
        return self._core.pin_levels(PORTS.index(port))

    def set_analog_mv(self, channel: int, millivolts: int) -> None:
        """Set the voltage at an ADC input.

        Args:
            channel: ADMUX channel: 0..7 for pins A0..A7, 8 temperature sensor, 14 bandgap, 15 ground; or
                `AIN0`, `AIN1` (the comparator's pins PD6 and PD7) or `AREF`.
            millivolts: 0..65,535; above the reference the code saturates.
        """
        self._core.set_analog_mv(channel, millivolts)

    def drive_pin(self, port: str, bit: int, *, level: bool | None) -> None:
        """Drive a pin from outside; it shows while the program has it as an input.

        Args:
            port: "B", "C" or "D".
            bit: 0..7.
            level: high, low, or None to let go, so that the pull-up decides.
        """
        self._core.drive_pin(PORTS.index(port), bit, -1 if level is None else int(level))

    def spi_reply(self, data: int) -> None:
        """Answer the byte of the last `SpiStarted` with a byte, 0..255; too late, it is for nobody.

        Without an answer, each bit is the level of pin B4 (MISO) when it is sampled.
        """
        self._core.spi_reply(data)

    def twi_answer(self, *, ack: bool = True, data: int = 0xFF) -> None:
        """Answer the last `TwiBegan`: acknowledge a WRITE, or give the byte, 0..255, of a READ."""
        self._core.twi_answer(ack, data)

    def set_supply_mv(self, millivolts: int, *, ram_fill: int = 0xA5, ram_seed: int | None = None) -> None:
        """Change the supply voltage, at first 5,000 mV; it is AVCC, too.

        Below the level of the fuses' BODLEVEL the chip is held in reset, which begins with `ResetBegan`
        (cause 4) and ends 50 mV higher, with BORF in MCUSR. Below 1,000 mV power is lost as in `power_cycle`,
        and coming back from there is a power-on. With the detector switched off, low voltages above that do
        no harm here.

        Args:
            millivolts: 0..65,535.
            ram_fill: the byte, 0..255, that registers and SRAM hold after power was lost.
            ram_seed: if given, they hold noise made from it instead.
        """
        self._core.set_supply_mv(millivolts, _ram(ram_fill, ram_seed))

    def reset(self) -> None:
        """Pull the RESET pin: I/O registers start anew; registers, SRAM and EEPROM stay (MCUSR: EXTRF)."""
        self._core.reset()

    def power_cycle(self, ram_fill: int = 0xA5, *, ram_seed: int | None = None) -> None:
        """Take power away and give it back: SRAM is lost, a write in progress torn (MCUSR: PORF).

        Args:
            ram_fill: the byte, 0..255, that registers and SRAM hold afterwards.
            ram_seed: if given, they hold noise made from it instead.
        """
        self._core.power_cycle(_ram(ram_fill, ram_seed))

    def snapshot(self) -> bytes:
        """Return the whole machine, flash and queues included, as bytes for `restore` on this machine."""
        return self._core.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Become the machine that `snapshot` was taken of.

        Raises:
            ValueError: not a snapshot of this version of the board.
        """
        self._core.restore(snapshot)

    def read_data(self, address: int, count: int) -> bytes:
        """Read data space without the side effects of a load: registers 0x00, I/O 0x20, SRAM 0x100..0x8FF."""
        return self._core.read_data(address, count)

    def write_data(self, address: int, data: bytes) -> None:
        """Write registers, SRAM, or SP and SREG.

        Raises:
            ValueError: the range touches another I/O register.
        """
        self._core.write_data(address, data)

    @property
    def pc(self) -> int:
        """Program counter in words, 0..0x3FFF."""
        return self._core.pc

    @pc.setter
    def pc(self, words: int) -> None:
        self._core.pc = words

    @property
    def sp(self) -> int:
        """Stack pointer."""
        return int.from_bytes(self.read_data(_SP, 2), "little")

    @sp.setter
    def sp(self, address: int) -> None:
        self.write_data(_SP, address.to_bytes(2, "little"))

    @property
    def sreg(self) -> int:
        """Status register, bits I T H S V N Z C from 7 to 0."""
        return self.read_data(_SREG, 1)[0]

    @sreg.setter
    def sreg(self, flags: int) -> None:
        self.write_data(_SREG, bytes([flags]))
