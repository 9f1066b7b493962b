"""The clock that `AT+CIPSNTPCFG` sets: asks for the time once there is an address, and keeps it.

Rules: no wall clock. The time is what a server told, plus what has passed since by the engine's own instants.
Until then it is the beginning of 1970 in the configured time zone, standing still.
"""

from datetime import UTC, datetime, timedelta

from unosim.modem import actions
from unosim.modem.context import Context
from unosim.modem.settings import SntpSettings

WITH_MINUTES = 100
"""From this number on a time zone is hours and minutes, as in 1245."""


class SntpClock:
    """The clock.

    Args:
        context: the shared parts of the engine.
    """

    def __init__(self, context: Context) -> None:
        self.settings = SntpSettings()
        self._context = context
        self._told: tuple[int, int] | None = None

    def reset(self) -> None:
        """Forget settings and time, as a restart does."""
        self.settings, self._told = SntpSettings(), None

    def configure(self, settings: SntpSettings, *, reachable: bool) -> None:
        """Take new settings; ask for the time if it is wanted and there is an address."""
        self.settings, self._told = settings, None
        if reachable:
            self.ask()

    def ask(self) -> None:
        """Ask for the time, if it is wanted."""
        if self.settings.enabled:
            self._context.kernel.act(actions.SyncTime(self.settings.servers))

    def hear(self, unix_s: int) -> None:
        """Take the time in seconds since 1970; nobody wants it while the clock is switched off."""
        if self.settings.enabled:
            self.set(unix_s)

    def set(self, unix_s: int) -> None:
        """Take the time from the host."""
        self._told = (unix_s, self._context.kernel.now_ns)

    @property
    def unix_s(self) -> int:
        """Return the time in seconds since 1970; 0 until it is told."""
        if self._told is None:
            return 0
        return self._told[0] + (self._context.kernel.now_ns - self._told[1]) // 1_000_000_000

    def text(self) -> str:
        """Return the local time as C's `asctime` writes it, without its line feed, days with two digits."""
        hours, minutes = self.settings.timezone, 0
        if abs(hours) >= WITH_MINUTES:
            hours, minutes = divmod(abs(hours), WITH_MINUTES)
            if self.settings.timezone < 0:
                hours, minutes = -hours, -minutes
        now = datetime.fromtimestamp(self.unix_s, UTC) + timedelta(hours=hours, minutes=minutes)
        words = now.ctime().split()
        return f"{words[0]} {words[1]} {now.day:02} {words[3]} {words[4]}"
