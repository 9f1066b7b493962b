"""SSL links over real sockets: what is verified, what is refused, what the server sees."""

import select
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sim.certificates import Authority
from sim.network.conftest import Serve
from sim.network.socket_world import WAIT_S, Told, settle
from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.network.sockets import SocketNetwork
from unosim.network.tls import Tls, TlsError

NAME = ("cloud.lan", 443)
ROOM = 5_840


class World:
    """A network with a route to one address, and what was told in words."""

    def __init__(self, address: tuple[str, int], tls: Tls | None = None) -> None:
        self.words: list[str] = []
        self.room = ROOM
        self.network = SocketNetwork(
            {NAME: address}, lambda _link: self.room, tls=tls, tell=self.words.append
        )

    def connect(self, *, verify: bool = False, present: bool = False) -> events.NetworkEvent:
        connect = actions.Connect(2, *NAME, Kind.SSL, verify_server=verify, present_certificate=present)
        self.network.perform(connect, 0)
        (event,) = settle(self.network, bool)
        return event

    def ask(self, data: bytes) -> Told:
        """Send bytes; return all that is told until as many have come back."""
        self.network.perform(actions.Send(2, data), 0)
        return settle(self.network, lambda told: len(received(told)) >= len(data))


def received(told: Told) -> bytes:
    return b"".join(one.data for one in told if isinstance(one, events.Received))


@pytest.fixture
def worlds() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_bytes_go_both_ways_in_the_newest_version_of_the_module(tls_server: Serve, worlds: ExitStack) -> None:
    seen: list[object] = []
    world = World(tls_server("cloud.lan", seen=seen))
    worlds.callback(world.network.close)
    assert isinstance(world.connect(), events.Connected)
    told = world.ask(b"ping")
    assert told[0] == events.Acknowledged(2, 4)
    assert received(told) == b"PING"
    world.network.perform(actions.Close(2), 0)
    assert seen[:1] == ["TLSv1.2"]


def test_more_than_a_record_arrives_by_the_room_there_is(tls_server: Serve, worlds: ExitStack) -> None:
    world = World(tls_server("cloud.lan"))
    worlds.callback(world.network.close)
    world.connect()
    said = bytes(range(97, 123)) * 1_500
    world.room = 700
    for start in range(0, len(said), 2_048):
        part = said[start : start + 2_048]
        told = world.ask(part)
        assert received(told) == part.upper()
        assert max(len(one.data) for one in told if isinstance(one, events.Received)) <= world.room
        assert sum(one.count for one in told if isinstance(one, events.Acknowledged)) == len(part)


def test_what_one_record_brings_arrives_without_anything_more_to_read(
    tls_server: Serve, worlds: ExitStack
) -> None:
    """The caller waits for sockets and deadlines alone, as the driver does."""
    world = World(tls_server("cloud.lan"))
    worlds.callback(world.network.close)
    world.connect()
    world.room = 100
    world.network.perform(actions.Send(2, b"x" * 2_048), time.monotonic_ns())
    told: Told = []
    while len(received(told)) < 2_048:
        due_ns = world.network.next_deadline()
        wait_s = WAIT_S if due_ns is None else max(0, due_ns - time.monotonic_ns()) / 1e9
        ready, _, _ = select.select(world.network.readers(), world.network.writers(), [], wait_s)
        assert ready or due_ns is not None, f"stuck after {len(received(told))} bytes"
        told += world.network.poll(time.monotonic_ns())


@pytest.mark.parametrize(
    ("certified", "verify", "strict", "complaint"),
    [
        ("cloud.lan", True, False, None),
        ("cloud.lan", True, True, None),
        ("cloud.lan", False, True, None),
        ("other.lan", True, False, None),  # the module verifies the chain, not the name
        ("other.lan", False, True, "certificate verify failed: Hostname mismatch"),
        ("expired", False, False, None),
        ("expired", True, False, "certificate verify failed: certificate has expired"),
        ("stranger", False, False, None),
        ("stranger", True, False, "certificate verify failed: unable to get local issuer certificate"),
        ("stranger", False, True, "certificate verify failed: unable to get local issuer certificate"),
    ],
)
def test_what_is_verified(
    tls_server: Serve,
    worlds: ExitStack,
    authority: Authority,
    tmp_path: Path,
    *,
    certified: str,
    verify: bool,
    strict: bool,
    complaint: str | None,
) -> None:
    own = Authority(tmp_path, "stranger").issue("cloud.lan") if certified == "stranger" else None
    host = "cloud.lan" if certified == "expired" else certified
    address = tls_server(host, expired=certified == "expired", certificate=own)
    world = World(address, Tls(ca=authority.ca, strict=strict))
    worlds.callback(world.network.close)
    outcome = world.connect(verify=verify)
    if complaint is None:
        assert isinstance(outcome, events.Connected)
        assert received(world.ask(b"ping")) == b"PING"
    else:
        assert outcome == events.ConnectFailed(2, events.Failure.HANDSHAKE)
        assert world.words[0].startswith(f"no connection to cloud.lan:443: {complaint}")


def test_strict_speaks_the_newest_version_and_the_module_does_not(
    tls_server: Serve, worlds: ExitStack, authority: Authority
) -> None:
    newest = ssl.TLSVersion.TLSv1_3
    strict = World(tls_server("cloud.lan", oldest=newest), Tls(ca=authority.ca, strict=True))
    module = World(tls_server("cloud.lan", oldest=newest), Tls(ca=authority.ca))
    for world in (strict, module):
        worlds.callback(world.network.close)
    assert isinstance(strict.connect(), events.Connected)
    assert received(strict.ask(b"ping")) == b"PING"
    assert module.connect() == events.ConnectFailed(2, events.Failure.HANDSHAKE)


@pytest.mark.parametrize("present", [True, False])
def test_the_modules_own_certificate_is_shown_if_it_says_so(
    tls_server: Serve, worlds: ExitStack, authority: Authority, *, present: bool
) -> None:
    seen: list[object] = []
    world = World(tls_server("cloud.lan", ask=True, seen=seen), Tls(certificate=authority.issue("uno-1")))
    worlds.callback(world.network.close)
    outcome = world.connect(present=present)
    if present:
        assert isinstance(outcome, events.Connected)
        assert received(world.ask(b"ping")) == b"PING"
        assert "uno-1" in repr(seen[1])
    else:
        assert outcome == events.ConnectFailed(2, events.Failure.HANDSHAKE)


def test_a_server_that_speaks_no_tls_fails_the_handshake(
    http_like: tuple[str, int], worlds: ExitStack
) -> None:
    world = World(http_like)
    worlds.callback(world.network.close)
    assert world.connect() == events.ConnectFailed(2, events.Failure.HANDSHAKE)
    assert world.words == ["no connection to cloud.lan:443: wrong version number"]


@pytest.mark.parametrize("what", ["missing", "empty", "no key", "a key with a password"])
def test_a_file_that_is_none_is_told_at_once(authority: Authority, tmp_path: Path, what: str) -> None:
    path = tmp_path / "file.pem"
    if what == "missing":
        with pytest.raises(TlsError, match="No such file") as caught:
            Tls(ca=path)
    elif what == "empty":
        path.touch()
        with pytest.raises(TlsError, match=r"cannot use .*file\.pem") as caught:
            Tls(ca=path)
    else:
        path.write_bytes(authority.ca.read_bytes() if what == "no key" else authority.locked())
        with pytest.raises(TlsError, match=r"cannot use .*file\.pem") as caught:
            Tls(certificate=path)
    assert "name a file with" in caught.value.hint
