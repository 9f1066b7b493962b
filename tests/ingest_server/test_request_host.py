"""Which Host a request may have (RFC 9112, section 3.2), and that every entry asks."""

import contextlib
import json

import pytest

from ingest_server.conftest import Ingest
from ingest_server.front_side import ask, head_of, serving
from ingest_server.wire import BODY, signed
from unoingest.problems import ProblemError
from unoingest.request_host import check_host
from unoingest.service import Service
from unoingest.store import SqliteStore


@pytest.mark.parametrize(
    ("host", "version", "is_right"),
    [
        ("192.168.1.10:8080", "1.1", True),
        ("ingest.lan", "1.1", True),
        ("unolink_server_1:8080", "1.1", True),
        ("xn--bcher-kva.example.", "1.1", True),
        ("[::1]:8080", "1.1", True),
        ("[fe80::192.168.1.1]", "1.1", True),
        ("localhost:", "1.1", True),
        ("", "1.1", True),
        (None, "1.0", True),
        (None, "1.1", False),
        ("a,a", "1.1", False),
        ("a, b", "1.0", False),
        ("a b", "1.1", False),
        ("a..b", "1.1", False),
        ("a" * 64, "1.1", False),
        ("user@a", "1.1", False),
        ("http://a", "1.1", False),
        ("a:80x", "1.1", False),
        ("a:123456", "1.1", False),
        ("[::g]", "1.1", False),
        ("b\xfccher.example", "1.1", False),
        ("a\n", "1.1", False),
    ],
)
def test_hosts(host: str | None, version: str, is_right: bool) -> None:
    refusal = contextlib.nullcontext() if is_right else pytest.raises(ProblemError)
    with refusal:
        check_host(host, version)


@pytest.mark.parametrize("hosts", [(), ("a", "a"), ("a", "b"), ("a,b",), ("a..b",)])
@pytest.mark.parametrize("path", ["/v1/readings", "/healthz"])
@pytest.mark.parametrize("headers", [signed(BODY), {}], ids=["signed", "plain"])
def test_the_entry_of_our_own_server_refuses(
    store: SqliteStore, hosts: tuple[str, ...], path: str, headers: dict[str, str]
) -> None:
    fields = [*(("host", host) for host in hosts), *headers.items(), ("Content-Length", str(len(BODY)))]
    head = (
        head_of(fields, path=path)
        if hosts
        else head_of(fields, path=path).replace(b"Host: 127.0.0.1:8080\r\n", b"")
    )
    with serving(Service(store, log=lambda _line: None)) as side:
        answer = ask(side, head, BODY)
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "invalid_host")


@pytest.mark.parametrize("host", ["a,b", "a..b", "k" * 64])
def test_the_wsgi_application_refuses(ingest: Ingest, host: str) -> None:
    answer = ingest.client().get("/healthz", environ_overrides={"HTTP_HOST": host})
    assert (answer.status_code, json.loads(answer.data)["code"]) == (400, "invalid_host")
