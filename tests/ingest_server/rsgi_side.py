"""RSGI's side of a request, for tests: its scope, and the exchange of a body for an answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined] # an alias marked for no export

STALL = b""
GONE = b"the client has closed the connection"


class FakeHeaders:
    """Header fields in the order sent; a name may be there twice."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def items(self) -> list[tuple[str, str]]:
        return self._fields

    def get(self, name: str) -> str | None:
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name]


@dataclass
class FakeExchange:
    """RSGI's side of one request: the pieces of a body, of which STALL never comes."""

    pieces: list[bytes]
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    taken_bytes: int = 0

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if piece is STALL:
                await asyncio.Event().wait()
            if piece is GONE:
                raise ProtocolClosed
            self.taken_bytes += len(piece)
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answers.append((status, dict(headers), b""))

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "FakeStream":
        self.answers.append((status, dict(headers), b""))
        return FakeStream(self)


@dataclass
class FakeStream:
    """RSGI's side of an answer in pieces."""

    exchange: FakeExchange
    pieces: list[bytes] = field(default_factory=list)

    async def send_bytes(self, data: bytes) -> None:
        self.pieces.append(data)
        status, headers, body = self.exchange.answers.pop()
        self.exchange.answers.append((status, headers, body + data))


def scope(method: str = "POST", path: str = "/v1/readings", **fields: str) -> Any:
    named = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in fields.items()}}
    return scope_of(list(named.items()), method, path)


def scope_of(fields: list[tuple[str, str]], method: str = "POST", path: str = "/v1/readings") -> Any:
    return SimpleNamespace(
        method=method,
        path=path,
        query_string="a=1",
        scheme="http",
        http_version="1.1",
        client="192.0.2.7:4711",
        server="127.0.0.1:8080",
        headers=FakeHeaders([("host", "127.0.0.1:8080"), *fields]),
    )
