"""`unoingest serve`: the application under granian, in one worker process with many threads.

One worker, because several processes writing one SQLite file wait for each other's locks; many threads,
because requests wait for the disk; and an event loop before them, because clients stop in mid-request
(`unoingest.rsgi`). The parent process supervises: it holds the port, and ends when the worker
ends.

granian leaves four things to us. Its worker shares the port (SO_REUSEPORT), so a second server on the same
port would silently get half of the connections: the parent binds the port exclusively first. Its worker
survives a killed parent and keeps serving: the worker watches its parent. A worker that is told to end before
it handles signals would go on: signals have their default effect until then. And it logs to stdout, which is
kept for readings.
"""

import contextlib
import fcntl
import functools
import gc
import http.client
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from unoingest.app import create_app_of
from unoingest.config import Config
from unoingest.errors import ServeError, UnoingestError
from unoingest.rsgi import RsgiEntry
from unoingest.service import service_of
from unoingest.serving_store import open_serving_store
from unoingest.store import SqliteStore
from unoingest.structured_log import encode_event, use_profile, write_stderr

# at shutdown: a request that takes longer waits for a client that has gone silent, and is cut off
SHUTDOWN_TIMEOUT_S = 10
CONNECTIONS_MAX = 4096
"""Served at a time, idle ones included; others wait for their turn. granian's own limit is a quarter."""
OTHER_FILES_MAX = 256
HEAD_BYTES_MAX = 16 * 1024
"""Of each connection, while its client has not sent the whole head; granian would take 400 KiB."""
_LISTENING_POLL_S = 0.01


class EventHandler(logging.Handler):
    """Writes granian's errors to stderr in the service's own format; it is given nothing less severe."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; see `logging.Handler.emit`."""
        _log("ERROR", "http_server", record.getMessage())


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"events": {"()": EventHandler}},
    "loggers": {"_granian": {"handlers": ["events"], "level": "ERROR", "propagate": False}},
}


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; requests accepted by then are answered.

    Raises:
        StoreError: the store cannot be opened, before anything was served or to close it at the end.
        ServeError: the address cannot be listened at, or the worker process ended by itself.
    """
    use_profile(config.log_profile)
    SqliteStore(config.database).close()
    with _only_server_of(config.database), _reserve(config.host, config.port) as reservation:
        host, port = reservation.getsockname()[:2]
        server = Granian(
            "unoingest.app",  # only a name: the target is loaded below
            address=host,
            port=port,
            interface=Interfaces.RSGI,
            workers=1,
            http=HTTPModes.http1,
            backpressure=_connections_max(),
            http1_settings=HTTP1Settings(max_buffer_size=HEAD_BYTES_MAX),
            workers_kill_timeout=SHUTDOWN_TIMEOUT_S,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        server.on_startup(lambda: _announce_when_listening(host, port))
        try:
            server.serve(target_loader=functools.partial(_load_app, config), wrap_loader=False)
        except SystemExit as error:
            raise ServeError(
                "the worker process ended by itself",
                "The log above says why; what was acknowledged is on disk.",
            ) from error
    # the worker leaves its write-ahead log behind, and who then copies the one file would miss readings;
    # closing the last connection folds the log in
    SqliteStore(config.database).close()
    _log("INFO", "stopped", "unoingest has stopped")


def _connections_max() -> int:
    """Return how many connections may be served, after asking for as many open files as that takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES_MAX
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        CONNECTIONS_MAX
        if soft == resource.RLIM_INFINITY
        else min(CONNECTIONS_MAX, max(1, soft - OTHER_FILES_MAX))
    )


@contextlib.contextmanager
def _only_server_of(database: Path) -> Iterator[None]:
    """Keep other servers off the store while the block runs.

    Two would store every reading right, and yet each would write its own log lines, deliver and delete.
    """
    path = database.with_name(database.name + "-serve")
    try:
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the worker is forked and has it as well; it ends with us, and nobody shall wait for that
            os.register_at_fork(after_in_child=file.close)
            yield
    except BlockingIOError as error:
        raise ServeError(
            f"another server has the store {str(database)!r}",
            "Stop that one, or choose another --database for this one.",
        ) from error


def _load_app(config: Config) -> Any:
    """Return the `RsgiEntry` (granian's annotation wants a callable); runs in the worker process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    use_profile(config.log_profile)
    stack = contextlib.ExitStack()
    try:
        behind = stack.enter_context(open_serving_store(config))
    except UnoingestError as error:
        _log("ERROR", "start_failed", f"{error}; {error.hint}")
        sys.exit(1)
    service = service_of(config, behind)
    # what is here now stays; the collector need not walk through it again and again
    gc.freeze()
    return RsgiEntry(create_app_of(service), service, on_end=stack.close)


def _end_with_parent() -> None:
    """Wait for the parent process to end, however it ends, then stop this one as SIGTERM does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _reserve(host: str, port: int) -> socket.socket:
    """Return a bound socket that keeps other programs off the port while our worker listens there.

    It is bound exclusively, which fails if anyone has the port, and shared afterwards. It never listens.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        reservation = socket.socket(family, socket.SOCK_STREAM)
        try:
            # a port is not in use only because closed connections linger there
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reservation.bind(address)
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except BaseException:
            reservation.close()
            raise
    except OSError as error:
        raise ServeError(
            f"cannot listen at {host!r} port {port}: {error.strerror}",
            "Choose another --host or --port (0 takes a free one), or stop what has it.",
        ) from error
    return reservation


def _announce_when_listening(host: str, port: int) -> None:
    def wait_and_announce() -> None:
        while True:
            # an answer, and not just a connection: only then does the worker heed a signal to end
            with contextlib.suppress(OSError, http.client.HTTPException):
                asking = http.client.HTTPConnection(host, port, timeout=1)
                asking.request("GET", "/healthz")
                asking.getresponse().read()
                asking.close()
                break
            time.sleep(_LISTENING_POLL_S)
        shown_host = f"[{host}]" if ":" in host else host
        _log("INFO", "listening", f"listening at http://{shown_host}:{port}", {"host": host, "port": port})

    threading.Thread(target=wait_and_announce, name="announce", daemon=True).start()


def _log(severity: str, event: str, message: str, fields: dict[str, Any] | None = None) -> None:
    write_stderr(encode_event(severity, event, message, time.time_ns(), fields))
