"""What the views share: between Flask's request and our answers."""

from flask import Response, request

from unoingest.answers import Answer, Asked


class LeanResponse(Response):
    """A response with no header that nobody gave it."""

    default_mimetype = None


def asked() -> Asked:
    """Return what the log says of the present request."""
    return Asked(request.method, request.path, request.remote_addr or "")


def response_of(answer: Answer) -> Response:
    """Return an answer as Flask wants it."""
    return LeanResponse(answer.body, answer.status, answer.headers)
