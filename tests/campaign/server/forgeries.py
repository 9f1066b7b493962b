"""Sends the server, or the gateway, requests that somebody on the way changed, made up or sent again.

Whoever has no key can change, cut, join and repeat what devices sent; others have a key that is for something
else, or was revoked. Each attempt is a right request with one or two such changes. It may be answered with a
2xx only if what counts of it (the device's name, the tag, the body, and the gateway's word) is to the byte
what a device or gateway made; and at the end the store must hold what the devices sent and nothing else.
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

from campaign.disk.crash_runs import IN_MEMORY
from ingest_server.wire import signed, tag, tag_of
from unobridge.gateway import Gateway
from unobridge.journal import Journal
from unobridge.keys import Keys
from unoingest.app import create_app_of
from unoingest.key_file import KeyFile, Kind
from unoingest.key_ring import KeyRing
from unoingest.service import Service
from unoingest.signature import encode_key
from unoingest.store import SqliteStore, read_readings

DEVICES: Mapping[str, bytes] = {f"forge-{number}": bytes([number + 1]) * 32 for number in range(3)}
SECOND_KEY = b"2" * 32
"""Of forge-1, which is changing its key: both count."""
REVOKED_KEY = b"R" * 32
"""Of forge-2, which has changed it."""
WRITER_KEY, READER_KEY, REVOKED_WRITER_KEY = b"w" * 32, b"r" * 32, b"v" * 32
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
    for device, first_key in DEVICES.items():
        for number in range(REQUESTS_PER_DEVICE):
            key = SECOND_KEY if device == "forge-1" and number % 2 else first_key
            body = _body(number)
            word = f"held {number * 1000}\n{tag_of(body, key, device)}".encode()
            held = "" if number % GATEWAY_EVERY else f"{number * 1000}:{tag(key, word)}"
            posts.append(Post(signed(body, key, device)["Authorization"], body, held))
    return posts


def _body(number: int) -> bytes:
    """Return a batch of one to three readings, of one of three starts, of some the age is not known."""
    rows = b",".join(
        b"[%d,%b,%d]"
        % (number * 3 + row, b"null" if number % 7 == 3 else b"%d" % (number * 7), number * 31 % 1024)
        for row in range(1 + number % 3)
    )
    return b'{"boot":%d,"channels":["a0"],"readings":[%b]}' % (number % 3, rows)


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


def hold_it_beyond_the_range(post: Post, _chance: random.Random, _all: Sequence[Post]) -> Post:
    """Add the word of a gateway that has the key and says more than any gateway can mean."""
    device, _, request_tag = (
        post.authorization.split()[-1].partition(":") if ":" in post.authorization else ("", "", "")
    )
    word = f"held {10**12}\n{request_tag}".encode()
    return replace(post, held=f"{10**12}:{tag(DEVICES.get(device, SECOND_KEY), word)}")


def sign_with_a_revoked_key(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    device = chance.choice(("forge-2", "forge-2", "forge-1"))
    return replace(post, authorization=signed(post.body, REVOKED_KEY, device)["Authorization"], held="")


def show_a_bearer_key(post: Post, chance: random.Random, _all: Sequence[Post]) -> Post:
    """Send what a device sends with a key that is no device's, or with a device's as if it were none."""
    key = chance.choice((WRITER_KEY, READER_KEY, REVOKED_WRITER_KEY, *DEVICES.values()))
    scheme = chance.choice(("Bearer", "Token", "bearer", "Unolink"))
    return replace(post, authorization=f"{scheme} {encode_key(key)}")


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
    hold_it_beyond_the_range,
    sign_with_a_revoked_key,
    show_a_bearer_key,
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


@dataclass(frozen=True, slots=True)
class Victim:
    """Who is sent all this.

    Args:
        application: As WSGI has it.
        stored: Reads what is stored, comparable and in a fixed order.
        believes_gateways: Whether the word of a gateway before it counts.
    """

    application: Application
    stored: Callable[[], Sequence[Any]]
    believes_gateways: bool


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Victim]:
    """Make a server's application."""
    with contextlib.closing(SqliteStore(folder / "readings.db")) as store:
        application = create_app_of(_service(store, folder)).wsgi_app
        yield Victim(application, lambda: list(read_readings(store.path)), believes_gateways=True)


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Victim]:
    """Make a gateway's application. It knows of no revoked keys: they are no more in its file."""
    keys = [*DEVICES.items(), ("forge-1", SECOND_KEY)]
    (folder / "gateway-keys").write_text("".join(f"{name} {encode_key(key)}\n" for name, key in keys))

    def nobody(_line: str = "") -> None:
        pass

    with contextlib.closing(Journal(folder / "journal.db")) as journal:
        application = Gateway(Keys(folder / "gateway-keys"), journal, ("http",), nobody, nobody)

        def stored() -> list[tuple[str, str, bytes]]:
            return [(one.device, one.tag, one.body) for one in journal.after("http", 0, 1_000_000)]

        yield Victim(application, stored, believes_gateways=False)


def attack(victim: Victim, attempts: int, *, seed: int = 1) -> Iterator[Attempt]:
    """Send so many changed requests, and at the end compare what was stored.

    Args:
        victim: Who is sent them; nothing is stored there yet.
        attempts: How many.
        seed: Decides the changes.

    Raises:
        AssertionError: what is stored is not what the devices sent.
    """
    chance = random.Random(seed)
    posts = genuine()
    allowed = {variant for post in posts for variant in (post, replace(post, held=""))}
    for post in posts:
        assert _status(victim.application, post, "127.0.0.1") == 204
    stored = victim.stored()
    assert stored
    for number in range(attempts):
        changes = chance.choices(CHANGES, k=chance.choice((1, 1, 2)))
        post = functools.reduce(
            lambda changed, change: change(changed, chance, posts), changes, chance.choice(posts)
        )
        # a new address for each, or after ten wrong keys nothing but 429 would be seen
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        status = _status(victim.application, post, address)
        counts = _spelt(post) if victim.believes_gateways else replace(_spelt(post), held="")
        yield Attempt(tuple(one.__name__ for one in changes), post, status, counts in allowed)
    assert victim.stored() == stored


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each of so many requests; every tenth range of them goes to a gateway."""
    make = gateway if trials.start // 2_000 % 10 == 9 else server
    # no power is cut here, so that syncs need not cost anything
    memory = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, make(Path(folder)) as victim:
        for attempt in attack(victim, len(trials), seed=trials.start):
            yield attempt.harm


def _service(store: SqliteStore, folder: Path) -> Service:
    keys = KeyFile(folder / "keys.db")
    keys.add("forge-2", Kind.DEVICE, 0, REVOKED_KEY)
    keys.revoke("forge-2", 0)
    for device, key in DEVICES.items():
        keys.add(device, Kind.DEVICE, 0, key)
    keys.rotate("forge-1", 0, SECOND_KEY)
    keys.add("gone", Kind.BEARER, 0, REVOKED_WRITER_KEY)
    keys.revoke("gone", 0)
    keys.add("writer", Kind.BEARER, 0, WRITER_KEY)
    keys.add("reader", Kind.READER, 0, READER_KEY)

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
