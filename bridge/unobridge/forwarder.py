"""Passes the journal's requests on to the server over HTTP (docs/wire-protocol.md, "Through a gateway").

Body and `Authorization` stay as the device made them; `Unolink-Held` says how long they were held. The
requests of a device go in their order; one device that has to wait does not hold up the others.

Rules: only an answer with a right tag is believed. 204 ends a request. A batch that is refused for good is
cut into its readings, signed here with the device's key, so that one bad reading takes no other with it; a
reading that is refused for good is put aside, not forgotten. Anything else waits and comes again.
"""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import urllib3

from unobridge.errors import BridgeError, UsageError
from unobridge.instant import Instant, this_instant
from unobridge.journal import Held, Journal, JournalUnavailableError
from unobridge.keys import KeyFileError, Keys
from unobridge.signing import answer_tag, authorization, held_tag, request_tag, same

OUTLET = "http"
PATH = "/v1/readings"
CONNECT_WAIT_S = 10.0
ANSWER_WAIT_S = 30.0
BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 300.0
RETRY_AFTER_MAX_S = 3_600.0
KEY_WAIT_S = 300.0
"""Between two tries with a key that the server does not accept."""
IDLE_WAIT_S = 60.0

Tell = Callable[[str], None]


@dataclass
class _Wait:
    """How long something is left alone after failures."""

    until_s: float = 0.0
    failures: int = 0

    def back_off(self, now_s: float, chance: float) -> None:
        """Wait twice as long as before, up to the limit, less a random half."""
        wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self.failures, 30))
        self.failures += 1
        self.until_s = now_s + wait_s * (0.5 + chance / 2)


@dataclass(frozen=True)
class Answer:
    """What the server said: its status, its tag (empty for none), seconds to wait (None for not said)."""

    status: int
    tag: str = ""
    retry_after_s: float | None = None


Post = Callable[[bytes, dict[str, str]], Answer]
"""Sends a body with header fields; raises BridgeError if no answer comes."""


@dataclass
class Forwarder:
    """Passes requests on, one at a time.

    Args:
        journal: where they wait.
        keys: the devices' keys.
        post: sends one.
        tell: is told, in one line, what somebody should see.
        instant: the moment, to count the time held.
        chance: a number from 0 to 1, anew at each call.
    """

    journal: Journal
    keys: Keys
    post: Post
    tell: Tell
    instant: Callable[[], Instant] = this_instant
    chance: Callable[[], float] = random.random
    delivered: int = 0
    refused: int = 0
    failures: int = 0
    _server: _Wait = field(default_factory=_Wait)
    _devices: dict[str, _Wait] = field(default_factory=dict)
    _complaint: str = ""

    def step(self, now_s: float) -> float:
        """Pass on at most one request; return in how many seconds there is something to do again.

        Args:
            now_s: seconds of a clock that nobody sets.
        """
        if self._server.until_s > now_s:
            return self._server.until_s - now_s
        waiting = {device: wait.until_s for device, wait in self._devices.items() if wait.until_s > now_s}
        try:
            held = self.journal.next(OUTLET, waiting)
            if held is None:
                return min([IDLE_WAIT_S, *(until_s - now_s for until_s in waiting.values())])
            self._pass_on(held, now_s)
        except JournalUnavailableError as error:
            self._complain(f"the journal cannot be used: {error}")
            self._server.back_off(now_s, self.chance())
        return 0.0

    def run(self, stopped: threading.Event, clock_s: Callable[[], float]) -> None:
        """Pass on until stopped; `journal.news` is set to be noticed at once."""
        while not stopped.is_set():
            self.journal.news.clear()
            wait_s = self.step(clock_s())
            if wait_s > 0:
                self.journal.news.wait(wait_s)

    def _pass_on(self, held: Held, now_s: float) -> None:
        """Send one request and act on the answer."""
        device = self._devices.setdefault(held.device, _Wait())
        key = self._key(held)
        if key is None:
            self._complain(
                f"{held.device}: its readings wait, because their key is in the file of keys no more"
            )
            device.until_s = now_s + KEY_WAIT_S
            return
        held_ms = held.received.elapsed_ns(self.instant()) // 1_000_000
        fields = {
            "Authorization": authorization(held.device, held.tag),
            "Unolink-Held": f"{held_ms}:{held_tag(key, held_ms, held.tag)}",
            "Content-Type": "application/json",
        }
        try:
            answer = self.post(held.body, fields)
        except BridgeError as error:
            self._fail(self._server, str(error), now_s)
            return
        self._act(held, key, answer, device, now_s)

    def _act(self, held: Held, key: bytes, answer: Answer, device: _Wait, now_s: float) -> None:
        signed = same(answer.tag, answer_tag(key, answer.status, held.tag))
        match answer.status:
            case 204 if signed:
                self.journal.done(OUTLET, held.number)
                self.delivered += 1
                self._server.failures = device.failures = 0
                self._complaint = ""
            case 400 | 413 | 422 if signed:
                self._give_up(held, key, answer.status)
            case 401 | 403:
                self.failures += 1
                self._complain(f"{held.device}: the server does not accept its key ({answer.status})")
                device.until_s = now_s + KEY_WAIT_S
            case 429 | 503 if answer.retry_after_s is not None:
                self.failures += 1
                wait = device if answer.status == 429 else self._server
                wait.until_s = now_s + min(answer.retry_after_s, RETRY_AFTER_MAX_S)
            case _:
                belief = "" if signed else ", without a right signature"
                self._fail(self._server, f"the server answered {answer.status}{belief}", now_s)

    def _give_up(self, held: Held, key: bytes, status: int) -> None:
        """Cut a batch into its readings, or put a single one aside."""
        batch = json.loads(held.body)
        rows = batch["readings"]
        if len(rows) == 1:
            self.journal.refuse(OUTLET, held, f"the server answered {status}")
            self.refused += 1
            which = f"boot {batch['boot']} seq {rows[0][0]}"
            self.tell(f"{held.device}: the server refuses {which} ({status}); it is kept aside")
            return
        parts = []
        for index, row in enumerate(rows):
            members = {"boot": batch["boot"], "channels": batch["channels"], "readings": [row]}
            if "status" in batch and index == 0:
                members["status"] = batch["status"]
            body = json.dumps(members, separators=(",", ":")).encode()
            parts.append((request_tag(key, held.device, body), body))
        self.journal.split(OUTLET, held, parts)

    def _key(self, held: Held) -> bytes | None:
        """Return the key that signed a request."""
        try:
            known = self.keys.of(held.device)
        except KeyFileError as error:
            self._complain(f"{error}; {error.hint}")
            return None
        return next((key for key in known if same(request_tag(key, held.device, held.body), held.tag)), None)

    def _fail(self, wait: _Wait, why: str, now_s: float) -> None:
        self.failures += 1
        wait.back_off(now_s, self.chance())
        self._complain(f"{why}: readings wait in the journal")

    def _complain(self, text: str) -> None:
        """Say what is the matter, once until something else is or all is well."""
        if text != self._complaint:
            self._complaint = text
            self.tell(text)


class HttpServer:
    """The server's side: posts over one kept connection, with certificates verified.

    Args:
        url: where it is, `https://HOST[:PORT][/PREFIX]` or `http://...`.
        ca: a PEM file of the authorities that are trusted; None for those of this machine.

    Raises:
        UsageError: the URL is none.
        BridgeError: the file cannot be used.
    """

    def __init__(self, url: str, ca: str | None) -> None:
        self._url = check_url(url) + PATH
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_WAIT_S, read=ANSWER_WAIT_S),
            cert_reqs="CERT_REQUIRED",
            ca_certs=ca,
        )

    def __call__(self, body: bytes, fields: dict[str, str]) -> Answer:
        """Send a body; see `Post`."""
        try:
            answer = self._pool.request("POST", self._url, body=body, headers=fields, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise BridgeError(
                f"the server cannot be reached ({_why(error)})", hint="see --forward"
            ) from error
        retry_after = answer.headers.get("Retry-After", "")
        wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        return Answer(answer.status, answer.headers.get("Unolink-Tag", ""), wait_s)

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def check_url(url: str) -> str:
    """Return the URL of a server without a slash at its end.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        good = False
    if not good or urlsplit(url).query or urlsplit(url).fragment:
        raise UsageError(f"not the URL of a server: {url!r}", hint="write https://HOST or http://HOST:PORT")
    return url.rstrip("/")


def _why(error: Exception) -> str:
    """Return the innermost reason of an error in a few words."""
    inner = getattr(error, "reason", None) or error.__cause__ or error
    return str(inner).split(": ", 1)[-1] if isinstance(inner, urllib3.exceptions.HTTPError) else str(inner)
