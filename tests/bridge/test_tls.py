"""TLS with certificates verified: for the board's own connections, and between gateway and server."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.conftest import Start
from bridge.device import WAIT_S, Device, body_of, sign
from bridge.test_gateway import Site
from bridge.usb import Cable
from sim.certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


class Server(http.server.BaseHTTPRequestHandler):
    """Takes every reading, signed."""

    protocol_version = "HTTP/1.1"
    posted: list[bytes]

    def do_POST(self) -> None:
        self.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        tag = self.headers["Authorization"].split(":")[1]
        self.send_response(204)
        self.send_header("Unolink-Tag", sign(b"204\n" + tag.encode()))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Keep the test's output clean."""


@contextmanager
def https(certificate: Path, posted: list[bytes]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = type("Handler", (Server,), {"posted": posted})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that do not trust it
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:  # a test that fails must end, too
            server.shutdown()
            thread.join(WAIT_S)


def test_a_plain_target_is_reached_over_verified_tls(
    start: Start, cable: Cable, authority: Authority
) -> None:
    posted: list[bytes] = []
    with https(authority.issue("localhost"), posted) as port:
        upgrade = f"ingest.lan:8080=localhost:{port}"
        start("run", "--port", str(cable.link), "--quiet", "--upgrade", upgrade, "--ca", str(authority.ca))
        cable.read_until(b"ready\r\n")
        cable.ask(b'AT+CWJAP_CUR="any","whatever"\r\n')
        cable.ask(b'AT+CIPSTART="TCP","ingest.lan",8080\r\n', b"CONNECT\r\n\r\nOK\r\n")
        head = b"POST /v1/readings HTTP/1.1\r\nHost: x\r\nAuthorization: Unolink a:b\r\n"
        request = head + b"Content-Length: 2\r\n\r\n{}"
        cable.ask(b"AT+CIPSEND=%d\r\n" % len(request), b"> ")
        cable.ask(request, b"HTTP/1.1 204 No Content\r\n")
    assert posted == [b"{}"]


@pytest.mark.parametrize(
    "make",
    [
        lambda authority: (authority.issue("elsewhere.example"), authority.ca),
        lambda authority: (authority.issue("localhost", expired=True), authority.ca),
        lambda authority: (authority.issue("localhost"), None),
    ],
    ids=["other name", "expired", "unknown authority"],
)
def test_a_server_that_cannot_be_verified_is_not_reached(
    start: Start,
    cable: Cable,
    authority: Authority,
    make: Callable[[Authority], tuple[Path, Path | None]],
) -> None:
    certificate, ca = make(authority)
    with https(certificate, []) as port:
        trust = ["--ca", str(ca)] if ca else []
        command = start("run", "--port", str(cable.link), "--upgrade", f"s.lan:80=localhost:{port}", *trust)
        cable.read_until(b"ready\r\n")
        cable.ask(b'AT+CWJAP_CUR="any","whatever"\r\n')
        heard = cable.ask(b'AT+CIPSTART="TCP","s.lan",80\r\n', b"CLOSED\r\n", b"OK\r\n")
        assert heard.endswith(b"CLOSED\r\n")
        assert b"\r\nERROR\r\n" in heard
        command.wait_for("certificate")


def test_readings_are_passed_on_over_verified_tls(tmp_path: Path, start: Start, authority: Authority) -> None:
    posted: list[bytes] = []
    site = Site(tmp_path, start)
    with https(authority.issue("localhost"), posted) as port:
        forward = f"https://localhost:{port}"
        command, address = site.gateway(forward=forward)
        device = Device(address)
        assert device.post(body_of([1]))[:2] == (204, True)
        command.wait_for("CERTIFICATE_VERIFY_FAILED")
        device.close()
        command.end()
        assert posted == []
        site.gateway("--ca", str(authority.ca), forward=forward)
        site.wait_until_empty()
    assert posted == [body_of([1])]
