"""The front over real sockets, and the threads behind it."""

import asyncio
import contextlib
import functools
import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from unoingest.front.connection import Connection
from unoingest.front.front import Front
from unoingest.front.listening import BACKLOG, Listening
from unoingest.front.request import Request
from unoingest.front.returns import Returns
from unoingest.front.workers import Workers

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LATE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WAIT_S = 10


class Answerer:
    """Answers at once, but for those who are to wait."""

    def __init__(self) -> None:
        self.waiting: list[Request] = []
        self.is_asked = asyncio.Event()

    def take(self, request: Request) -> None:
        if request.head.path == "/wait":
            self.waiting.append(request)
            self.is_asked.set()
        else:
            request.asker.answer(LATE if request.trouble else OK)

    def take_excess(self, _request: Request, _piece: bytes) -> None:
        pass

    def refuse(self, _client: str, _problem: Exception, *, is_for_head: bool) -> bytes:  # noqa: ARG002
        return LATE


class Client:
    """A client on the same event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes = GET) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read(len(OK))


@contextlib.asynccontextmanager
async def listening(
    connections_max: int = 9, *, body_s_max: float = 30
) -> AsyncIterator[tuple[Callable[[], Coroutine[Any, Any, Client]], Answerer, Listening]]:
    answerer = Answerer()
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    port = listener.getsockname()[1]
    front = Front(answerer, connections_max, body_s_max=body_s_max)
    server = Listening(front, listener, sweep_s=0.01)
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    yield connect, answerer, server
    for client in clients:
        client.writer.close()
        with contextlib.suppress(ConnectionError):
            await client.writer.wait_closed()
    await server.end(WAIT_S)
    with pytest.raises(ConnectionRefusedError):
        await connect()


def run(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


def test_who_finds_no_room_waits_for_it() -> None:
    async def story() -> None:
        async with listening(2) as (connect, _, _):
            clients = [await connect() for _ in range(5)]
            waiting = [asyncio.create_task(client.ask()) for client in clients]
            assert await waiting[0] == await waiting[1] == OK
            for ended in range(3):
                assert [one.done() for one in waiting].count(True) == 2 + ended
                clients[ended].writer.close()
                assert await waiting[2 + ended] == OK

    run(story())


def test_a_late_body() -> None:
    async def story() -> None:
        async with listening(body_s_max=0.02) as (connect, _, _):
            client = await connect()
            client.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
            async with asyncio.timeout(WAIT_S):
                # what comes after the missing rest could not be told from it
                assert await client.reader.read() == LATE

    run(story())


def test_a_connection_that_has_ended_needs_no_collector() -> None:
    async def story() -> None:
        async with listening() as (connect, _, server):
            for _ in range(3):
                client = await connect()
                assert await client.ask() == OK
            await server.end(WAIT_S)

    def connections() -> int:
        return sum(isinstance(one, Connection) for one in gc.get_objects())

    gc.collect()
    before = connections()
    gc.disable()
    try:
        run(story())
        assert connections() == before
    finally:
        gc.enable()


def test_an_end_that_waits_for_an_answer() -> None:
    async def story() -> None:
        async with listening() as (connect, answerer, server):
            client = await connect()
            asking = asyncio.create_task(client.ask(GET.replace(b"/ ", b"/wait ")))
            await answerer.is_asked.wait()
            ending = asyncio.create_task(server.end(WAIT_S))
            await asyncio.sleep(0)
            assert not ending.done()
            answerer.waiting[0].asker.answer(OK)
            assert await asking == OK
            await ending
            assert await client.reader.read() == b""

    run(story())


def test_an_end_that_does_not_wait_for_ever() -> None:
    async def story() -> None:
        async with listening() as (connect, answerer, server):
            client = await connect()
            asking = asyncio.create_task(client.ask(GET.replace(b"/ ", b"/wait ")))
            await answerer.is_asked.wait()
            await server.end(0)
            assert await asking == b""

    run(story())


def test_workers_do_all_that_they_were_given_and_are_no_more_than_they_may_be() -> None:
    failures: list[Exception] = []
    names: set[str] = set()
    gate = threading.Semaphore(0)
    done: list[int] = []
    workers = Workers(3, failures.append)

    def work(number: int) -> None:
        gate.acquire()
        names.add(threading.current_thread().name)
        done.append(number)
        if number == 4:
            raise ZeroDivisionError

    for number in range(9):
        workers.put(functools.partial(work, number))
    gate.release(9)
    workers.close()
    assert sorted(done) == list(range(9))
    assert len(names) <= 3
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


def test_a_worker_that_is_free_is_asked_first() -> None:
    names: list[str] = []
    workers = Workers(9, lambda _error: None)
    for _ in range(3):
        done = threading.Event()

        def work(done: threading.Event = done) -> None:
            names.append(threading.current_thread().name)
            done.set()

        workers.put(work)
        assert done.wait(WAIT_S)
        # it is free a moment after its work is done
        while not workers._idle._value:
            threading.Event().wait(0)
    workers.close()
    assert names == ["request-0"] * 3


def test_many_answers_wake_the_event_loop_once() -> None:
    wakes: list[Callable[[], object]] = []
    heard: list[bytes] = []
    failures: list[Exception] = []

    def fail(_data: bytes) -> None:
        raise ZeroDivisionError

    returns = Returns(wakes.append, failures.append)
    returns.put([(heard.append, b"1"), (fail, b"")])
    returns.put([(heard.append, b"2")])
    assert (len(wakes), heard) == (1, [])
    wakes[0]()
    assert (heard, len(failures)) == ([b"1", b"2"], 1)
    returns.put([(heard.append, b"3")])
    assert len(wakes) == 2


def test_an_event_loop_that_has_ended_is_not_told() -> None:
    def ended(_call: object) -> None:
        raise RuntimeError

    Returns(ended, lambda _error: None).put([(lambda _data: None, b"")])
