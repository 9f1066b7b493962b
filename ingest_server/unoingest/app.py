"""The WSGI application: `POST /v1/readings`, `/healthz`, `/readyz` and the problem pages.

A thin adapter: HTTP in, `unoingest.core` in the middle, HTTP out. Time, output and store are passed in; with
the same inputs the answers are the same bytes. The application sends only the headers that a device needs.
"""

import time
import traceback
from collections.abc import Callable

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from unoingest.core import Core
from unoingest.problems import (
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    PROBLEM_MEDIA_TYPE,
    PROBLEMS,
    UNKNOWN_PATH,
    ProblemError,
    describe_problem,
    encode_problem,
)
from unoingest.request_body import read_json_body
from unoingest.store import Store
from unoingest.structured_log import encode_event, write_stderr, write_stdout
from unoingest.trace_context import parse_traceparent

Writer = Callable[[bytes], None]


def create_app(
    store: Store,
    *,
    clock_ns: Callable[[], int] = time.time_ns,
    emit: Writer = write_stdout,
    log: Writer = write_stderr,
    project: str = "",
) -> Flask:
    """Return the application over `store`.

    Args:
        store: Where readings go; it stays open and belongs to the caller.
        clock_ns: Present time, nanoseconds since the Unix epoch, not negative.
        emit: Takes the structured log line of each newly stored reading; may raise OSError.
        log: Takes the service's own log lines; may not raise.
        project: Google Cloud project that holds the traces, or "" to log bare trace ids.
    """
    app = Flask("unoingest", static_folder=None)
    # a redirect or an OPTIONS answer of the framework's would be one more thing to specify
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    core = Core(store, project)
    service_log = _ServiceLog(clock_ns, log)

    @app.post("/v1/readings")
    def post_readings() -> Response:
        body = read_json_body(request.environ)
        accepted = core.accept(body, clock_ns(), parse_traceparent(request.headers.get("traceparent")))
        try:
            for line in accepted.log_lines:
                emit(line)
        except OSError as error:
            # the readings are on disk and must be acknowledged; the lines can be had from the store
            service_log.lines_lost(error)
        return Response(accepted.body, content_type="application/json")

    @app.errorhandler(Exception)
    def on_error(error: Exception) -> Response:
        problem = _problem_of(error)
        service_log.refused(problem, error)
        response = _problem_response(problem)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    _add_service_pages(app, core)
    return app


def _add_service_pages(app: Flask, core: Core) -> None:
    """Add what operators and their probes ask for."""

    @app.get("/healthz")
    def healthz() -> Response:
        return Response(b'{"status":"ok"}', content_type="application/json")

    @app.get("/readyz")
    def readyz() -> Response:
        core.check_ready()
        return Response(b'{"status":"ready"}', content_type="application/json")

    @app.get("/problems/<code>")
    def problem_page(code: str) -> Response:
        if code not in PROBLEMS:
            raise NotFound
        return Response(describe_problem(PROBLEMS[code]), content_type="text/plain; charset=utf-8")


def _problem_response(problem: ProblemError) -> Response:
    response = Response(encode_problem(problem), problem.kind.status, content_type=PROBLEM_MEDIA_TYPE)
    if problem.kind.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.kind.retry_after_s)
    return response


def _problem_of(error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case MethodNotAllowed():
            return ProblemError(
                METHOD_NOT_ALLOWED, f"{request.path[:200]} does not take {request.method[:40]}"
            )
        case NotFound():
            return ProblemError(UNKNOWN_PATH, f"{request.path[:200]} does not exist")
        case HTTPException():
            return ProblemError(INTERNAL_ERROR, f"The framework answered {error.code}")
        case _:
            return ProblemError(INTERNAL_ERROR, "An unexpected error; the server's log has the details")


class _ServiceLog:
    """The service's own log: a line for each refused request and for log lines that were not written."""

    def __init__(self, clock_ns: Callable[[], int], log: Writer) -> None:
        self._clock_ns = clock_ns
        self._log = log

    def refused(self, problem: ProblemError, error: Exception) -> None:
        kind = problem.kind
        fields = {
            "httpRequest": {
                "requestMethod": request.method,
                "requestUrl": request.path,
                "status": kind.status,
                "remoteIp": request.remote_addr or "",
            },
            "problem": {"code": kind.code, "detail": problem.detail, "pointer": problem.pointer or ""},
        }
        if kind is INTERNAL_ERROR:
            fields["stack_trace"] = "".join(traceback.format_exception(error))
        severity = "ERROR" if kind.status >= 500 else "WARNING"
        message = f"{request.method} {request.path} refused: {kind.status} {kind.code}"
        self._log(encode_event(severity, "request_refused", message, self._clock_ns(), fields))

    def lines_lost(self, error: OSError) -> None:
        message = f"log lines were not written: {error}; `unoingest readings --log-lines` has them"
        self._log(encode_event("ERROR", "log_lines_lost", message, self._clock_ns()))
