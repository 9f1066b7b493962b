"""The sender: takes rows out of the outbox, writes them to the cloud's log, and only then removes them.

Rules:

* At least once, visible once: after a crash or a lost answer the same entries are written again, with the
  `insertId` and time that they have had since they were accepted.
* A batch ends at ENTRIES_MAX entries or FRAMES_BYTES_MAX; LANES of them are under way at a time, because an
  answer takes as long as the way to the service and back.
* Nothing is dropped. What the service refuses by name becomes a dead letter, with the service's reason; so
  does what is damaged on disk, and what the service would take and never show because it is too old.
* What `unoingest.delivery.verdicts` says of a failure is done here, and nowhere else.

Time, chance and waiting are passed in.
"""

import random
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from google.cloud.logging_v2.types import WriteLogEntriesRequest

from unoingest.delivery.verdicts import Letter, Verdict, WriteError, divide, verdict_of, wait_s
from unoingest.errors import StoreUnavailableError
from unoingest.outbox import DeadLetter, Outbox, OutboxRow
from unoingest.structured_log import encode_event, write_stderr

LANES = 4
ENTRIES_MAX = 1000
"""What Google's own Go client batches; more gains nothing."""
FRAMES_BYTES_MAX = 5 * 1024 * 1024
"""Half of what a request may have."""
IDLE_S = 0.25
STORE_WAIT_S = 1.0
BROKEN_WAIT_S = 60.0
AGE_NS_MAX = 29 * 24 * 3600 * 1_000_000_000
"""After 30 days (Cloud Logging's default retention) an entry is taken and never shown; one is for the way."""

_RequestPb: Any = WriteLogEntriesRequest.pb()


class EntryWriter(Protocol):
    """Where entries go; `unoingest.delivery.cloud.Cloud`."""

    def write(self, frames: bytes) -> None:
        """Write, or raise WriteError."""


class _StoppingError(Exception):
    """The sender is to end while a batch is under way."""


class Sender:
    """Delivers from an outbox.

    Args:
        outbox: Where entries come from; it belongs to the caller.
        cloud: Where they go.
        is_draining: End when the outbox is empty, instead of waiting for more.
        clock_ns: Present time, nanoseconds since the Unix epoch.
        wait: Waits that many seconds and returns True, at once, if the sender is to end.
        log: Takes the service's own log lines; may not raise.
    """

    def __init__(
        self,
        outbox: Outbox,
        cloud: EntryWriter,
        *,
        is_draining: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], bool] | None = None,
        log: Callable[[bytes], None] = write_stderr,
    ) -> None:
        self._outbox = outbox
        self._cloud = cloud
        self._is_draining = is_draining
        self._clock_ns = clock_ns
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._log = log
        self._random = random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._state_guard = threading.Lock()
        self._state = "delivering"
        self._threads = [
            threading.Thread(target=self.run_lane, name=f"sender-{number}", daemon=True)
            for number in range(LANES)
        ]

    def start(self) -> None:
        """Deliver in threads of its own from now on."""
        for thread in self._threads:
            thread.start()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the sender has ended: it was told to, or it was draining and the outbox is empty.

        Args:
            timeout_s: How long to wait for each of its threads, or None for as long as it takes.
        """
        for thread in self._threads:
            thread.join(timeout_s)

    def stop(self) -> None:
        """Begin no further call, and let those under way end; `join` waits for them."""
        self._stop.set()

    def run_lane(self) -> None:
        """Take batches and deliver them, one after the other, until the sender is to end."""
        while not self._stop.is_set():
            rows: tuple[OutboxRow, ...] = ()
            try:
                rows = self._outbox.take(entries_max=ENTRIES_MAX, frames_bytes_max=FRAMES_BYTES_MAX)
                if rows:
                    self._deliver(rows)
                elif self._is_draining or self._wait(IDLE_S):
                    return
            except _StoppingError:
                return
            except sqlite3.Error as error:
                self._say("ERROR", "outbox_unreadable", f"the outbox cannot be read: {error}")
                self._wait(STORE_WAIT_S)
            except Exception as error:  # noqa: BLE001 - our mistake shall not end delivery; the log has it
                trace = "".join(traceback.format_exception(error))
                self._say("ERROR", "delivery_broken", f"delivery failed: {error}", {"stack_trace": trace})
                if rows:
                    self._outbox.release(rows)
                self._wait(BROKEN_WAIT_S)

    def _deliver(self, rows: Sequence[OutboxRow]) -> None:
        oldest_ns = self._clock_ns() - AGE_NS_MAX
        dead: list[DeadLetter] = []
        good: list[OutboxRow] = []
        for row in rows:
            if not row.is_sound:
                dead.append(self._dead(row.received_at_ns, row.frames, "damaged on disk"))
            elif row.received_at_ns < oldest_ns:
                dead += [self._dead(*letter, "too old to be shown") for letter in letters_of(row)]
            else:
                good.append(row)
        frames = b"".join([row.frames for row in good])
        refusal = self._write(frames) if good else None
        if refusal is not None:
            dead += self._sort_out([letter for row in good for letter in letters_of(row)], refusal)
        if dead:
            reasons = sorted({letter.reason for letter in dead})
            self._say(
                "ERROR",
                "entries_refused",
                f"{len(dead)} entries became dead letters; `unoingest outbox` shows them",
                {"count": len(dead), "reasons": reasons[:3]},
            )
        self._settle(rows, dead)

    def _sort_out(self, letters: list[Letter], refusal: WriteError) -> list[DeadLetter]:
        """Deliver what is good among letters that were refused together; return the others."""
        dead: list[DeadLetter] = []
        work = [(letters, refusal)]
        rounds = 0
        while work:
            letters, refusal = work.pop()
            verdict = divide(letters, refusal)
            dead += [self._dead(*letter, reason) for letter, reason in verdict.refused]
            if refusal.entry_errors and verdict.parts:
                # these were refused for a reason that may pass
                rounds += 1
                self._wait_or_stop(wait_s(refusal, rounds, self._random))
            for part in verdict.parts:
                error = self._write(b"".join([frame for _, frame in part]))
                if error is not None:
                    work.append((part, error))
        return dead

    def _write(self, frames: bytes) -> WriteError | None:
        """Write until it is done, and return None, or until it is refused, and return the refusal."""
        failures = 0
        while True:
            try:
                self._cloud.write(frames)
            except WriteError as error:
                if self._stop.is_set():
                    raise _StoppingError from error
                if error.entry_errors or verdict_of(error.code) is Verdict.DIVIDE:
                    self._delivering()
                    return error
                failures += 1
                self._failing(error)
                self._wait_or_stop(wait_s(error, failures, self._random))
            else:
                self._delivering()
                return None

    def _settle(self, rows: Sequence[OutboxRow], dead: Sequence[DeadLetter]) -> None:
        while True:
            try:
                self._outbox.settle(rows, dead)
            except StoreUnavailableError as error:
                # delivered, but not marked so: after a restart they are written again and shown once
                self._say("ERROR", "outbox_unwritable", f"delivered entries cannot be removed: {error}")
                self._wait_or_stop(STORE_WAIT_S)
            else:
                return

    def _wait_or_stop(self, seconds: float) -> None:
        if self._wait(seconds):
            raise _StoppingError

    def _dead(self, received_at_ns: int, frame: bytes, reason: str) -> DeadLetter:
        return DeadLetter(received_at_ns, self._clock_ns(), reason, frame)

    def _failing(self, error: WriteError) -> None:
        """Say that delivery fails, when it begins to, and again when it becomes a human's business."""
        if verdict_of(error.code) is Verdict.PAUSE:
            self._change("paused", "ERROR", "delivery_paused", f"delivery needs a human: {error}")
        else:
            self._change("failing", "WARNING", "delivery_failing", f"delivery is tried again: {error}")

    def _delivering(self) -> None:
        self._change("delivering", "INFO", "delivery_resumed", "the cloud's log takes entries again")

    def _change(self, state: str, severity: str, event: str, message: str) -> None:
        if state == self._state:
            return
        with self._state_guard:
            is_news = state != self._state
            self._state = state
        if is_news:
            self._say(severity, event, message)

    def _say(self, severity: str, event: str, message: str, fields: dict[str, Any] | None = None) -> None:
        self._log(encode_event(severity, event, message, self._clock_ns(), fields))


def letters_of(row: OutboxRow) -> list[Letter]:
    """Return the entries of a sound row one by one."""
    return [
        (row.received_at_ns, _RequestPb(entries=[entry]).SerializeToString())
        for entry in _RequestPb.FromString(row.frames).entries
    ]
