"""The WSGI application: `POST /v1/readings`, `/healthz`, `/readyz` and the problem pages.

A thin adapter: HTTP in, `unoingest.service` in the middle, HTTP out. Time, output and store are passed in;
with the same inputs the answers are the same bytes. It sends only the headers that a device needs.
"""

from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from unoingest.answers import Answer, Asked, problem_answer, problem_of
from unoingest.errors import StoreUnavailableError
from unoingest.problems import (
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    PROBLEMS,
    UNKNOWN_PATH,
    ProblemError,
    describe_problem,
)
from unoingest.request_body import read_body, read_json_body
from unoingest.service import Service
from unoingest.signed_posts import SignedHead, is_signed
from unoingest.store import Store
from unoingest.trace_context import parse_traceparent


class _LeanResponse(Response):
    """A response with no header that nobody gave it."""

    default_mimetype = None


def create_app(store: Store, **settings: Any) -> Flask:
    """Return the application over `store`; the other arguments are those of `unoingest.service.Service`."""
    return create_app_of(Service(store, **settings))


def create_app_of(service: Service) -> Flask:
    """Return the application over a service."""
    app = Flask("unoingest", static_folder=None)
    app.response_class = _LeanResponse
    # a redirect or an OPTIONS answer of the framework's would be one more thing to specify
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False

    @app.post("/v1/readings")
    def post_readings() -> Response:
        environ = request.environ
        if is_signed(environ.get("HTTP_AUTHORIZATION", "")):
            return _response(_post_signed(service, environ))
        return _response(_post_plain(service, environ))

    @app.errorhandler(Exception)
    def on_error(error: Exception) -> Response:
        problem = _problem_of(error)
        service.log.refused(_asked(), problem, error)
        response = _response(problem_answer(problem))
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    _add_service_pages(app, service)
    return app


def _post_signed(service: Service, environ: dict[str, Any]) -> Answer:
    head = SignedHead(
        _asked(),
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
        body = read_body(environ, claim.feed)
    except (ProblemError, StoreUnavailableError) as error:
        return signed.failed(claim, error)
    batch = signed.begin(claim, body, service.clock_ns())
    if isinstance(batch, Answer):
        return batch
    try:
        new = service.store.add(batch)
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
    try:
        for line in accepted.log_lines:
            service.emit(line)
    except OSError as error:
        # the readings are on disk and must be acknowledged; the lines can be had from the store
        service.log.lines_lost(error)
    return Answer(200, (("Content-Type", "application/json"),), accepted.body)


def _add_service_pages(app: Flask, service: Service) -> None:
    """Add what operators and their probes ask for."""

    @app.get("/healthz")
    def healthz() -> Response:
        return Response(b'{"status":"ok"}', content_type="application/json")

    @app.get("/readyz")
    def readyz() -> Response:
        service.core.check_ready()
        return Response(b'{"status":"ready"}', content_type="application/json")

    @app.get("/problems/<code>")
    def problem_page(code: str) -> Response:
        if code not in PROBLEMS:
            raise NotFound
        return Response(describe_problem(PROBLEMS[code]), content_type="text/plain; charset=utf-8")


def _asked() -> Asked:
    return Asked(request.method, request.path, request.remote_addr or "")


def _response(answer: Answer) -> Response:
    return _LeanResponse(answer.body, answer.status, answer.headers)


def _problem_of(error: Exception) -> ProblemError:
    match error:
        case MethodNotAllowed():
            return ProblemError(
                METHOD_NOT_ALLOWED, f"{request.path[:200]} does not take {request.method[:40]}"
            )
        case NotFound():
            return ProblemError(UNKNOWN_PATH, f"{request.path[:200]} does not exist")
        case HTTPException():
            return ProblemError(INTERNAL_ERROR, f"The framework answered {error.code}")
        case _:
            return problem_of(error)
