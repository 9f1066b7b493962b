"""The fake service over gRPC: LoggingServiceV2's WriteLogEntries, ListLogEntries, ListLogs and DeleteLog.

Errors travel as the real service sends them: the status in the trailers, and its details in
`grpc-status-details-bin` (grpc_status does that).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.cloud.logging_v2.types import (
    DeleteLogRequest,
    ListLogEntriesRequest,
    ListLogEntriesResponse,
    ListLogsRequest,
    ListLogsResponse,
    WriteLogEntriesRequest,
    WriteLogEntriesResponse,
)
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from unoingest.fake_cloud.log import REQUEST_BYTES_MAX, CallError, FakeLog

SERVICE = "google.logging.v2.LoggingServiceV2"
THREADS = 16
# a request beyond the service's limit must get in to be refused by name
_MESSAGE_BYTES_MAX = 4 * REQUEST_BYTES_MAX


class GrpcFront:
    """Serves `log` from the moment it is made until `close`.

    Args:
        log: The service.
        host: Name or address to listen at.
        port: TCP port, 0 for a free one.
        certificate: Private key and certificate, PEM, or None to speak without TLS.

    Raises:
        RuntimeError: the address cannot be listened at.
    """

    def __init__(
        self,
        log: FakeLog,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: tuple[bytes, bytes] | None = None,
    ) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="fake-grpc"),
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
                ("grpc.max_send_message_length", -1),
                # two fakes on one port would share its calls
                ("grpc.so_reuseport", 0),
            ],
        )
        self._server.add_generic_rpc_handlers((_handlers(log),))
        address = f"{host}:{port}"
        if certificate is None:
            self.port: int = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, grpc.ssl_server_credentials([certificate]))
        self._server.start()

    def close(self) -> None:
        """Stop; calls under way are cut off."""
        self._server.stop(grace=None).wait()


def _handlers(log: FakeLog) -> Any:
    def write(request: Any) -> Any:
        log.write(request)
        return WriteLogEntriesResponse.pb()()

    def list_entries(request: Any) -> Any:
        entries, token = log.list_entries(request)
        return ListLogEntriesResponse.pb()(entries=entries, next_page_token=token)

    def list_logs(request: Any) -> Any:
        return ListLogsResponse.pb()(log_names=log.list_logs(request.parent))

    def delete_log(request: Any) -> Any:
        log.delete_log(request.log_name)
        return Empty()

    methods: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "WriteLogEntries": (WriteLogEntriesRequest, write),
        "ListLogEntries": (ListLogEntriesRequest, list_entries),
        "ListLogs": (ListLogsRequest, list_logs),
        "DeleteLog": (DeleteLogRequest, delete_log),
    }
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(answer),
                request_deserializer=kind.pb().FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, (kind, answer) in methods.items()
        },
    )


def _answering(answer: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def call(request: Any, context: Any) -> Any:
        try:
            return answer(request)
        except CallError as error:
            return context.abort_with_status(rpc_status.to_status(error.status))

    return call
