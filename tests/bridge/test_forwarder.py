"""The forwarder, one step at a time: server and clock are the test's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.device import KEY, KEY_TEXT, NAME, body_of, sign, tag_of
from unobridge.errors import BridgeError, UsageError
from unobridge.forwarder import Answer, Forwarder, check_url
from unobridge.instant import Instant
from unobridge.journal import Journal
from unobridge.keys import Keys

RECEIVED = Instant(0, "boot", 0)
HELD_MS = 86_400_000
Reply = Callable[[str, bytes], Answer]


def signed(status: int) -> Reply:
    return lambda tag, _body: Answer(status, sign(f"{status}\n{tag}".encode()))


def unsigned(status: int, retry_after_s: float | None = None) -> Reply:
    return lambda _tag, _body: Answer(status, "", retry_after_s)


def absent(_tag: str, _body: bytes) -> Answer:
    raise BridgeError("connection refused", hint="")


class Scene:
    def __init__(self, folder: Path) -> None:
        (folder / "keys").write_text(f"{NAME} {KEY_TEXT}\nother {KEY_TEXT}\n")
        self.journal = Journal(folder / "journal.db")
        self.replies: list[Reply] = []
        self.sent: list[tuple[dict[str, str], bytes]] = []
        self.said: list[str] = []
        self.now_s = 1_000.0
        self.forwarder = Forwarder(
            self.journal,
            Keys(folder / "keys"),
            self._post,
            self.said.append,
            instant=lambda: Instant(0, "boot", HELD_MS * 1_000_000),
            chance=lambda: 1.0,
        )

    def _post(self, body: bytes, fields: dict[str, str]) -> Answer:
        self.sent.append((fields, body))
        return self.replies.pop(0)(fields["Authorization"].split(":")[1], body)

    def hold(self, body: bytes, device: str = NAME) -> None:
        self.journal.add(device, tag_of(body, device), body, ["http"], RECEIVED)

    def step(self, *replies: Reply) -> float:
        """Let it step, and so much time pass as it then wants to wait."""
        self.replies += replies
        wait_s = self.forwarder.step(self.now_s)
        assert not self.replies
        return wait_s

    def waiting(self) -> list[bytes]:
        return [held.body for held in self.journal.after("http", 0, 999)]

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.sent]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_body_and_signature_stay_and_the_time_held_is_added(scene: Scene) -> None:
    body = b'{"boot":3,"channels":["a0","a1"],"readings":[[17,0,512,1023]]}'
    scene.hold(body)
    assert scene.step(signed(204)) == 0
    fields, sent = scene.sent[0]
    assert sent == body
    assert fields["Authorization"] == "Unolink uno-7f3a:MhH7_h0uPUAaLcX4_EyDsQ"
    assert fields["Unolink-Held"] == "86400000:cRDvtfoXfYxacX_JzQHXZw"
    assert scene.waiting() == []
    assert scene.step() == 60
    assert scene.forwarder.delivered == 1


@pytest.mark.parametrize(
    "reply",
    [
        absent,
        unsigned(204),
        lambda tag, _body: Answer(204, sign(b"204\n" + tag[::-1].encode())),
        unsigned(400),
        unsigned(422),
        unsigned(200),
        signed(200),
        unsigned(301),
        unsigned(500),
        unsigned(503),
    ],
    ids=["absent", "204", "204 wrong tag", "400", "422", "200", "200 signed", "301", "500", "503"],
)
def test_what_is_not_believed_waits_and_comes_again(scene: Scene, reply: Reply) -> None:
    body = body_of([1])
    scene.hold(body)
    waits = []
    for _ in range(11):
        scene.step(reply)
        waits.append(scene.step())
        scene.now_s += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert scene.waiting() == [body]
    assert len(scene.said) == 1
    assert scene.step(signed(204)) == 0
    assert scene.waiting() == []


@pytest.mark.parametrize(("status", "wait_s", "other_goes"), [(429, 7, True), (503, 7, False)])
def test_retry_after_is_obeyed(scene: Scene, status: int, wait_s: int, *, other_goes: bool) -> None:
    scene.hold(body_of([1]))
    scene.hold(body_of([2]), "other")
    scene.step(unsigned(status, wait_s))
    if other_goes:
        scene.step(signed(204))
    assert scene.step() == wait_s
    assert len(scene.waiting()) == 1 if other_goes else 2
    scene.now_s += wait_s
    scene.step(signed(204))


def test_retry_after_has_a_limit(scene: Scene) -> None:
    scene.hold(body_of([1]))
    scene.step(unsigned(503, 1e9))
    assert scene.step() == 3_600


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_holds_up_its_device_alone(scene: Scene, status: int) -> None:
    scene.hold(body_of([1]))
    scene.hold(body_of([2]), "other")
    scene.hold(body_of([3]))
    scene.step(unsigned(status))
    scene.step(signed(204))
    assert scene.step() == 60
    scene.now_s += 299
    assert scene.step() == 1
    scene.now_s += 1
    scene.step(signed(204))
    scene.step(signed(204))
    assert scene.bodies() == [body_of([1]), body_of([2]), body_of([1]), body_of([3])]
    assert "does not accept its key" in scene.said[0]


def test_a_refused_batch_is_cut_so_that_one_bad_reading_takes_no_other_with_it(scene: Scene) -> None:
    scene.hold(body_of([1, 2, 3], status={"retries": 5}))
    scene.hold(body_of([4]))
    scene.step(signed(422))
    for reply in (signed(204), signed(422), signed(204), signed(204)):
        scene.step(reply)
    assert [json.loads(body)["readings"][0][0] for body in scene.bodies()[1:]] == [1, 2, 3, 4]
    assert [json.loads(body).get("status") for body in scene.bodies()[1:4]] == [{"retries": 5}, None, None]
    for fields, body in scene.sent:
        assert fields["Authorization"].endswith(tag_of(body))
    assert scene.waiting() == []
    assert [(device, reason) for _, device, reason, _ in scene.journal.refused()] == [
        (NAME, "the server answered 422")
    ]
    assert scene.forwarder.refused == 1


def test_readings_whose_key_is_gone_wait(scene: Scene, tmp_path: Path) -> None:
    scene.hold(body_of([1]))
    (tmp_path / "keys").write_text("")
    scene.step()
    assert scene.step() == 60
    assert "in the file of keys no more" in scene.said[0]
    (tmp_path / "keys").write_text(f"{NAME} {KEY_TEXT}\n")
    scene.now_s += 300
    scene.step(signed(204))


def test_a_journal_that_is_gone_is_waited_for(scene: Scene, tmp_path: Path) -> None:
    scene.hold(body_of([1]))
    (tmp_path / "journal.db").unlink()
    scene.step(signed(204))
    assert "the journal cannot be used" in scene.said[0]
    assert scene.step() == 1


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://x", "https://", "https://x:0", "https://x:99999", "https://x?y=1", "https://[x"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL of a server"):
        check_url(url)


def test_a_key_file_is_ours_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "new" / "keys")
    keys.add("a", KEY)
    keys.add("a", KEY[::-1])
    assert keys.of("a") == [KEY, KEY[::-1]]
    assert Keys(tmp_path / "new" / "keys").devices() == ["a"]
    assert (tmp_path / "new" / "keys").stat().st_mode & 0o777 == 0o600
