"""The fake service over REST: entries:write, entries:list, logs.list and logs.delete below /v2.

`GET /fake/exported` is ours: every entry written, as JSON lines, duplicates included.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request
from google.cloud.logging_v2.types import ListLogEntriesRequest, WriteLogEntriesRequest
from google.protobuf import json_format  # type: ignore[import-untyped]
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped]
from werkzeug.serving import WSGIRequestHandler, make_server

from unoingest.fake_cloud.log import CallError, FakeLog, exported_lines, to_json

# google/rpc/code.proto, "HTTP Mapping" at each code
HTTP_STATUS: Mapping[int, int] = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.INTERNAL: 500,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
}


class RestFront:
    """Serves `log` from the moment it is made until `close`.

    Args:
        log: The service.
        host: Name or address to listen at.
        port: TCP port, 0 for a free one.

    Raises:
        OSError: the address cannot be listened at.
    """

    def __init__(self, log: FakeLog, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = make_server(host, port, make_app(log), threaded=True, request_handler=_Silent)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="fake-rest", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after the calls under way."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Silent(WSGIRequestHandler):
    """Does not log each call: a load test makes thousands."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


def make_app(log: FakeLog) -> Flask:
    """Return the REST service over `log` as a WSGI application."""
    app = Flask("unoingest-fake-cloud", static_folder=None)

    @app.post("/v2/entries:write")
    def write() -> Response:
        log.write(_message(WriteLogEntriesRequest))
        return _json({})

    @app.post("/v2/entries:list")
    def list_entries() -> Response:
        entries, token = log.list_entries(_message(ListLogEntriesRequest))
        more = {"nextPageToken": token} if token else {}
        return _json({"entries": [to_json(entry) for entry in entries], **more})

    @app.get("/v2/<collection>/<owner>/logs")
    def list_logs(collection: str, owner: str) -> Response:
        return _json({"logNames": log.list_logs(f"{collection}/{owner}")})

    @app.delete("/v2/<collection>/<owner>/logs/<path:name>")
    def delete_log(collection: str, owner: str, name: str) -> Response:
        # the id of a log is percent-encoded within its name (log_entry.proto, log_name)
        log.delete_log(f"{collection}/{owner}/logs/{name.replace('/', '%2F')}")
        return _json({})

    @app.get("/fake/exported")
    def exported() -> Response:
        return Response(exported_lines(log), content_type="application/x-ndjson")

    @app.errorhandler(CallError)
    def on_call_error(error: CallError) -> Response:
        status = json_format.MessageToDict(error.status)
        body = {
            "code": HTTP_STATUS[error.status.code],
            "message": error.status.message,
            "status": code_pb2.Code.Name(error.status.code),
            "details": status.get("details", []),
        }
        return _json({"error": body}, HTTP_STATUS[error.status.code])

    return app


def _message(kind: Any) -> Any:
    message = kind.pb()()
    try:
        json_format.Parse(request.get_data(), message)
    except json_format.ParseError as error:
        status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=f"Invalid JSON payload: {error}")
        raise CallError(status) from error
    return message


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
