"""Sends the server requests that somebody on the way changed, made up or sent again.

Whoever has no key can change, cut, join and repeat what devices sent. Each attempt is a right request with
one or two such changes. It may be answered with a 2xx only if what counts of it (the device's name, the
tag, the body, and the gateway's word) is to the byte what a device or gateway made; and at the end the
store must hold what the devices sent, once, and nothing else.
"""

import contextlib
import functools
import io
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest_server.wire import signed, tag, tag_of
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind
from unoingest.key_ring import KeyRing
from unoingest.service import Service
from unoingest.store import SqliteStore, StoredReading, read_readings

DEVICES: Mapping[str, bytes] = {f"forge-{number}": bytes([number + 1]) * 32 for number in range(3)}
REQUESTS_PER_DEVICE = 40
GATEWAY_EVERY = 4
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]
TAG_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, slots=True)
class Post:
    """What counts of a request."""

    authorization: str
    body: bytes
    held: str = ""


Change = Callable[[Post, random.Random, Sequence[Post]], Post]


def genuine() -> list[Post]:
    """Return what the devices sent, some of it through a gateway."""
    posts = []
    for device, key in DEVICES.items():
        for seq in range(REQUESTS_PER_DEVICE):
            body = b'{"boot":1,"channels":["a0"],"readings":[[%d,%d,%d]]}' % (seq, seq * 7, seq * 31 % 1024)
            word = f"held {seq * 1000}\n{tag_of(body, key, device)}".encode()
            held = "" if seq % GATEWAY_EVERY else f"{seq * 1000}:{tag(key, word)}"
            posts.append(Post(signed(body, key, device)["Authorization"], body, held))
    return posts


def flip_a_bit(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    body = bytearray(post.body)
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return replace(post, body=bytes(body))


def change_a_digit(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    body = bytearray(post.body)
    digits = [at for at, byte in enumerate(body) if byte in b"0123456789"]
    body[chance.choice(digits)] = chance.choice(b"0123456789")
    return replace(post, body=bytes(body))


def cut_the_body(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    return replace(post, body=post.body[: -chance.randrange(1, len(post.body) // 2)])


def lengthen_the_body(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    return replace(post, body=post.body + chance.choice([b" ", b"\n", b"\0", b"\x80" + bytes(40), post.body]))


def change_the_tag(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    at = chance.randrange(len(post.authorization) - 22, len(post.authorization))
    letter = chance.choice(TAG_LETTERS)
    return replace(post, authorization=post.authorization[:at] + letter + post.authorization[at + 1 :])


def cut_the_tag(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    return replace(post, authorization=post.authorization[: -chance.randrange(1, 23)])


def draw_a_tag(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    drawn = "".join(chance.choices(TAG_LETTERS, k=22))
    return replace(post, authorization=post.authorization[:-22] + drawn)


def change_the_device(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    name = chance.choice(
        [*DEVICES, "forge-9", "FORGE-0", "forge-0 ", "forge-0\u0661", "", "a" * 33, "../forge-0"]
    )
    return replace(post, authorization=f"Unolink {name}:{post.authorization[-22:]}")


def change_the_scheme(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    scheme = chance.choice(
        ["unolink ", "UNOLINK  ", "Unolink\t", "Unolink", "Bearer ", "", " Unolink ", "Unolink2 "]
    )
    return replace(post, authorization=scheme + post.authorization.removeprefix("Unolink "))


def take_anothers_authorization(post: Post, chance: random.Random, posts: Sequence[Post]) -> Post:
    return replace(post, authorization=chance.choice(posts).authorization)


def take_anothers_body(post: Post, chance: random.Random, posts: Sequence[Post]) -> Post:
    return replace(post, body=chance.choice(posts).body)


def take_anothers_word(post: Post, chance: random.Random, posts: Sequence[Post]) -> Post:
    return replace(post, held=chance.choice(posts).held)


def change_the_word(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    milliseconds, _, word_tag = (post.held or f"0:{post.authorization[-22:]}").partition(":")
    changed = chance.choice([milliseconds + "0", "0" + milliseconds, "-1", "", "9" * 12, "1e3", "\u0661"])
    return replace(post, held=f"{changed}:{word_tag}")


def send_it_again(post: Post, _chance: random.Random, _all: Sequence[Post]) -> Post:
    return post


CHANGES: Sequence[Change] = (
    flip_a_bit,
    change_a_digit,
    cut_the_body,
    lengthen_the_body,
    change_the_tag,
    cut_the_tag,
    draw_a_tag,
    change_the_device,
    change_the_scheme,
    take_anothers_authorization,
    take_anothers_body,
    take_anothers_word,
    change_the_word,
    send_it_again,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, by whom it was changed, and what became of it.

    Args:
        changes: Names of the changes.
        post: What was sent.
        status: The answer's.
        genuine: It is what a device and gateway made, or that without the gateway's word.
    """

    changes: tuple[str, ...]
    post: Post
    status: int
    genuine: bool

    @property
    def harm(self) -> str:
        """What is wrong with the answer, or ""."""
        if self.status >= 500:
            return f"{self.changes} {self.post}: answered {self.status}"
        if (self.status < 300) != self.genuine:
            return f"{self.changes} {self.post}: {'accepted' if self.status < 300 else 'refused'}"
        return ""


def attack(attempts: int, folder: Path, *, seed: int = 1) -> Iterator[Attempt]:
    """Send so many changed requests to a server's application, and at the end compare what it stored.

    Args:
        attempts: How many.
        folder: An empty folder for the store and the keys.
        seed: Decides the changes.

    Raises:
        AssertionError: the store does not hold what the devices sent.
    """
    chance = random.Random(seed)
    posts = genuine()
    allowed = {variant for post in posts for variant in (post, replace(post, held=""))}
    with contextlib.closing(SqliteStore(folder / "readings.db")) as store:
        application = create_app_of(_service(store, folder)).wsgi_app
        for post in posts:
            assert _status(application, post, "127.0.0.1") == 204
        stored = _rows(store.path)
        assert len(stored) == len(posts)
        for number in range(attempts):
            changes = chance.choices(CHANGES, k=chance.choice((1, 1, 2)))
            post = functools.reduce(
                lambda changed, change: change(changed, chance, posts), changes, chance.choice(posts)
            )
            # a new address for each, or after ten wrong keys nothing but 429 would be seen
            status = _status(application, post, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
            yield Attempt(tuple(one.__name__ for one in changes), post, status, _spelt(post) in allowed)
        assert _rows(store.path) == stored


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each of so many requests, sent to one application."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt in attack(len(trials), Path(folder), seed=trials.start):
            yield attempt.harm


def _service(store: SqliteStore, folder: Path) -> Service:
    keys = KeyFile(folder / "keys.db")
    for device, key in DEVICES.items():
        keys.add(device, Kind.DEVICE, 0, key)

    def forget(_line: bytes) -> None:
        pass

    return Service(store, KeyRing(folder / "keys.db"), emit=forget, log=forget, requests_per_s=0)


def _spelt(post: Post) -> Post:
    """Return the post with its scheme spelt as usual: its case and the spaces behind it do not matter."""
    return replace(post, authorization=re.sub(r"^(?i:unolink) +", "Unolink ", post.authorization))


def _status(application: Application, post: Post, address: str) -> int:
    statuses: list[int] = []

    def start_response(status: str, _headers: Any, _error: Any = None) -> None:
        statuses.append(int(status.split(maxsplit=1)[0]))

    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/readings",
        "QUERY_STRING": "",
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "a",
        "REMOTE_ADDR": address,
        "CONTENT_LENGTH": str(len(post.body)),
        "HTTP_AUTHORIZATION": post.authorization,
        "wsgi.input": io.BytesIO(post.body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        **({"HTTP_UNOLINK_HELD": post.held} if post.held else {}),
    }
    b"".join(application(environ, start_response))
    return statuses[0]


def _rows(path: Path) -> list[StoredReading]:
    return list(read_readings(path))
