"""One request as WSGI (PEP 3333) calls an application, and its answer as bytes.

Called in a thread that may wait: for the application, and for a client that takes a long answer slowly.
"""

import functools
import io
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from unoingest.front.encoding import LAST_CHUNK, encode_chunk, encode_head
from unoingest.front.request import Request
from unoingest.front.returns import Call, Returns

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_NO_BODY = frozenset({204, 304})


class BrokenBody(io.RawIOBase):
    """The input of a request whose body did not come whole.

    Args:
        trouble: Why.
    """

    def __init__(self, trouble: Exception) -> None:
        super().__init__()
        self._trouble = trouble

    def read(self, _size: int = -1) -> bytes:
        """Raise the trouble."""
        raise self._trouble


class WsgiCaller:
    """Calls one application.

    Args:
        application: Begins its answer before it returns the pieces.
        address: Host and port at which the server listens.
        returns: Brings answers to who asked.
    """

    def __init__(self, application: "WSGIApplication", address: tuple[str, int], returns: Returns) -> None:
        self._application = application
        self._address = address
        self._returns = returns

    def answer(self, request: Request) -> Call:
        """Have the application answer a request, and return the last that the event loop has to do for it.

        Of an answer whose length is not known, all pieces before the last are on their way by then.
        """
        started: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(
            status: str, fields: list[tuple[str, str]], _error: Any = None
        ) -> Callable[[bytes], object]:
            started.append((int(status[:3]), fields))
            return _refuse_write

        pieces = self._application(environ_of(request, self._address), start_response)
        try:
            status, fields = started[-1]
            if request.head.method == "HEAD" or status in _NO_BODY or _has_length(fields):
                head = encode_head(status, fields, int(time.time()), closes=request.closes)
                body = b"" if request.head.method == "HEAD" else b"".join(pieces)
                return request.asker.answer, head + body
            return self._answer_in_pieces(request, status, fields, pieces)
        finally:
            getattr(pieces, "close", _nothing)()

    def _answer_in_pieces(
        self, request: Request, status: int, fields: list[tuple[str, str]], pieces: Iterable[bytes]
    ) -> Call:
        """Answer piece by piece, no faster than the client takes it; return what is left to be done."""
        # a client of HTTP/1.0 knows no chunks: the end of the connection is the end of the answer
        in_chunks = request.head.version != "1.0"
        if in_chunks:
            fields = [*fields, ("Transfer-Encoding", "chunked")]
        room = threading.Event()
        send = request.asker.begin_piece(room)
        data = encode_head(status, fields, int(time.time()), closes=request.closes)
        for piece in pieces:
            if piece:
                data += encode_chunk(piece) if in_chunks else piece
                room.clear()
                self._returns.put([(send, data)])
                room.wait()
                data = b""
            if request.asker.is_gone:
                return request.asker.cut, b""
        return request.asker.answer, data + (LAST_CHUNK if in_chunks else b"")


def environ_of(request: Request, address: tuple[str, int]) -> dict[str, Any]:
    """Return the WSGI environment of a request to a server at this address."""
    head = request.head
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path,
        "QUERY_STRING": head.query,
        "SERVER_NAME": address[0],
        "SERVER_PORT": str(address[1]),
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "REMOTE_ADDR": request.client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body) if request.trouble is None else BrokenBody(request.trouble),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in head.fields.items():
        environ[_key_of(name)] = value
    return environ


@functools.lru_cache(maxsize=256)
def _key_of(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def _has_length(fields: Iterable[tuple[str, str]]) -> bool:
    return any(name.lower() == "content-length" for name, _ in fields)


def _nothing() -> None:
    pass


def _refuse_write(_data: bytes) -> object:
    raise NotImplementedError("the application returns its body (PEP 3333 calls write() a relic)")
