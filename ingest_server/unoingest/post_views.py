"""The views that take readings: signed, with a bearer key, and where InfluxDB's clients send theirs."""

import functools
from typing import Any

from flask import Flask, Response, request

from unoingest.answers import Answer, Asked, problem_answer
from unoingest.client_posts import ClientPost
from unoingest.errors import StoreUnavailableError
from unoingest.key_file import Kind
from unoingest.points import Kept
from unoingest.problems import ProblemError
from unoingest.request_body import read_body, read_json_body
from unoingest.service import Service
from unoingest.signed_posts import SignedHead, is_signed, lines_of
from unoingest.trace_context import parse_traceparent
from unoingest.views import asked, response_of


def add_posts(app: Flask, service: Service) -> None:
    """Add the views to the application."""

    @app.post("/v1/readings")
    def post_readings() -> Response:
        environ = request.environ
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if is_signed(authorization):
            return response_of(_post_signed(service, environ))
        if authorization:
            answer, kept = service.clients.post(_client_post(service, environ))
            _log(service, kept)
            return response_of(answer)
        return response_of(_post_plain(service, environ))

    @app.post("/api/v2/write")
    def write_v2() -> Response:
        return _write(service, request.args.get("precision", "ns"))

    @app.post("/write")
    def write_v1() -> Response:
        return _write(service, request.args.get("precision", "n"))


def _client_post(service: Service, environ: dict[str, Any]) -> ClientPost:
    """Return the request of a client that may post. Raises ProblemError, StoreUnavailableError."""
    key = service.bearers.admit(
        environ.get("HTTP_AUTHORIZATION", ""), asked(), service.clock_ns(), Kind.BEARER
    )
    body = read_body(environ)
    return ClientPost(
        key.name,
        f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}",
        environ.get("CONTENT_TYPE", ""),
        environ.get("HTTP_CONTENT_ENCODING", ""),
        environ.get("HTTP_IDEMPOTENCY_KEY"),
        parse_traceparent(environ.get("HTTP_TRACEPARENT")),
        body,
        service.clock_ns(),
    )


def _write(service: Service, precision: str) -> Response:
    answer, kept, problem = service.clients.write_lines(_client_post(service, request.environ), precision)
    _log(service, kept)
    if problem is not None:
        service.log.refused(asked(), problem, problem)
        answer = problem_answer(problem)
    return response_of(answer)


def _log(service: Service, kept: Kept) -> None:
    if kept.batch is not None:
        service.metrics.stored(len(kept.new))
        service.signed.log_lines(lines_of(kept.batch, kept.new))


def _post_signed(service: Service, environ: dict[str, Any]) -> Answer:
    head = SignedHead(
        # as `asked` says it, without three looks for the present request
        Asked("POST", "/v1/readings", environ.get("REMOTE_ADDR", "")),
        environ["HTTP_AUTHORIZATION"],
        environ.get("HTTP_UNOLINK_HELD", ""),
        environ.get("HTTP_TRACEPARENT", ""),
        environ.get("CONTENT_TYPE", ""),
        environ.get("HTTP_CONTENT_ENCODING", ""),
    )
    signed = service.signed
    claim = signed.claim(head, service.clock_ns())
    if isinstance(claim, Answer):
        return claim
    try:
        body = read_body(environ, functools.partial(signed.feed, claim))
    except (ProblemError, StoreUnavailableError) as error:
        return signed.failed(claim, error)
    batch = signed.begin(claim, body, service.clock_ns())
    if isinstance(batch, Answer):
        return batch
    try:
        new = service.store.add(batch)
        service.metrics.stored(len(new))
    except Exception as error:  # noqa: BLE001 - it gets an answer and a line in the log
        return signed.failed(claim, error)
    return signed.stored(claim, batch, new)


def _post_plain(service: Service, environ: dict[str, Any]) -> Answer:
    body = read_json_body(environ)
    accepted = service.core.accept(
        body,
        service.clock_ns(),
        parse_traceparent(environ.get("HTTP_TRACEPARENT")),
        service.keys.fresh().knows,
    )
    service.metrics.stored(len(accepted.log_lines))
    try:
        for line in accepted.log_lines:
            service.emit(line)
    except OSError as error:
        # the readings are on disk and must be acknowledged; the lines can be had from the store
        service.log.lines_lost(error)
    return Answer(200, (("Content-Type", "application/json"),), accepted.body)
