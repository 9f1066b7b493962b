"""The WSGI application: posts (`post_views`), reads (`read_views`), and the pages for operators.

A thin adapter: HTTP in, `unoingest.service` in the middle, HTTP out. Time, output and store are passed in;
with the same inputs the answers are the same bytes. It sends only the headers that a device needs.
"""

from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from unoingest.answers import problem_answer, problem_of
from unoingest.metrics import MEDIA_TYPE
from unoingest.openapi import document
from unoingest.post_views import add_posts
from unoingest.problems import (
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    PROBLEMS,
    UNKNOWN_PATH,
    ProblemError,
    describe_problem,
)
from unoingest.read_views import add_reads
from unoingest.request_host import check_host
from unoingest.service import Service
from unoingest.store import Store
from unoingest.views import LeanFlask, asked, response_of


def create_app(store: Store, **settings: Any) -> Flask:
    """Return the application over `store`; the other arguments are those of `unoingest.service.Service`."""
    return create_app_of(Service(store, **settings))


def create_app_of(service: Service) -> Flask:
    """Return the application over a service."""
    app = LeanFlask("unoingest", static_folder=None)
    # a redirect or an OPTIONS answer of the framework's would be one more thing to specify
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False

    @app.before_request
    def check() -> None:
        version = request.environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/")
        check_host(request.environ.get("HTTP_HOST"), version)

    @app.errorhandler(Exception)
    def on_error(error: Exception) -> Response:
        problem = _problem_of(error)
        service.log.refused(asked(), problem, error)
        response = response_of(problem_answer(problem))
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    @app.after_request
    def finish(response: Response) -> Response:
        if request.method != "POST":
            # for people's browsers; a device pays for each byte
            response.headers["X-Content-Type-Options"] = "nosniff"
        service.metrics.answered("flask", (response.status_code,))
        return response

    add_posts(app, service)
    add_reads(app, service)
    _add_service_pages(app, service)
    return app


def _add_service_pages(app: Flask, service: Service) -> None:
    """Add what operators and their probes ask for."""

    @app.get("/healthz")
    def healthz() -> Response:
        return Response(b'{"status":"ok"}', content_type="application/json")

    @app.get("/readyz")
    def readyz() -> Response:
        free_bytes = service.check_ready()
        body = b'{"status":"ready","disk_free_bytes":%d}' % free_bytes
        return Response(body, content_type="application/json")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(service.metrics.exposition(), content_type=MEDIA_TYPE)

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(document(), content_type="application/json")

    @app.get("/problems/<code>")
    def problem_page(code: str) -> Response:
        if code not in PROBLEMS:
            raise NotFound
        return Response(describe_problem(PROBLEMS[code]), content_type="text/plain; charset=utf-8")


def _problem_of(error: Exception) -> ProblemError:
    match error:
        case MethodNotAllowed():
            method = asked().method[:40]
            return ProblemError(METHOD_NOT_ALLOWED, f"{request.path[:200]} does not take {method}")
        case NotFound():
            return ProblemError(UNKNOWN_PATH, f"{request.path[:200]} does not exist")
        case HTTPException():
            return ProblemError(INTERNAL_ERROR, f"The framework answered {error.code}")
        case _:
            return problem_of(error)
