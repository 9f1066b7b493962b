"""The debugger's port, with a socket for a debugger."""

import socket
from collections.abc import Iterator

import pytest

from sim.gdb.test_stub import Bare, packet
from unosim.board import Board, Stop
from unosim.clock import NS_PER_MS
from unosim.gdb import GdbServer, Target

WAIT_S = 10.0


@pytest.fixture
def target() -> Target:
    return Target(Bare(Board(bytes(0x8000))))


@pytest.fixture
def server(target: Target) -> Iterator[GdbServer]:
    said: list[str] = []
    server = GdbServer(0, target, lambda: None, said.append)
    yield server
    server.close()
    assert said[:1] in ([], ["the debugger is here"])


def connected(server: GdbServer) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)
    server.serve(WAIT_S)
    return client


def told(server: GdbServer, client: socket.socket, payload: bytes) -> bytes:
    client.sendall(packet(payload))
    server.serve(WAIT_S)
    return client.recv(1_000)


def test_the_program_waits_for_the_first_debugger_and_stands_still_with_it(server: GdbServer) -> None:
    assert server.holds
    server.serve(0)
    assert server.holds
    with connected(server) as client:
        assert server.holds
        assert told(server, client, b"?") == b"+" + packet(b"S05")
        assert told(server, client, b"c") == b"+"
        assert not server.holds


def test_a_debugger_that_is_lost_leaves_no_breakpoint(server: GdbServer, target: Target) -> None:
    with connected(server) as client:
        told(server, client, b"Z0,100,2")
    server.serve(WAIT_S)
    assert not server.holds
    assert server.run(NS_PER_MS) is Stop.LIMIT
    assert target.board.pc > 0x80


def test_the_next_debugger_stops_the_program(server: GdbServer) -> None:
    with connected(server) as client:
        told(server, client, b"D")
    assert not server.holds
    with connected(server):
        assert server.holds


def test_a_program_that_cannot_go_on_says_so_without_a_debugger() -> None:
    server = GdbServer(0, Target(Bare(Board(b"\xff\xff"))), lambda: None, lambda _: None)
    with connected(server) as client:
        told(server, client, b"D")
    assert server.run(NS_PER_MS) is Stop.BAD_OPCODE
    server.close()
