"""A laptop at the Uno's USB cable: lines to its console, and what it answers.

The dialogue is that of docs/provisioning.md. This end plays no modem: it sends the line that opens the
console until it is greeted, and then one command at a time. The board runs meanwhile, in simulated time;
nothing else is connected to it.
"""

from collections.abc import Mapping

from unosim.board import CLOCK_HZ, Board, Stop, UartSent
from unosim.errors import UsageError
from unosim.uart import Q8

BAUD = 115_200
KNOCK = b"\n!unolink\n"
KNOCK_EVERY_S = 0.2
OPEN_WITHIN_S = 10.0
ANSWER_WITHIN_S = 4.0
QUIET_S = 0.3
FORMER_FRAMES = 130
"""What somebody else may have put on the line and is still arriving: a command and more."""
_STEP_S = 0.005
_BIT_Q8 = CLOCK_HZ * Q8 // BAUD


class CableError(UsageError):
    """The board did not answer, or not with `ok`."""


class Cable:
    """Talks to the console of our firmware.

    Args:
        board: the Uno, powered; it goes on from where it stands.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._heard = bytearray()
        self._free_cycle = board.cycle + FORMER_FRAMES * 10 * _BIT_Q8 // Q8

    def open(self) -> None:
        """Open the console.

        Raises:
            CableError: nobody greets.
        """
        for _ in range(round(OPEN_WITHIN_S / KNOCK_EVERY_S)):
            self._say(KNOCK)
            self._let_pass(KNOCK_EVERY_S)
            if b"\nunolink console 1\r\n" in self._heard:
                break
        else:
            raise CableError("the Uno does not open its console", hint="is this image unolink's firmware?")
        quiet_since = None
        while quiet_since != len(self._heard):
            quiet_since = len(self._heard)
            self._let_pass(QUIET_S)
        self._heard.clear()

    def ask(self, command: str) -> list[str]:
        """Say one command and return the lines of its answer, the last one included.

        Raises:
            CableError: no answer came in time.
        """
        self._heard.clear()
        self._say(command.encode() + b"\n")
        for _ in range(round(ANSWER_WITHIN_S / _STEP_S)):
            self._let_pass(_STEP_S)
            lines = self._heard.decode("utf-8", "replace").split("\r\n")
            if lines[-1] == "" and len(lines) > 1 and (lines[-2] == "ok" or lines[-2].startswith("error ")):
                return lines[:-1]
        raise CableError(f"no answer to {command.partition(' ')[0]!r}", hint="it was asked over the cable")

    def do(self, command: str) -> list[str]:
        """Say one command and return what it tells.

        Raises:
            CableError: the answer is not `ok`.
        """
        *told, verdict = self.ask(command)
        if verdict != "ok":
            raise CableError(f"the Uno refuses {command.partition(' ')[0]!r}: {verdict}", hint="see above")
        return told

    def _say(self, data: bytes) -> None:
        for byte in data:
            while self._board.uart_input_room == 0:
                self._let_pass(_STEP_S)
            start = max(self._free_cycle, self._board.cycle + 16)
            self._board.uart_input(byte, start, _BIT_Q8)
            self._free_cycle = start + 10 * _BIT_Q8 // Q8 + 1

    def _let_pass(self, seconds: float) -> None:
        """Run the board for a while and listen."""
        until_cycle = self._board.cycle + round(seconds * CLOCK_HZ)
        while self._board.cycle < until_cycle:
            stop = self._board.run(until_cycle)
            self._heard += bytes(one.data for one in self._board.take_events() if isinstance(one, UartSent))
            if stop not in {Stop.LIMIT, Stop.EVENT}:
                raise CableError(f"the board stopped: {stop.name}", hint="is this image unolink's firmware?")


def set_up(flash: bytes, settings: Mapping[str, str], eeprom: bytes = b"") -> bytes:
    """Let an Uno with an image be set up over its cable; return its EEPROM.

    Args:
        flash: the image.
        settings: values by the names of docs/provisioning.md.
        eeprom: what its EEPROM holds before; a fresh one's if empty.

    Raises:
        CableError: the image does not talk, or does not take a value.
    """
    board = Board(flash, eeprom=eeprom)
    cable = Cable(board)
    cable.open()
    for name, value in settings.items():
        cable.do(f"set {name} {value}")
    cable.do("save")
    return board.eeprom
