"""The gateway as a process, between devices and the real server."""

import json
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.conftest import Command, Start
from bridge.device import KEY_TEXT, NAME, WAIT_S, Address, Device, body_of, tag_of
from bridge.usb import Cable
from unosim.server_process import ServerProcess


def register(database: Path, name: str = NAME) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "unoingest", "devices", "add", name, "--key-from-stdin"),
            *("--database", str(database)),
        ],
        input=KEY_TEXT + "\n",
        text=True,
        check=True,
        capture_output=True,
    )


def stored(database: Path) -> list[tuple[str, int, int]]:
    listing = subprocess.run(
        [sys.executable, "-m", "unoingest", "readings", "--database", str(database), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in listing.stdout.splitlines()]
    return [(row["device"], row["boot"], row["seq"]) for row in rows]


class Site:
    """A folder with keys and journal, and the gateway that uses them."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.folder = folder
        self._start = start
        (folder / "keys").write_text(f"{NAME} {KEY_TEXT}\n")

    def gateway(self, *more: str, forward: str = "") -> tuple[Command, Address]:
        command = self._start(
            "gateway",
            *("--listen", "127.0.0.1:0"),
            *("--journal", str(self.folder / "journal.db"), "--keys", str(self.folder / "keys")),
            *(["--forward", forward] if forward else []),
            *more,
        )
        line = command.wait_for("the gateway listens on ")
        return command, ("127.0.0.1", int(line.rsplit(":", 1)[1]))

    def backlog(self) -> dict[str, object]:
        shown = subprocess.run(
            [
                *(sys.executable, "-m", "unobridge", "backlog", "--json"),
                *("--journal", str(self.folder / "journal.db")),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, object] = json.loads(shown.stdout)
        return found

    def wait_until_empty(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.backlog()["outlets"]:
            assert time.monotonic() < deadline, self.backlog()


@pytest.fixture
def site(tmp_path: Path, start: Start) -> Site:
    return Site(tmp_path, start)


def url(address: Address) -> str:
    return f"http://{address[0]}:{address[1]}"


NOWHERE = "http://127.0.0.1:9"


def test_readings_are_taken_signed_and_kept(site: Site) -> None:
    command, address = site.gateway(forward=NOWHERE)
    device = Device(address)
    for seqs in ([0], [1, 2], [0]):
        status, signed, fields = device.post(body_of(seqs))
        assert (status, signed) == (204, True)
        assert "server" not in fields
        assert "date" in fields
    command.end(signal.SIGKILL)
    device.close()
    assert site.backlog()["outlets"]["http"]["requests"] == 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "fields", "status", "signed"),
    [
        (body_of([1]), {"Authorization": ""}, 401, False),
        (body_of([1]), {"Authorization": f"Unolink nobody:{tag_of(body_of([1]))}"}, 401, False),
        (body_of([1]), {"Authorization": f"Unolink {NAME}:{tag_of(body_of([2]))}"}, 401, False),
        (b"{}", {}, 400, True),
        (b" " * 65_537, {}, 413, False),
    ],
    ids=["no tag", "unknown device", "wrong tag", "bad body", "too large"],
)
def test_refusals(site: Site, body: bytes, fields: dict[str, str], status: int, *, signed: bool) -> None:
    _, address = site.gateway(forward=NOWHERE)
    device = Device(address)
    got = device.post(body, **fields)
    device.close()
    assert got[:2] == (status, signed)
    assert got[2]["content-type"] == "application/problem+json"
    assert site.backlog() == {"outlets": {}, "refused": 0}


def test_other_addresses_are_none(site: Site) -> None:
    _, address = site.gateway(forward=NOWHERE)
    for path, code in (("/", 404), ("/v1/readings", 405)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url(address) + path)  # noqa: S310  # loopback
        assert caught.value.code == code
        caught.value.close()


def test_the_server_gets_them_in_order_with_the_time_held(site: Site, tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    register(database)
    with ServerProcess(database) as server:
        command, address = site.gateway(forward=url(server.address))
        device = Device(address)
        for seq in range(20):
            assert device.post(body_of([seq]))[:2] == (204, True)
        device.close()
        site.wait_until_empty()
        assert command.end() == 0
    assert stored(database) == [(NAME, 1, seq) for seq in range(20)]


def test_a_full_disk_is_told_to_the_device_and_loses_nothing(site: Site) -> None:
    _, address = site.gateway("--journal-mb", "1", forward=NOWHERE)
    device = Device(address)
    taken = 0
    for seq in range(1_000):
        status, signed, fields = device.post(
            body_of([seq], status={f"s{n}": 2**62 for n in range(16)}) + b" " * 4_000
        )
        if status == 503:
            assert signed
            assert fields["retry-after"] == "30"
            break
        taken += 1
    device.close()
    assert taken > 50
    assert site.backlog()["outlets"]["http"]["requests"] == taken  # type: ignore[index]


def test_nothing_acknowledged_is_lost_whoever_is_killed(site: Site, tmp_path: Path) -> None:
    """Outages of the server and deaths of the gateway, while a device goes on."""
    chance = random.Random(7)  # noqa: S311  # repeatable, no secret
    database = tmp_path / "readings.db"
    register(database)
    acknowledged: list[int] = []
    seq = 0
    for _ in range(6):
        with ExitStack() as stack:
            forward = NOWHERE
            if chance.random() < 0.5:
                forward = url(stack.enter_context(ServerProcess(database)).address)
            command, address = site.gateway(forward=forward)
            device = Device(address)
            for _ in range(chance.randrange(1, 20)):
                if device.post(body_of([seq]))[:2] == (204, True):
                    acknowledged.append(seq)
                seq += 1
            command.end(signal.SIGKILL)
            device.close()
    with ServerProcess(database) as server:
        site.gateway(forward=url(server.address))
        site.wait_until_empty()
    assert len(acknowledged) == seq
    assert [one for _, _, one in stored(database)] == acknowledged


def test_a_board_finds_the_gateway_by_the_servers_name(site: Site, start: Start, cable: Cable) -> None:
    start(
        "run",
        *("--port", str(cable.link), "--gateway", "ingest.lan:8080", "--forward", NOWHERE, "--allow", "x"),
        *("--journal", str(site.folder / "journal.db"), "--keys", str(site.folder / "keys")),
    )
    cable.read_until(b"ready\r\n")
    cable.ask(b'AT+CWJAP_CUR="any","whatever"\r\n')
    assert cable.ask(b'AT+CIPSTART="TCP","Ingest.lan",8080\r\n').endswith(b"CONNECT\r\n\r\nOK\r\n")
    body = body_of([5])
    request = (
        b"POST /v1/readings HTTP/1.1\r\nHost: ingest.lan:8080\r\n"
        b"Authorization: Unolink %s:%s\r\nContent-Length: %d\r\n\r\n"
        % (
            NAME.encode(),
            tag_of(body).encode(),
            len(body),
        )
    )
    cable.ask(b"AT+CIPSEND=%d\r\n" % len(request + body), b"> ")
    cable.ask(request + body, b"HTTP/1.1 204 No Content\r\n")
    assert site.backlog()["outlets"]["http"]["requests"] == 1  # type: ignore[index]


def test_figures_for_prometheus(site: Site) -> None:
    command, address = site.gateway("--metrics", "127.0.0.1:0", forward=NOWHERE)
    line = command.said[-1] if "figures at" in command.said[-1] else command.wait_for("figures at ")
    device = Device(address)
    device.post(body_of([1]))
    device.post(b"{}")
    device.close()
    with urllib.request.urlopen(line.rsplit(" ", 1)[1]) as answer:  # noqa: S310  # loopback
        figures = answer.read().decode()
    assert "unobridge_requests_accepted_total 1.0" in figures
    assert "unobridge_requests_refused_total 1.0" in figures
    assert 'unobridge_backlog_requests{outlet="http"} 1.0' in figures


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "a gateway without a way out"),
        (["--forward", "x"], 2, "not the URL of a server: 'x'"),
        (["--mqtt", "http://x"], 2, "not the URL of a broker: 'http://x'"),
        (["--mqtt", "mqtt://u:p@x"], 2, "not the URL of a broker"),
        (["--mqtt", "mqtt://x", "--topic-prefix", "a/b"], 2, "not the first level of a topic: 'a/b'"),
        (["--mqtt", "mqtts://x", "--ca", "/dev/null"], 1, "cannot use /dev/null"),
        (["--mqtt", "mqtt://x", "--mqtt-password-file", "/absent"], 1, "cannot read /absent"),
        (["--forward", "http://x", "--journal", "/proc/journal.db"], 1, "cannot open the journal"),
        (["--forward", "http://x", "--ca", "/absent.pem"], 1, "cannot read /absent.pem"),
        (["--forward", "http://x", "--keys", "/proc/self/mem"], 1, "cannot read /proc/self/mem"),
        (["--forward", "http://x", "--listen", "192.0.2.1:80"], 1, "cannot listen on 192.0.2.1:80"),
        (["--forward", "http://x", "--listen", "x"], 2, "not a target: 'x'"),
        (["--forward", "http://x", "--metrics", "192.0.2.1:80"], 1, "cannot listen on 192.0.2.1:80"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    start: Start, tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    usual = {"journal": str(tmp_path / "j.db"), "keys": str(tmp_path / "keys"), "listen": "127.0.0.1:0"}
    for name, value in usual.items():
        if f"--{name}" not in arguments:
            arguments = [*arguments, f"--{name}", value]
    command = start("gateway", *arguments)
    assert command.process.wait(WAIT_S) == code
    command.end()
    assert any(line.startswith(f"unobridge: {complaint}") for line in command.said), command.said
    assert command.said[-1].startswith("hint: ")
    assert not any("Traceback" in line for line in command.said)


def test_a_key_file_with_a_bad_line_names_the_line_and_not_the_key(start: Start, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{NAME} {KEY_TEXT[:-1]}\n")
    command = start(
        "gateway", "--forward", NOWHERE, "--keys", str(tmp_path / "keys"), "--journal", str(tmp_path / "j")
    )
    assert command.process.wait(WAIT_S) == 1
    command.end()
    assert command.said[0].endswith("keys:1: not a device and its key")
    assert KEY_TEXT[:-1] not in "".join(command.said)
