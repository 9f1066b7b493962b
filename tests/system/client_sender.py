"""The sender over Google's unmodified client instead of bytes on its channel, for the torture run.

usage: client_sender.py DATABASE PROJECT ENDPOINT (grpc|rest) (drain|forever)
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation, TransportError
from google.cloud import logging
from google.cloud.logging_v2.types import WriteLogEntriesPartialErrors, WriteLogEntriesRequest
from google.protobuf import json_format  # type: ignore[import-untyped]
from google.rpc import code_pb2  # type: ignore[import-untyped]
from requests.exceptions import RequestException

from unoingest.delivery.sender import Sender
from unoingest.delivery.verdicts import EntryError, WriteError
from unoingest.fake_cloud.rest_front import HTTP_STATUS
from unoingest.outbox import Outbox
from unoingest.store import SqliteStore

CODE_OF_HTTP = {status: code for code, status in HTTP_STATUS.items()}


class ClientWriter:
    """Writes through `google.cloud.logging.Client`, as its documentation says."""

    def __init__(self, project: str, endpoint: str, *, is_grpc: bool) -> None:
        self._client = logging.Client(  # type: ignore[no-untyped-call] # Google's own gap
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # the same
            _use_grpc=is_grpc,
            client_options={"api_endpoint": endpoint},
        )
        self._log_name = f"projects/{project}/logs/unolink"

    def write(self, frames: bytes) -> None:
        entries = [
            json_format.MessageToDict(entry)
            for entry in WriteLogEntriesRequest.pb().FromString(frames).entries
        ]
        resource = {"type": "generic_node", "labels": {"namespace": "unolink"}}
        try:
            self._client.logging_api.write_entries(
                entries, logger_name=self._log_name, resource=resource, partial_success=True
            )
        except RetryError as error:
            raise WriteError(code_pb2.DEADLINE_EXCEEDED, str(error)) from error
        except (RequestException, TransportError) as error:
            raise WriteError(code_pb2.UNAVAILABLE, str(error)) from error
        except InvalidOperation as error:
            # over REST a 401 makes the client renew its credentials, and anonymous ones cannot be
            raise WriteError(code_pb2.UNAUTHENTICATED, str(error)) from error
        except GoogleAPICallError as error:
            raise write_error(error) from error


def write_error(error: GoogleAPICallError) -> WriteError:
    grpc_code = error.grpc_status_code
    code = grpc_code.value[0] if grpc_code is not None else CODE_OF_HTTP[int(error.code or 500)]
    result = WriteError(code, str(error.message))
    for detail in error.details:
        if isinstance(detail, dict):
            errors = detail.get("logEntryErrors", {})
            result.entry_errors = {
                int(index): EntryError(one["code"], one["message"]) for index, one in errors.items()
            }
        elif hasattr(detail, "Unpack"):
            partial: Any = WriteLogEntriesPartialErrors.pb()()
            if detail.Unpack(partial):
                result.entry_errors = {
                    index: EntryError(one.code, one.message)
                    for index, one in partial.log_entry_errors.items()
                }
    return result


def main() -> None:
    database, project, endpoint, wire, until = sys.argv[1:]
    with (
        contextlib.closing(SqliteStore(Path(database), busy_timeout_ms=30_000, sync_commits=False)) as store,
        contextlib.closing(Outbox(store.path, store.commits)) as outbox,
    ):
        writer = ClientWriter(project, endpoint, is_grpc=wire == "grpc")
        sender = Sender(outbox, writer, is_draining=until == "drain")
        sender.start()
        sender.join()


if __name__ == "__main__":
    main()
