"""What the views share: between Flask's request and our answers, without what none of them uses.

Flask and Werkzeug do much for each request that an application may want: they learn the host's name to make
URLs, correct locations, count a body that is counted already. That was a third of their time.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, request
from werkzeug.routing import MapAdapter

from unoingest.answers import Answer, Asked

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NO_CONTENT = 204


class LeanResponse(Response):
    """A response with no header that nobody gave it, but for the length of its body."""

    default_mimetype = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer; see PEP 3333. A body that is a list is not walked through again."""
        if not self.is_sequence or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        if self.status_code == NO_CONTENT:
            # RFC 9110, section 8.6
            self.headers.pop("Content-Length", None)
        start_response(self.status, self.headers.to_wsgi_list())
        body: Any = self.response
        return body if self.status_code != NO_CONTENT else ()


class LeanFlask(Flask):
    """A Flask that makes no URLs and needs no host for it."""

    response_class = LeanResponse

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the view of a request; see `Flask.create_url_adapter`."""
        if request is None:
            return None
        method = request.environ["REQUEST_METHOD"]
        # methods are case-sensitive (RFC 9110, section 9.1); the router would take any case
        wanted = method if method == request.method else f"no {method}"
        return self.url_map.bind("", path_info=request.path, default_method=wanted)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, without a look whether it is a coroutine; none is."""
        return func


def asked() -> Asked:
    """Return what the log says of the present request."""
    return Asked(request.environ["REQUEST_METHOD"], request.path, request.remote_addr or "")


def response_of(answer: Answer) -> Response:
    """Return an answer as Flask wants it."""
    return LeanResponse(answer.body, answer.status, answer.headers)
