"""A pseudo-terminal: the module as a serial device that any terminal program or library opens by its name.

The device starts raw at 115200 baud, and the rate that the host sets on it counts: at a wrong one, garbage
goes both ways, as on a wire. Linux only, because the rate is read with TCGETS2 (ioctl_tty(2)), which also
knows rates that have no name.

What it does not do: parity and other frames are accepted and ignored; what nobody reads stays in the
kernel's buffer until it is full.
"""

import contextlib
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from unosim.fronts.stream import READ_BYTES, FrontError, Said
from unosim.network.seam import HasFileno

if sys.platform == "linux":
    import fcntl
    import termios
    import tty

_TCGETS2 = 0x802C542A
_TERMIOS2 = struct.Struct("4I20s2I")  # flags, line discipline and control characters, input and output rate


class _Descriptor:
    """A descriptor, as something that select(2) can wait for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor


class PtyStream:
    """The module's side of a pseudo-terminal.

    Args:
        link: a symbolic link to make to the device, replacing one that leads nowhere; None for none.

    Raises:
        FrontError: the link cannot be made, or this is not Linux.
    """

    def __init__(self, link: Path | None = None) -> None:
        if sys.platform != "linux":
            raise FrontError(
                f"there is no pseudo-terminal for a module on {sys.platform}", hint="use --tcp or --rfc2217"
            )
        self._ours, self._device = os.openpty()
        os.set_blocking(self._ours, False)
        tty.setraw(self._device)
        attributes = termios.tcgetattr(self._device)
        attributes[4:6] = [termios.B115200, termios.B115200]
        termios.tcsetattr(self._device, termios.TCSANOW, attributes)
        self._readers = [_Descriptor(self._ours)]
        self._link: Path | None = None
        self.device = os.ttyname(self._device)
        if link:
            self._make_link(link)

    @property
    def name(self) -> str:
        """What the host opens."""
        return str(self._link or self.device)

    @property
    def baud(self) -> int:
        """The rate in bits per second that the host has set."""
        answer = fcntl.ioctl(self._device, _TCGETS2, bytes(_TERMIOS2.size))
        return int(_TERMIOS2.unpack(answer)[-1])

    def readers(self) -> Sequence[HasFileno]:
        """Return what to wait for until `read` has something."""
        return self._readers

    def read(self) -> list[Said]:
        """Return what the host has said."""
        try:
            data = os.read(self._ours, READ_BYTES)
        except BlockingIOError:
            return []
        return [Said(data, self.baud)]

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; return how many found room."""
        try:
            return os.write(self._ours, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Take the device away, and the link that leads to it."""
        os.close(self._ours)
        os.close(self._device)
        if self._link and self._link.is_symlink() and str(self._link.readlink()) == self.device:
            self._link.unlink()

    def _make_link(self, link: Path) -> None:
        """Make a symbolic link to the device; a link that a crashed run left behind gives way."""
        if link.is_symlink() and not link.exists():
            with contextlib.suppress(FileNotFoundError):
                link.unlink()
        try:
            link.symlink_to(self.device)
        except OSError as error:
            self.close()
            raise FrontError(
                f"cannot make the link {link}: {error.strerror}",
                hint="choose another --link in a folder you may write to",
            ) from error
        self._link = link
