"""Every code of the table, provoked."""

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from ingest_server.front_side import ask, head_of, serving
from ingest_server.test_app import problem_of
from ingest_server.wire import BODY, DEVICE, KEY, rows, signed
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.problems import PROBLEMS
from unoingest.service import Service
from unoingest.signature import encode_key
from unoingest.store import SqliteStore

BEARER = {"Authorization": f"Bearer {encode_key(bytes(32))}"}
READER = {"Authorization": f"Bearer {encode_key(bytes(31) + b'1')}"}
JSON = {"Content-Type": "application/json"}
ONE = b'{"readings":[{"values":{"a0":1}}]}'


@dataclass
class Scene:
    http: FlaskClient
    service: Service
    keys: KeyFile
    database: Path
    mocker: Any

    def post(
        self, body: bytes, headers: dict[str, str], path: str = "/v1/readings", **options: Any
    ) -> TestResponse:
        return self.http.post(path, data=body, headers=headers, **options)

    def lines(self, body: bytes, **headers: str) -> TestResponse:
        return self.post(body, {**BEARER, **headers}, "/api/v2/write")

    def key_reused(self) -> TestResponse:
        self.post(ONE, {**BEARER, **JSON, "Idempotency-Key": '"k"'})
        return self.post(ONE.replace(b"1", b"2"), {**BEARER, **JSON, "Idempotency-Key": '"k"'})

    def revoked(self) -> TestResponse:
        self.keys.revoke(DEVICE, 2)
        return self.post(BODY, signed(BODY))

    def conflict(self) -> TestResponse:
        self.post(BODY, signed(BODY))
        other = rows([17, 0, 1, 1])
        return self.post(other, signed(other))

    def too_often(self) -> TestResponse:
        self.post(BODY, signed(BODY))
        self.post(BODY, signed(BODY))
        return self.post(BODY, signed(BODY))

    def mistake(self) -> TestResponse:
        self.mocker.patch("unoingest.signed_posts.decode_device_body", side_effect=ZeroDivisionError)
        return self.post(BODY, signed(BODY))

    def locked(self) -> TestResponse:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            return self.post(BODY, signed(BODY))

    def over_the_wire(self, data: bytes, **options: Any) -> Response:
        with serving(self.service) as side:
            answer = ask(side, data, **options)
        return Response(answer.body, answer.status, answer.headers)

    def with_environ(self, **environ: Any) -> TestResponse:
        named = {name.replace("__", "."): value for name, value in environ.items()}
        return self.post(BODY, signed(BODY), environ_overrides=named)


PROVOKED: dict[str, Callable[[Scene], Response]] = {
    "malformed_json": lambda s: s.post(b"{", signed(b"{")),
    "invalid_reading": lambda s: s.post(b"{}", signed(b"{}")),
    "invalid_host": lambda s: s.with_environ(HTTP_HOST="a,b"),
    "malformed_request": lambda s: s.over_the_wire(b"GET / HTTP/2.0\r\n\r\n"),
    "head_too_large": lambda s: s.over_the_wire(head_of([("X", "y" * 16_384)])),
    "invalid_length": lambda s: s.with_environ(CONTENT_LENGTH="x"),
    "malformed_gzip": lambda s: s.lines(b"m v=1", **{"Content-Encoding": "gzip"}),
    "invalid_line": lambda s: s.lines(b"m"),
    "partial_write": lambda s: s.lines(gzip.compress(b"m v=1\nm"), **{"Content-Encoding": "gzip"}),
    "invalid_query": lambda s: s.post(b"m v=1", BEARER, "/write?precision=x"),
    "invalid_idempotency_key": lambda s: s.lines(b"m v=1", **{"Idempotency-Key": "a b"}),
    "bad_key": lambda s: s.http.get("/v1/devices"),
    "not_allowed": lambda s: s.http.get("/v1/devices", headers=BEARER),
    "bad_signature": lambda s: s.post(BODY, signed(BODY, bytes(32))),
    "key_revoked": Scene.revoked,
    "unknown_path": lambda s: s.http.get("/"),
    "unknown_device": lambda s: s.http.get("/v1/devices/nobody/latest", headers=READER),
    "method_not_allowed": lambda s: s.http.get("/v1/readings"),
    "body_timeout": lambda s: s.over_the_wire(
        head_of([("Content-Length", "9")]) + b"{", then=lambda wire: wire.protocol.expire(99)
    ),
    "length_required": lambda s: s.with_environ(CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"),
    "body_too_large": lambda s: s.post(b" " * 65_537, signed(b" " * 65_537)),
    "unsupported_media_type": lambda s: s.post(BODY, {**signed(BODY), "Content-Type": "text/plain"}),
    "identity_conflict": Scene.conflict,
    "idempotency_key_reused": Scene.key_reused,
    "rate_limited": Scene.too_often,
    "internal_error": Scene.mistake,
    "store_unavailable": Scene.locked,
}


@pytest.fixture
def scene(store: SqliteStore, database: Path, mocker: Any) -> Iterator[Scene]:
    keys = KeyFile(key_path(database))
    keys.add(DEVICE, Kind.DEVICE, 1, KEY)
    keys.add("laptop", Kind.BEARER, 1, bytes(32))
    keys.add("grafana", Kind.READER, 1, bytes(31) + b"1")
    with closing(KeyRing(key_path(database))) as ring:
        service = Service(
            store,
            ring,
            clock_ns=lambda: 1,
            emit=lambda _line: None,
            log=lambda _line: None,
            requests_per_s=1,
        )
        yield Scene(create_app_of(service).test_client(), service, keys, database, mocker)


def test_no_code_is_forgotten() -> None:
    assert sorted(PROVOKED) == sorted(PROBLEMS)


@pytest.mark.parametrize("code", PROVOKED)
def test_each_problem_is_provoked(scene: Scene, code: str) -> None:
    problem_of(PROVOKED[code](scene), code, PROBLEMS[code].status)


def test_the_openapi_document_has_the_routes_and_no_other(scene: Scene) -> None:
    document = json.loads(scene.http.get("/openapi.json").data)
    documented = {
        (path, method.upper()) for path, operations in document["paths"].items() for method in operations
    }
    pages = {"/openapi.json", "/problems/{code}"}
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method)
        for rule in scene.http.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert documented == {(path, method) for path, method in served if path not in pages}
