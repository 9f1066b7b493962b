"""A TLS server that repeats what it hears in capitals, and the authority that has signed its certificate."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sim.certificates import Authority

WAIT_S = 10.0

Serve = Callable[..., tuple[str, int]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def _serve(listener: socket.socket, context: ssl.SSLContext, seen: list[object]) -> None:
    """Serve one connection; one whose handshake fails is over."""
    connection, _ = listener.accept()
    connection.settimeout(WAIT_S)
    try:
        with context.wrap_socket(connection, server_side=True) as session:
            seen += [session.version(), session.getpeercert()]
            while data := session.recv(1 << 16):
                session.sendall(data.upper())
    except (ssl.SSLError, ConnectionError) as error:
        seen.append(error)
    finally:
        connection.close()


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Serve]:
    """Start a server for one connection; it notes in `seen` what it has seen of its client."""
    with ExitStack() as stack:

        def serve(
            host: str,
            *,
            expired: bool = False,
            ask: bool = False,
            oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
            seen: list[object] | None = None,
            certificate: Path | None = None,
        ) -> tuple[str, int]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = oldest
            context.load_cert_chain(certificate or authority.issue(host, expired=expired))
            if ask:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(authority.ca)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(WAIT_S)
            arguments = (listener, context, [] if seen is None else seen)
            thread = threading.Thread(target=_serve, args=arguments)
            thread.start()
            stack.callback(thread.join, WAIT_S)
            address: tuple[str, int] = listener.getsockname()
            return address

        yield serve


@pytest.fixture
def http_like() -> Iterator[tuple[str, int]]:
    """A server that answers whatever it hears with a line of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        address: tuple[str, int] = listener.getsockname()
        yield address
        thread.join(WAIT_S)
