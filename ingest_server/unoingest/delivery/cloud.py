"""Cloud Logging's entries.write with bytes that are ready to be sent.

The channel is that of google-cloud-logging's generated client, with its credentials, endpoint and TLS; only
the turning of dictionaries into messages is left out, nine tenths of the client's work for an entry.
A channel must not cross a fork (gRPC Python, "Fork support"): make a `Cloud` in the process that uses it.
"""

import socket
from typing import Any

import google.auth
import google.auth.exceptions
import grpc  # type: ignore[import-untyped]
from google.api.monitored_resource_pb2 import MonitoredResource  # type: ignore[import-untyped]
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.logging_v2.types import WriteLogEntriesPartialErrors, WriteLogEntriesRequest
from google.rpc import code_pb2, error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from unoingest.delivery.verdicts import EntryError, WriteError
from unoingest.errors import ServeError

LOG_ID = "unolink"
CALL_S_MAX = 60.0
METHOD = "/google.logging.v2.LoggingServiceV2/WriteLogEntries"
# gRPC's own default would let up to two minutes pass after the service has come back
_CHANNEL_OPTIONS = [("grpc.max_reconnect_backoff_ms", 5000)]

_RequestPb: Any = WriteLogEntriesRequest.pb()
_PartialErrorsPb: Any = WriteLogEntriesPartialErrors.pb()


class Cloud:
    """The log of one project.

    Args:
        project: Google Cloud project id.
        emulator: `host:port` to be spoken to without TLS and credentials, or "" for the real service with the
            credentials of the environment.

    Raises:
        ServeError: there are no credentials.
    """

    def __init__(self, project: str, emulator: str = "") -> None:
        transport: Any = LoggingServiceV2GrpcTransport(channel=_channel(emulator))
        self._client = LoggingServiceV2Client(transport=transport)
        self._call = transport.grpc_channel.unary_unary(METHOD)
        self._close = transport.close
        self._header: bytes = _RequestPb(
            log_name=f"projects/{project}/logs/{LOG_ID}",
            resource=MonitoredResource(
                type="generic_node",
                labels={
                    "project_id": project,
                    "location": "global",
                    "namespace": "unolink",
                    "node_id": socket.gethostname(),
                },
            ),
            partial_success=True,
        ).SerializeToString()

    def write(self, frames: bytes) -> None:
        """Write entries; when this returns, the service has them all.

        Args:
            frames: Of `unoingest.cloud_entry`, joined.

        Raises:
            WriteError: the call failed; `entry_errors` says if that was for some entries only.
        """
        try:
            self._call(self._header + frames, timeout=CALL_S_MAX)
        except grpc.RpcError as error:
            raise _write_error(error) from error
        except ValueError as error:
            # what gRPC raises for a call on a closed channel
            raise WriteError(code_pb2.CANCELLED, str(error)) from error

    def close(self) -> None:
        """Cut off the calls under way; they fail as cancelled, and so does each later one."""
        self._close()


def _channel(emulator: str) -> grpc.Channel:
    if emulator:
        return grpc.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
    try:
        credentials, _ = google.auth.default(LoggingServiceV2GrpcTransport.AUTH_SCOPES)
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise ServeError(
            "there are no Google Cloud credentials to deliver with",
            "Set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached.",
        ) from error
    return LoggingServiceV2GrpcTransport.create_channel(credentials=credentials, options=_CHANNEL_OPTIONS)


def _write_error(error: Any) -> WriteError:
    status = rpc_status.from_call(error)
    result = WriteError(error.code().value[0], error.details() or "")
    for detail in status.details if status else ():
        partial, retry = _PartialErrorsPb(), error_details_pb2.RetryInfo()
        if detail.Unpack(partial):
            result.entry_errors = {
                index: EntryError(one.code or code_pb2.UNKNOWN, one.message)
                for index, one in partial.log_entry_errors.items()
            }
        elif detail.Unpack(retry):
            result.retry_s = retry.retry_delay.ToTimedelta().total_seconds()
    return result
