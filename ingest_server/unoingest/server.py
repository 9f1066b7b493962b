"""`unoingest serve`: a store, the application over it, and the HTTP front, in one process.

One process, because several that write one SQLite file wait for each other's locks; many threads, because
requests wait for the disk; and an event loop before them, because clients stop in mid-request
(`unoingest.front`).
"""

import asyncio
import contextlib
import fcntl
import gc
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from unoingest.app import create_app_of
from unoingest.config import Config
from unoingest.entry import Entry
from unoingest.errors import ServeError
from unoingest.front.front import Front
from unoingest.front.listening import BACKLOG, Listening
from unoingest.service import Service, service_of
from unoingest.serving_store import open_serving_store
from unoingest.store import SqliteStore
from unoingest.structured_log import encode_event, use_profile, write_stderr

# at shutdown: a request that takes longer waits for a client that has gone silent, and is cut off
SHUTDOWN_TIMEOUT_S = 10
CONNECTIONS_MAX = 4096
"""Served at a time, idle ones included; others wait for their turn."""
OTHER_FILES_MAX = 256
COLLECT_AFTER_OBJECTS = 50_000
"""Python's collector looks for cycles after so many; requests make none."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; requests accepted by then are answered.

    Raises:
        StoreError: the store cannot be opened, before anything was served or to close it at the end.
        ServeError: the address cannot be listened at, or there are no credentials to deliver with.
    """
    use_profile(config.log_profile)
    SqliteStore(config.database).close()
    with _only_server_of(config.database), _bound(config.host, config.port) as listener:
        with open_serving_store(config) as behind:
            service = service_of(config, behind)
            with _clear_about(config.host, config.port):
                # another program may have bound the port as we did, and listened first
                listener.listen(BACKLOG)
            loop = uvloop.new_event_loop()
            with contextlib.closing(loop):
                loop.run_until_complete(_serve(service, listener))
        # connections that only read may have kept the write-ahead log; closing the last one folds it in
        SqliteStore(config.database).close()
    _log("INFO", "stopped", "unoingest has stopped")


async def _serve(service: Service, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)
    loop.set_exception_handler(
        lambda _loop, context: service.log.broken(context["message"], context.get("exception"))
    )
    host, port = listener.getsockname()[:2]
    entry = Entry(create_app_of(service), service, (host, port), loop.call_soon_threadsafe, loop.call_soon)
    listening = Listening(Front(entry, _connections_max()), listener)
    # what is here now stays; the collector need not walk through it again and again
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    shown_host = f"[{host}]" if ":" in host else host
    _log("INFO", "listening", f"listening at http://{shown_host}:{port}", {"host": host, "port": port})
    await told_to_end.wait()
    await listening.end(SHUTDOWN_TIMEOUT_S)
    await _close(entry, service, SHUTDOWN_TIMEOUT_S)


async def _close(entry: Entry, service: Service, limit_s: float) -> None:
    """End the threads that answer; one that cannot get rid of a log line is not waited for any longer."""
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def close() -> None:
        entry.close()
        # a loop that has ended does not wait any more
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(closed.set)

    # in a thread: answers come by way of the event loop
    threading.Thread(target=close, name="closing", daemon=True).start()
    try:
        await asyncio.wait_for(closed.wait(), limit_s)
    except TimeoutError:
        service.log.broken(
            f"answers were still being worked on {limit_s} s after their clients had gone", None
        )


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
            yield
    except BlockingIOError as error:
        raise ServeError(
            f"another server has the store {str(database)!r}",
            "Stop that one, or choose another --database for this one.",
        ) from error


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that has the port for itself while the block runs. It does not listen yet."""
    with _clear_about(host, port):
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        with _clear_about(host, port):
            # a port is not in use only because closed connections linger there
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        yield listener


@contextlib.contextmanager
def _clear_about(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServeError(
            f"cannot listen at {host!r} port {port}: {error.strerror}",
            "Choose another --host or --port (0 takes a free one), or stop what has it.",
        ) from error


def _log(severity: str, event: str, message: str, fields: dict[str, Any] | None = None) -> None:
    write_stderr(encode_event(severity, event, message, time.time_ns(), fields))
