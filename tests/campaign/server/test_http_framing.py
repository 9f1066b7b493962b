"""The shipped server is sent requests with a doubtful end, and a second request behind each."""

import socket
from collections.abc import Iterator

import pytest

from campaign.server.http_framing import Case, cases
from unosim.server_process import ServerProcess

pytestmark = pytest.mark.system
CASES = list(cases())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with ServerProcess(tmp_path_factory.mktemp("framing") / "readings.db") as server:
        yield server.address[1]


def answers(port: int, data: bytes) -> bytes:
    """Return what comes back until the server has closed the connection, or has answered both."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        while b"/behind does not exist" not in heard:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                break
            if not more:
                break
            heard += more
    return heard


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_has_a_doubtful_end_is_the_last_of_its_connection(port: int, case: Case) -> None:
    heard = answers(port, case.data)
    assert (b"/behind" in heard) == case.clear
    if case.clear:
        assert heard.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize(
    "hosts", [b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host: a,b\r\n"]
)
def test_a_request_has_one_host(port: int, hosts: bytes) -> None:
    for line in (b"GET /healthz", b"POST /v1/readings"):
        head = line + b" HTTP/1.1\r\n" + hosts + b"Authorization: Unolink a:x\r\nConnection: close\r\n\r\n"
        answer = answers(port, head)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"invalid_host"' in answer


def test_the_table_is_a_table_of_doubts() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 130
    assert sum(case.clear for case in CASES) > 15
