"""A server in this process, asked over its own HTTP or as WSGI: with keys, a fixed time, and a log."""

import io
import json
import re
import sys
import urllib.parse
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from campaign.server import odd_requests as odd
from campaign.server.odd_requests import Request
from ingest_server.front_side import Answered, ask, chunked, serving
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind
from unoingest.key_ring import KeyRing
from unoingest.service import Service
from unoingest.store import SqliteStore

PIECE_BYTES = 65_536
NOW_NS = 1_795_000_000_000_000_000


def problem_code(answer: Answered) -> str:
    """Return the code of a problem, or ""."""
    return str(json.loads(answer.body).get("code", "")) if answer.status >= 400 and answer.body else ""


class Target:
    """A server's application with its store, in this process; closed by `close`."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        store = self._stack.enter_context(closing(SqliteStore(folder / "readings.db")))
        keys = KeyFile(folder / "keys.db")
        for name, key in odd.DEVICES.items():
            keys.add(name, Kind.DEVICE, 0, key)
        for name, key in odd.WRITERS.items():
            keys.add(name, Kind.BEARER, 0, key)
        keys.add(odd.READER, Kind.READER, 0, odd.READER_KEY)
        keys.add(odd.REVOKED_DEVICE, Kind.DEVICE, 0, odd.REVOKED_KEY)
        keys.revoke(odd.REVOKED_DEVICE, 0)
        self.log: list[bytes] = []
        self.emitted: list[bytes] = []
        ring = self._stack.enter_context(closing(KeyRing(folder / "keys.db")))
        service = Service(
            store,
            ring,
            clock_ns=lambda: NOW_NS,
            emit=self.emitted.append,
            log=self.log.append,
            requests_per_s=0,
        )
        self.path = store.path
        self._application = create_app_of(service).wsgi_app
        self._side = self._stack.enter_context(serving(service, self._application))

    def close(self) -> None:
        """Close everything."""
        self._stack.close()

    def over_wsgi(self, request: Request) -> Answered:
        """Return the application's answer."""
        answers: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
            answers.append((status, headers))

        pieces = self._application(_environ(request), start_response)
        try:
            body = b"".join(pieces)
        finally:
            getattr(pieces, "close", lambda: None)()
        status, headers = answers[-1]
        named = {name.lower(): value for name, value in headers}
        # a server below adds it anyway
        named.pop("content-length", None)
        return Answered(int(status[:3]), named, body)

    def over_http(self, request: Request) -> Answered | None:
        """Return the answer of `unoingest serve`, or None if this is nothing that HTTP can say."""
        head = _head(request)
        if not _SAYABLE.fullmatch(head):
            return None
        body = came(request)
        pieces = [body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES)]
        if b"\r\nTransfer-Encoding: chunked\r\n" in head:
            pieces = chunked(*pieces)
        answer = ask(self._side, head, *pieces, client=request.address)
        for name in ("content-length", "date", "connection", "transfer-encoding"):
            answer.headers.pop(name, None)
        return answer


def came(request: Request) -> bytes:
    """Return as much of the body as a server hands on: no more than was announced."""
    length = request.headers["CONTENT_LENGTH"]
    return request.body[: int(length)] if re.fullmatch("[0-9]{1,18}", length) else request.body


def _environ(request: Request) -> dict[str, Any]:
    return {
        **request.headers,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.address,
        "wsgi.input": io.BytesIO(came(request)),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }


# every line a line of its own, and no other control character in it
_SAYABLE = re.compile(rb"[!-~]+ /[!-~]* HTTP/1\.1\r\n(?:[!-9;-~]+: [\t -~\x80-\xff]*\r\n)*\r\n")


def _head(request: Request) -> bytes:
    path = urllib.parse.quote(request.path.encode("latin-1"), safe="/*!$&'()+,;=:@~")
    fields = [
        (name.removeprefix("HTTP_").replace("_", "-").title(), value)
        for name, value in request.headers.items()
        if name != "CONTENT_LENGTH" or value
    ]
    if not request.headers["CONTENT_LENGTH"]:
        fields.append(("Transfer-Encoding", "chunked"))
    lines = [
        f"{request.method} {path}?{request.query} HTTP/1.1",
        *(f"{name}: {value}" for name, value in fields),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
