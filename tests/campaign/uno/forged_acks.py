"""A man in the middle answers the real image in the server's place, or changes what the server answered.

He holds no key. He may keep a request from the server and answer it himself, with everything that was ever
signed at hand: tags of other requests, of other starts and under other statuses, and the right one changed a
little. Or he lets a request through and spoils the form of its answer. After one to three such answers he
goes. Then the device must have given up no reading that the server has not got, must not have started anew,
and must go on by itself.
"""

import functools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from system.node_bench import Bench, make_bench
from system.signing_server import DATE, SigningServer
from unosim.board import Image, load_image
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.lab import DEVICE, KEY
from unosim.modem import PROFILES
from unosim.network import Reply
from unosim.signed import Post, answer_tag, parse_post, request_tag, tag_of

BUILDS = Path(__file__).parents[3] / ".pio/build"
HONEST_REQUESTS = 2
"""Before he begins, so that there is something to repeat."""
READINGS_AFTERWARDS = 3
INTERVAL_MS = 10_000
"""So rarely that his outage does not fill the memory; what a longer one costs is documented, and counted."""
LIMIT_S = 900.0
"""Simulated, until all is well again: after three refusals of its key a device waits for five minutes."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_OTHER_KEY = bytes(range(1, 33))


class Witness:
    """What he knows besides the request before him."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: list[bytes] = []


Tag = Callable[[Post, random.Random, Witness], str]


def _one_letter(post: Post, chance: random.Random, _witness: Witness) -> str:
    # the last letter has four bits that say nothing, so it is left alone
    right, at = answer_tag(KEY, 204, post.tag), chance.randrange(21)
    return right[:at] + chance.choice(_LETTERS.replace(right[at], "")) + right[at + 1 :]


def _other_case(post: Post, _chance: random.Random, _witness: Witness) -> str:
    return answer_tag(KEY, 204, post.tag).swapcase()


def _cut(post: Post, chance: random.Random, _witness: Witness) -> str:
    return answer_tag(KEY, 204, post.tag)[: chance.randrange(22)]


def _longer(post: Post, chance: random.Random, _witness: Witness) -> str:
    return answer_tag(KEY, 204, post.tag) + chance.choice(("A", "=", "==", "," + "A" * 22, "A" * 300))


def _turned(post: Post, chance: random.Random, _witness: Witness) -> str:
    right, by = answer_tag(KEY, 204, post.tag), chance.randrange(1, 22)
    return right[by:] + right[:by]


def _other_status(post: Post, chance: random.Random, _witness: Witness) -> str:
    return answer_tag(KEY, chance.choice((200, 201, 400, 401, 422, 503, 2040, 20)), post.tag)


def _other_key(post: Post, _chance: random.Random, _witness: Witness) -> str:
    return answer_tag(_OTHER_KEY, 204, post.tag)


def _other_request(_post: Post, chance: random.Random, witness: Witness) -> str:
    return answer_tag(KEY, 204, chance.choice(witness.posts).tag)


def _other_start(post: Post, _chance: random.Random, _witness: Witness) -> str:
    body = re.sub(rb'"boot":(\d+)', lambda found: b'"boot":%d' % (int(found[1]) - 1), post.body)
    return answer_tag(KEY, 204, request_tag(KEY, DEVICE, body))


def _request_itself(post: Post, _chance: random.Random, _witness: Witness) -> str:
    return post.tag


def _held(post: Post, _chance: random.Random, _witness: Witness) -> str:
    return tag_of(KEY, f"held 204\n{post.tag}".encode())


def _drawn(_post: Post, chance: random.Random, _witness: Witness) -> str:
    return "".join(chance.choices(_LETTERS, k=22))


def _odd(_post: Post, chance: random.Random, _witness: Witness) -> str:
    return chance.choice(("", " " * 22, "A" * 22, "=" * 22, "\0" * 22, "\x7f" * 22, "null", "+IPD,0,4:OK"))


WRONG_TAGS: Sequence[Tag] = (
    *(_one_letter, _other_case, _cut, _longer, _turned, _other_status, _other_key, _other_request),
    *(_other_start, _request_itself, _held, _drawn, _odd),
)

Form = Callable[[int, str, random.Random], bytes]


def _usual(status: int, tag: str, _chance: random.Random) -> bytes:
    length = b"" if status == 204 else b"Content-Length: 0\r\n"
    return b"HTTP/1.1 %d X\r\nUnolink-Tag: %b\r\n%b%b\r\n" % (status, tag.encode("latin-1"), length, DATE)


def _with_a_line(line: Callable[[str], bytes]) -> Form:
    def form(status: int, tag: str, chance: random.Random) -> bytes:
        return _usual(status, tag, chance).replace(DATE, DATE + line(tag))

    return form


def _changed(old: bytes, new: bytes) -> Form:
    def form(status: int, tag: str, chance: random.Random) -> bytes:
        return _usual(status, tag, chance).replace(old, new)

    return form


def _before(first: bytes) -> Form:
    def form(status: int, tag: str, chance: random.Random) -> bytes:
        return first + _usual(status, tag, chance)

    return form


def _with_a_body(status: int, tag: str, chance: random.Random) -> bytes:
    body = chance.choice(
        (b"{}", b"x" * 3_000, b"\r\n+IPD,0,5:hello\r\nOK\r\n", b"HTTP/1.1 204 X\r\n\r\n", b"0,CLOSED\r\n")
    )
    head = b"HTTP/1.1 %d X\r\nUnolink-Tag: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, tag.encode("latin-1"), len(body)) + body


def _chunked(status: int, tag: str, chance: random.Random) -> bytes:
    late = chance.random() < 0.5
    first, last = (b"", tag.encode("latin-1")) if late else (tag.encode("latin-1"), b"")
    named = b"Unolink-Tag: %b\r\n"
    head = b"HTTP/1.1 %d X\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (
        status,
        named % first if first else b"",
    )
    return head + b"5\r\nhello\r\n0\r\n%b\r\n" % (named % last if last else b"")


def _redirected(_status: int, tag: str, chance: random.Random) -> bytes:
    status = chance.choice((301, 302, 307, 308))
    return _usual(status, tag, chance).replace(DATE, b"Location: http://evil.example/v1/readings\r\n")


def _twice(status: int, tag: str, chance: random.Random) -> bytes:
    return _usual(status, tag, chance) * 2


def _mangled(status: int, tag: str, chance: random.Random) -> bytes:
    answer = bytearray(_usual(status, tag, chance))
    for _ in range(chance.choice((1, 1, 3))):
        # in what leads to the tag and behind it; the tag itself has forgeries of its own
        at = chance.choice([place for place in range(len(answer)) if not 30 <= place <= 55])
        answer[at] = chance.choice((answer[at] ^ 1 << chance.randrange(8), 0, 10, 13, 32, 58))
    return bytes(answer)


def _shortened(status: int, tag: str, chance: random.Random) -> bytes:
    answer = _usual(status, tag, chance)
    return answer[: chance.randrange(len(answer))]


FORMS: Sequence[Form] = (
    *(_usual, _usual, _usual, _with_a_body, _chunked, _redirected, _twice, _mangled, _mangled, _shortened),
    _changed(b"Unolink-Tag:", b"unolink-tag:\t \t"),
    _changed(b"Unolink-Tag: ", b"Unolink-Tag:\r\n "),
    _changed(b"Unolink-Tag:", b"X-Unolink-Tag:"),
    _changed(b"Unolink-Tag:", b"Unolink-Tag :"),
    _changed(b"Unolink-Tag:", b"Unolink-Tagged:"),
    _changed(b"\r\n", b"\n"),
    _changed(b"\r\n", b"\r\r\n"),
    _changed(b"HTTP/1.1", b"HTTP/1.0"),
    _changed(b"HTTP/1.1", b"HTTP/2.0"),
    _changed(b" X\r\n", b"0 X\r\n"),
    _changed(b" X\r\n", b" " + b"X" * 2_000 + b"\r\n"),
    _changed(DATE, b"Content-Length: 99999999999\r\n"),
    _changed(DATE, b"Content-Length: 5\r\nContent-Length: 0\r\n"),
    _changed(DATE, b"Content-Length: -1\r\n"),
    _changed(DATE, b"Retry-After: 20\r\n"),
    _changed(DATE, b"Retry-After: -1\r\nRetry-After: soon\r\n"),
    _with_a_line(lambda tag: b"Unolink-Tag: %b\r\n" % tag[::-1].encode("latin-1")),
    _with_a_line(lambda _tag: b"X: " + b"y" * 4_000 + b"\r\n"),
    _with_a_line(lambda _tag: b"".join(b"X-%d: y\r\n" % number for number in range(200))),
    _with_a_line(lambda _tag: b"X: \r\n+IPD,0,20:HTTP/1.1 204 X\r\n\r\n\r\n"),
    _with_a_line(lambda _tag: b"X: \0\xff\x1a\x04\r\n"),
    _before(b"HTTP/1.1 100 Continue\r\n\r\n"),
    _before(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3),
    _before(b"\r\n"),
    _before(b"HTTP/1.1 204 X\r\n\r\n"),
    _before(b"SEND OK\r\n0,CLOSED\r\nready\r\n"),
)


@dataclass
class ForgingServer(SigningServer):
    """The server with the man in front of it.

    Args:
        chance: what he decides by.
        left: how many answers he is going to forge.
        honest: how many requests he lets pass before.
    """

    chance: random.Random = None  # type: ignore[assignment] # a dataclass's field behind others has a default
    left: int = 0
    honest: int = HONEST_REQUESTS

    def __post_init__(self) -> None:
        self._witness = Witness()
        self.forged: list[str] = []

    def replies(self, request: bytes) -> list[Reply]:
        """Answer one whole request, or forge."""
        post = parse_post(request)
        if post is None or self.honest or not self.left:
            self.honest -= self.honest > 0
            answer = self.answer(request)
            if post:
                self._witness.posts.append(post)
                self._witness.answers.append(answer.data)
            return [answer]
        self.left -= 1
        return self._sent(self._withhold(post) if self.chance.random() < 0.6 else self._spoil(request))

    def _withhold(self, post: Post) -> bytes:
        """Answer what the server does not get to see."""
        chance = self.chance
        if chance.random() < 0.15:
            self.forged.append("withheld, an old answer")
            return chance.choice(self._witness.answers)
        tag, form = chance.choice(WRONG_TAGS), chance.choice(FORMS)
        status = chance.choice((204, 204, 204, 204, 200, 400, 413, 422, 401, 403, 404, 429, 500, 503))
        wrong = tag(post, chance, self._witness)
        while wrong == answer_tag(KEY, status, post.tag):
            # only the server could have made that one
            wrong = tag(post, chance, self._witness)
        text = form(status, wrong, chance)
        self.forged.append(f"withheld, {status} {tag.__name__}: {text[:150]!r}")
        return text

    def _spoil(self, request: bytes) -> bytes:
        """Let the server have it, and change its answer."""
        chance = self.chance
        answer = self.answer(request).data
        tag = re.search(rb"Unolink-Tag: (\S+)", answer)
        form = chance.choice(FORMS)
        status = chance.choice((204, 204, 204, 200, 400, 413, 422, 503))
        text = form(status, tag[1].decode() if tag else "", chance)
        self.forged.append(f"let through, then {status}: {text[:150]!r}")
        return text

    def _sent(self, text: bytes) -> list[Reply]:
        """Return the text at once, in two pieces, late, not at all, or with the connection closed."""
        chance = self.chance
        kind = chance.randrange(10)
        if kind == 0:
            at = chance.randrange(len(text) + 1)
            return [
                Reply(text[:at], self.answer_ns),
                Reply(text[at:], chance.randrange(1, 12_000) * NS_PER_MS),
            ]
        if kind == 1:
            return [Reply(text, chance.randrange(1, 15_000) * NS_PER_MS)]
        return [Reply(text, self.answer_ns, close=chance.random() < 0.2)]


@functools.cache
def _image(name: str) -> Image:
    return load_image(BUILDS / name / "firmware.elf")


def forge(number: int) -> str:
    """Let him act once, as this number decides; return what went wrong, or ""."""
    chance = random.Random(number)
    server = ForgingServer(chance=chance, left=chance.choice((1, 1, 2, 3)))
    soft = chance.random() < 0.1
    profile = chance.choice(("nonos-1.7.4", "nonos-1.7.4", *sorted(PROFILES)))
    bench = make_bench(
        _image("uno_softserial" if soft else "uno"),
        soft=soft,
        baud=9_600 if soft else 115_200,
        profile=profile,
        interval_ms=str(INTERVAL_MS),
        server=server,
    )
    met = bench.simulation.run(lambda: not server.left, limit_s=LIMIT_S)
    complaint = _complaint(bench) if met else "he was not even asked"
    return complaint and f"{complaint}; {profile}{' soft' if soft else ''}: {server.forged}"


def _complaint(bench: Bench) -> str:
    server = bench.server
    now_s = bench.simulation.now_ns / NS_PER_S
    enough = len(server.stored) + READINGS_AFTERWARDS
    went_on = bench.simulation.run(lambda: len(server.stored) >= enough, limit_s=now_s + LIMIT_S)
    if not went_on:
        return f"nothing came for {LIMIT_S} s: {bench.counters}"
    # what is on its way when the last one is stored: its acknowledgement
    now_s = bench.simulation.now_ns / NS_PER_S
    bench.simulation.run(lambda: bench.counters.acked >= enough, limit_s=now_s + 5)
    counters = bench.counters
    seqs = sorted(seq for _, _, seq in server.stored)
    if {boot for _, boot, _ in server.stored} != {2}:
        return "the device has started anew"
    if server.conflicts or server.bad_requests:
        return f"{server.conflicts} came with other values, {server.bad_requests} requests were bad"
    if seqs != list(range(len(seqs))) or counters.lost or counters.rejected:
        return f"given up, though nobody has it: stored {seqs}, {counters}"
    return f"more acknowledged than stored: {counters}" if counters.acked > len(seqs) else ""


def tries(trials: range) -> Iterator[str]:
    """Yield what went wrong with each of so many forgers."""
    return (forge(trial) for trial in trials)
