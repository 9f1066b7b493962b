"""The Python face of the ATmega328P core.

Rules: every time is an absolute CPU cycle; nothing happens except inside `run` and `step`; the same calls in
the same order give the same bytes in `snapshot`.
"""

from unosim.board._core import Core
from unosim.board.errors import UartInputError
from unosim.board.events import AdcStarted, Event, PinChanged, Stop, UartSent

PORTS = "BCD"
FLASH_BYTES = 32 * 1024
EEPROM_BYTES = 1024
# Untouched inputs: bandgap 1.1 V (section 24.9.1), temperature sensor 314 mV at 25 degrees C (table 24-2).
FIXED_ANALOG_MV = {8: 314, 14: 1100}

_KIND_UART_SENT, _KIND_ADC_STARTED = 0, 1
_UART_INPUT_REFUSALS = {
    1: "the queue of received frames is full",
    2: "it starts in the past",
    3: "it overlaps the frame before",
}
_SP, _SREG = 0x5D, 0x5F


class Board:
    """An ATmega328P after power-on.

    Args:
        flash: program, at most 32,768 bytes from address 0; the rest is erased (0xFF).
        eeprom: content of the EEPROM, at most 1,024 bytes; the rest, or all if None, is erased.
        ram_fill: the byte, 0..255, that registers and SRAM hold at power-on, where silicon holds noise.
        clock_hz: CPU clock; it matters to the EEPROM alone, whose write time is fixed in milliseconds.

    Raises:
        ValueError: a size or value out of range.
    """

    def __init__(
        self,
        flash: bytes,
        *,
        eeprom: bytes | None = None,
        ram_fill: int = 0xA5,
        clock_hz: int = 16_000_000,
    ) -> None:
        self._core = Core(flash, b"" if eeprom is None else eeprom, ram_fill, clock_hz)
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

    def run(self, until_cycle: int) -> Stop:
        """Run until the cycle counter reaches `until_cycle`, or stop right after an event was queued.

        The last instruction may end a few cycles past the limit. Untaken events are no obstacle until the
        queue of 64 is nearly full; then nothing runs and the answer is `Stop.EVENT`.

        Args:
            until_cycle: absolute cycle, 0..2**64-1; one that is not ahead runs nothing.
        """
        return Stop(self._core.run(until_cycle))

    def step(self) -> Stop:
        """Execute one instruction or enter one interrupt; asleep, let one cycle pass."""
        return self.run(self.cycle + 1)

    def take_events(self) -> list[Event]:
        """Return the queued events, oldest first, and empty the queue."""
        return [
            UartSent(value, start, at, bit_q8)
            if kind == _KIND_UART_SENT
            else AdcStarted(index, at)
            if kind == _KIND_ADC_STARTED
            else PinChanged(PORTS[index], value, at)
            for kind, index, value, start, at, bit_q8 in self._core.take_events()
        ]

    def uart_input(self, data: int, start_cycle: int, bit_cycles_q8: int) -> None:
        """Put an 8N1 frame on the receive line (pin 0).

        Args:
            data: the byte, 0..255.
            start_cycle: falling edge of the start bit; neither past nor before the last frame's stop bit.
            bit_cycles_q8: the sender's bit time in 1/256 cycles, above 0.

        Raises:
            UartInputError: no room, in the past, or overlapping.
            ValueError: a value out of range.
        """
        refused = self._core.uart_input(data, start_cycle, bit_cycles_q8)
        if refused:
            raise UartInputError(
                f"cannot receive byte 0x{data:02x} at cycle {start_cycle}: {_UART_INPUT_REFUSALS[refused]} "
                f"(now {self.cycle}, room for {self.uart_input_room} frames)"
            )

    @property
    def uart_input_room(self) -> int:
        """How many frames `uart_input` accepts before some have been received."""
        return self._core.uart_input_room()

    def set_analog_mv(self, channel: int, millivolts: int) -> None:
        """Set the voltage at an ADC input.

        Args:
            channel: ADMUX channel: 0..7 for pins A0..A7, 8 temperature sensor, 14 bandgap, 15 ground.
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

    def reset(self) -> None:
        """Pull the RESET pin: I/O registers start anew; registers, SRAM and EEPROM stay (MCUSR: EXTRF)."""
        self._core.reset()

    def power_cycle(self, ram_fill: int = 0xA5) -> None:
        """Take power away and give it back: SRAM is lost, an EEPROM write in progress torn (MCUSR: PORF).

        Args:
            ram_fill: the byte, 0..255, that registers and SRAM hold afterwards.
        """
        self._core.power_cycle(ram_fill)

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
