r"""How the firmware dies in the field: what each death says before the module boots again.

Sources: the ROM's reset causes (Espressif ESP8266 technical reference), the SDK's panic text, dialogues in
public issues. The last words leave at the rate in force; the ROM's text follows at its own.
"""

import enum
from dataclasses import dataclass

POWER_ON_CAUSE = 1
RESET_CAUSE = 2
HARDWARE_WATCHDOG_CAUSE = 4
"""Reset causes that the ROM prints (Espressif ESP8266 technical reference)."""

_WATCHDOG_LINE = b"wdt reset\r\n"
_EXCEPTION_TEXT = (
    b"Fatal exception (28):\r\n"
    b"epc1=0x4022a1b3, epc2=0x00000000, epc3=0x00000000, excvaddr=0x00000008, depc=0x00000000\r\n"
)
"""Number 28 is a load from a forbidden address: what following a null pointer ends in."""


@dataclass(frozen=True)
class Death:
    """What a crash says, and the reset cause that the ROM then prints."""

    last_words: bytes
    cause: int
    rom_line: bytes = b""
    """Follows the ROM's first line."""


class Crash(enum.Enum):
    """The ways to die."""

    HARDWARE_WATCHDOG = Death(b"", HARDWARE_WATCHDOG_CAUSE, _WATCHDOG_LINE)
    """The firmware hung with interrupts off."""
    SOFTWARE_WATCHDOG = Death(b"Soft WDT reset\r\n", RESET_CAUSE)
    """The firmware hung."""
    EXCEPTION = Death(_EXCEPTION_TEXT, RESET_CAUSE)
    """The CPU met something it cannot do."""
    BROWN_OUT = Death(b"", POWER_ON_CAUSE)
    """The supply dipped, as when an Uno's 3.3 V pin feeds the module: a reset without a word."""
