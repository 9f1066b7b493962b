"""The gateway: takes readings for the server, and answers for it, by docs/wire-protocol.md.

A request whose tag is right and whose body the server would take is put in the journal; then it is answered
204, signed. `Forwarder` and `Publisher` pass it on.

Rules: 204 means on disk. What the page lets a server refuse is refused here, signed where the page says so. A
device that is not known is told no more than one with a wrong tag.

What it does not do: TLS (a device that could speak it needs no gateway), or any other address than `PATH`.
"""

import json
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from unobridge import body
from unobridge.errors import BridgeError
from unobridge.instant import Instant, this_instant
from unobridge.journal import Journal, JournalUnavailableError
from unobridge.keys import KeyFileError, Keys
from unobridge.signing import answer_tag, parse_authorization, request_tag, same
from unobridge.strict_http import StrictChannel
from unobridge.targets import Address

PATH = "/v1/readings"
RETRY_AFTER_S = 30
THREADS = 4
"""Each waits for the disk most of the time."""
CONNECTIONS_MAX = 900
"""Idle ones count; with the usual limit of 1,024 open files there are still some for other things."""
HEAD_BYTES_MAX = 16 << 10
CLIENT_WAIT_S = 60
"""How long a silent connection is kept; devices keep theirs open between readings."""

Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], Any]
Environ = dict[str, Any]


class Gateway:
    """The WSGI application.

    Args:
        keys: whose requests are taken.
        journal: where they are put.
        outlets: the ways out they are to take, at least one.
        tell: is told, in one line, what somebody should see.
        taken: called when a request has been put in the journal.
        instant: the moment, from which the time held is counted.
    """

    def __init__(
        self,
        keys: Keys,
        journal: Journal,
        outlets: tuple[str, ...],
        tell: Callable[[str], None],
        taken: Callable[[], None],
        *,
        instant: Callable[[], Instant] = this_instant,
    ) -> None:
        self.accepted = 0
        self.refused = 0
        self._keys = keys
        self._journal = journal
        self._outlets = outlets
        self._tell = tell
        self._taken = taken
        self._instant = instant
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        status, code, headers = self._answer(environ)
        with self._lock:
            if status == HTTPStatus.NO_CONTENT:
                self.accepted += 1
            else:
                self.refused += 1
        text = b""
        if code:
            text = json.dumps({"status": status.value, "code": code}).encode()
            headers = [
                *headers,
                ("Content-Type", "application/problem+json"),
                ("Content-Length", str(len(text))),
            ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [text]

    def _answer(self, environ: Environ) -> tuple[HTTPStatus, str, Headers]:
        if environ["PATH_INFO"] != PATH:
            return HTTPStatus.NOT_FOUND, "not_found", []
        if environ["REQUEST_METHOD"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", [("Allow", "POST")]
        sent = environ["wsgi.input"].read(body.BODY_BYTES_MAX + 1)
        if len(sent) > body.BODY_BYTES_MAX:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", []
        claimed = parse_authorization(environ.get("HTTP_AUTHORIZATION", ""))
        key = self._key(*claimed, sent) if claimed else None
        if claimed is None or key is None:
            return HTTPStatus.UNAUTHORIZED, "bad_signature", [("WWW-Authenticate", "Unolink")]
        device, tag = claimed
        status, code, headers = self._take(device, tag, sent)
        return status, code, [("Unolink-Tag", answer_tag(key, status, tag)), *headers]

    def _key(self, device: str, tag: str, sent: bytes) -> bytes | None:
        """Return the key by which a tag is right."""
        try:
            known = self._keys.of(device)
        except KeyFileError as error:
            self._tell(f"{error}; {error.hint}")
            return None
        right = [key for key in known if same(request_tag(key, device, sent), tag)]
        return right[0] if right else None

    def _take(self, device: str, tag: str, sent: bytes) -> tuple[HTTPStatus, str, Headers]:
        """Check an authentic request and put it in the journal."""
        received = self._instant()
        try:
            body.parse(sent)
        except body.BodyError as error:
            self._tell(f"{device} sent what the server would refuse: {error}")
            return HTTPStatus.BAD_REQUEST, error.code, []
        try:
            self._journal.add(device, tag, sent, self._outlets, received)
        except JournalUnavailableError as error:
            self._tell(f"the journal takes nothing: {error}")
            return HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", [("Retry-After", str(RETRY_AFTER_S))]
        self._taken()
        return HTTPStatus.NO_CONTENT, "", []


class GatewayServer:
    """Serves a gateway in threads of its own.

    Args:
        gateway: the application.
        address: host and port to listen at; port 0 for any.

    Raises:
        BridgeError: the address cannot be listened at.
    """

    def __init__(self, gateway: Gateway, address: Address) -> None:
        host, port = address
        try:
            self._server = create_server(
                gateway,
                host=host,
                port=port,
                threads=THREADS,
                ident=None,
                connection_limit=CONNECTIONS_MAX,
                # select() knows no descriptor beyond 1,023
                asyncore_use_poll=True,
                channel_timeout=CLIENT_WAIT_S,
                max_request_header_size=HEAD_BYTES_MAX,
                max_request_body_size=2 * body.BODY_BYTES_MAX,
                clear_untrusted_proxy_headers=True,
            )
        except (OSError, ValueError, OverflowError) as error:
            raise BridgeError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
                hint="choose another address of this machine, or a port that is free: --listen",
            ) from error
        for one in _sockets_of(self._server):
            one.channel_class = StrictChannel
        self.address: Address = (host, _port_of(self._server))
        self._thread = threading.Thread(target=self._server.run, name="gateway", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests, and let those that have begun end."""
        # in the loop's own thread: it would wait for a socket that is no longer there
        _trigger_of(self._server).pull_trigger(self._server.close)
        self._thread.join(CLIENT_WAIT_S)
        self._server.task_dispatcher.shutdown()


def _sockets_of(server: MultiSocketServer | BaseWSGIServer) -> list[Any]:
    """Return what listens: several, where a name led to several addresses."""
    sockets = list((server.map or {}).values()) if isinstance(server, MultiSocketServer) else [server]
    return [one for one in sockets if isinstance(one, BaseWSGIServer)]


def _trigger_of(server: MultiSocketServer | BaseWSGIServer) -> Any:
    """Return what wakes the server's loop."""
    return _sockets_of(server)[0].trigger


def _port_of(server: MultiSocketServer | BaseWSGIServer) -> int:
    """Return the port in force; the first, where a name led to several addresses."""
    if isinstance(server, MultiSocketServer):
        return int(server.effective_listen[0][1])
    return int(server.getsockname()[1])
