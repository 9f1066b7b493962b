"""A WSGI application as a peer of the virtual network: HTTP/1.1 framing by h11, no server, no socket.

Rules: the application runs at the instant the last byte of a request arrives. What it answers depends on
the request and on the clock it was given alone, so this peer adds no date and no server name.
"""

import io
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import h11

from unosim.network.virtual import Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class WsgiPeer:
    """One HTTP connection to an application.

    Args:
        application: called once for each request.
        answer_ns: the application's simulated time for a request, in ns.
    """

    def __init__(self, application: "WSGIApplication", *, answer_ns: int = 5_000_000) -> None:
        self._application = application
        self._answer_ns = answer_ns
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:  # noqa: ARG002  # the application has its own clock
        """Take bytes of requests; return the answers to those that are complete."""
        self._http.receive_data(data)
        replies: list[Reply] = []
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                refusal = h11.Response(status_code=error.error_status_hint, headers=[("connection", "close")])
                answer = b"" if self._http.our_state is h11.MUST_CLOSE else self._send(refusal)
                return [*replies, Reply(answer, self._answer_ns, close=True)]
            if isinstance(event, h11.Request):
                self._request, self._body = event, bytearray()
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                replies.append(self._answer())
            else:  # NEED_DATA, PAUSED
                return replies

    def _answer(self) -> Reply:
        """Call the application with the request that has just been completed."""
        if self._request is None:
            raise AssertionError("a message ended that never began")
        status, headers, body = _call(self._application, _environ(self._request, bytes(self._body)))
        code, _, reason = status.partition(" ")
        answer = self._send(h11.Response(status_code=int(code), reason=reason, headers=headers), body)
        close = self._http.our_state is h11.MUST_CLOSE
        if not close:
            self._http.start_next_cycle()
        return Reply(answer, self._answer_ns, close)

    def _send(self, response: h11.Response, body: bytes = b"") -> bytes:
        events: list[h11.Event] = [response, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        return b"".join(self._http.send(event) or b"" for event in events)


def _environ(request: h11.Request, body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333)."""
    path, _, query = request.target.decode("ascii").partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/" + request.http_version.decode("ascii"),
        "SERVER_NAME": "simulated",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "192.168.4.3",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.decode("ascii").upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + key
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _call(
    application: "WSGIApplication", environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Run an application; return its status (code and reason), headers and whole body."""
    answer: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> Any:
        del exc_info  # nothing has been sent yet, so a later call simply wins
        answer.append((status, headers))
        return written.append

    chunks = application(environ, start_response)
    try:
        body = b"".join(written) + b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    return *answer[-1], body
