"""The gateway's HTTP server is sent requests with a doubtful end, and a second request behind each."""

import socket
from collections.abc import Iterator

import pytest

from bridge.device import KEY_TEXT, NAME
from campaign.server.http_framing import Case, cases
from unobridge.gateway import Gateway, GatewayServer
from unobridge.journal import Journal
from unobridge.keys import Keys
from unobridge.strict_http import doubt_about

PATIENCE_S = 1.0
"""For an answer that is not coming: only a chunk of 16 exabytes keeps the gateway waiting for more."""
LINE = b"POST /v1/readings HTTP/1.1\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayServer]:
    folder = tmp_path_factory.mktemp("framing")
    (folder / "keys").write_text(f"{NAME} {KEY_TEXT}\n")
    journal = Journal(folder / "journal.db")
    application = Gateway(Keys(folder / "keys"), journal, ("http",), lambda _line: None, lambda: None)
    server = GatewayServer(application, ("127.0.0.1", 0))
    yield server
    server.close()
    journal.close()


def answers(gateway: GatewayServer, data: bytes) -> bytes:
    """Return what comes back until the gateway has closed the connection, or has answered the second."""
    heard = b""
    with socket.create_connection(gateway.address, timeout=PATIENCE_S) as connection:
        connection.sendall(data)
        while b"not_found" not in heard:
            try:
                more = connection.recv(65536)
            except (ConnectionResetError, TimeoutError):
                break
            if not more:
                break
            heard += more
    return heard


# its first request is for an address at which there is nothing either
@pytest.mark.parametrize(
    "case", [case for case in cases() if case.name != "HTTP/2 at once"], ids=lambda case: case.name
)
def test_what_has_a_doubtful_end_is_the_last_of_its_connection(gateway: GatewayServer, case: Case) -> None:
    heard = answers(gateway, case.data)
    assert (b"not_found" in heard) == case.clear
    assert heard.startswith(b"HTTP/1.") or b"chunk size" in case.name.encode()


@pytest.mark.parametrize(
    ("head", "doubt"),
    [
        (LINE + b"Host: a\r\nContent-Length: 3", ""),
        (LINE + b"Host: a\r\nTransfer-Encoding:\tChunked ", ""),
        (LINE + b"Host: \r\nX:", ""),
        (b"GET / HTTP/1.0", ""),
        (LINE + b"Content-Length: 3", "0 hosts"),
        (LINE + b"Host: a\r\nhost: a", "2 hosts"),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b", "2 hosts"),
        (LINE + b"Host: a\r\nContent-Length: " + b"9" * 5_000, "not one number"),
        (LINE + b"Host: a\r\nContent-Length: 3\r\nContent-Length: 3", "not one number"),
        (LINE + b"Host: a\r\nContent-Length:", "not one number"),
        (LINE + b"Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", "in doubt"),
        (LINE + b"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "in doubt"),
        (LINE + b"Host: a\r\nTransfer-Encoding: gzip, chunked", "in doubt"),
        (LINE + b"Host: a\r\nTransfer-Encoding:", "in doubt"),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked", "in doubt"),
        (LINE + b"Host: a\r\n b", "folded"),
        (b"GET / HTTP/1.1 \r\nHost: a", "no request line"),
        (b"GET /\r\nHost: a", "no request line"),
        (b"GET / HTTP/2.0\r\nHost: a", "no request line"),
        (b"", "no request line"),
    ],
)
def test_doubts(head: bytes, doubt: str) -> None:
    found = doubt_about(head)
    assert doubt in found
    assert bool(doubt) == bool(found)


def test_a_length_of_thousands_of_digits_is_refused_like_any_other(gateway: GatewayServer) -> None:
    heard = answers(gateway, LINE + b"Host: a\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.0 400 ")
