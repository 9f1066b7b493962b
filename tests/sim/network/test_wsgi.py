from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from unosim.network import WsgiPeer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

POST = b"POST /v1/x%20y?q=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\nhello"


def show_environ(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "40")])
    said = (
        f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} {environ['HTTP_X_A']}"
    )
    return [(said + " " + body.decode()).ljust(40).encode()]


def answers(peer: WsgiPeer, data: bytes) -> list[bytes]:
    return [reply.data for reply in peer.receive(data, 0)]


EXPECTED = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b"POST /v1/x y q=1 1,2 hello".ljust(40)


def test_a_request_is_answered_when_its_last_byte_has_arrived() -> None:
    peer = WsgiPeer(show_environ)
    for index in range(len(POST) - 1):
        assert answers(peer, POST[index : index + 1]) == []
    assert answers(peer, POST[-1:]) == [EXPECTED]


def test_a_connection_carries_one_request_after_another() -> None:
    peer = WsgiPeer(show_environ)
    assert answers(peer, POST) == [EXPECTED]
    assert answers(peer, POST) == [EXPECTED]


def test_requests_in_one_segment_are_answered_in_order() -> None:
    assert answers(WsgiPeer(show_environ), POST + POST) == [EXPECTED, EXPECTED]


def test_the_peer_closes_when_it_is_asked_to() -> None:
    request = POST.replace(b"X-A: 1", b"Connection: close\r\nX-A: 1")
    (reply,) = WsgiPeer(show_environ).receive(request, 0)
    assert reply.close
    assert reply.data.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("garbage", [b"\x00\xff\r\n\r\n", b"POST /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_garbage_is_refused_and_the_connection_closed(garbage: bytes) -> None:
    (reply,) = WsgiPeer(show_environ).receive(garbage, 0)
    assert reply.close
    assert reply.data.startswith(b"HTTP/1.1 400 ")


def test_the_answer_takes_its_simulated_time() -> None:
    (reply,) = WsgiPeer(show_environ, answer_ns=7).receive(POST, 0)
    assert (reply.after_ns, reply.close) == (7, False)
