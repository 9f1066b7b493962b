"""Where requests go under `unoingest serve`: signed posts to the hot path, all else to the WSGI application.

Other posts wait for nothing but the disk, and share one thread (`unoingest.cooperative`). What may read for
long, or wait for its client, has a thread of its own.

The application stays plain WSGI and can be served by any WSGI server, without the hot path and without the
limits of `unoingest.front`.
"""

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unoingest import hot_path
from unoingest.answers import Asked, problem_answer, problem_of
from unoingest.front.encoding import encode_answer
from unoingest.front.request import Request
from unoingest.front.returns import Call, Returns, Wake
from unoingest.front.rounds import Rounds
from unoingest.front.workers import Workers
from unoingest.hot_path import HotPath
from unoingest.service import Service
from unoingest.wsgi_call import WsgiCaller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 64
"""Requests that may wait together: for the disk, or for clients that take long answers slowly."""
POSTS_MAX = 256
"""Posts that may wait for the disk together in one thread."""


class Entry:
    """Takes the requests of a front; see `unoingest.front.request.Taker`.

    Args:
        application: Called in several threads with the whole body in `wsgi.input`.
        service: What the application serves.
        address: Host and port at which the server listens.
        wake: Has the event loop of the front call something, from any thread.
        soon: The same from its own thread.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        service: Service,
        address: tuple[str, int],
        wake: Wake,
        soon: Wake,
    ) -> None:
        self._service = service
        returns = Returns(wake, self._failed)
        self._returns = returns
        self._hot_path = HotPath(service, returns, soon)
        self._caller = WsgiCaller(application, address, returns)
        self._posts: Rounds[Request] = Rounds(self._take_posts, soon, "posts")
        self._workers = Workers(THREADS, self._failed)

    def take(self, request: Request) -> None:
        """Have a request answered."""
        if hot_path.takes(request):
            self._hot_path.take(request)
        elif request.head.method == "POST":
            self._posts.take(request)
        else:
            self._workers.put(lambda: self._returns.put([self._call(request)]))

    def take_excess(self, request: Request, piece: bytes) -> None:
        """Take a piece of a body that is too large to be kept."""
        if hot_path.takes(request):
            self._hot_path.take_excess(request, piece)

    def refuse(self, client: str, problem: Exception, *, is_for_head: bool) -> bytes:
        """Return the answer to what is no request, or no right HEAD."""
        told = problem_of(problem)
        self._service.log.refused(Asked("?", "?", client), told, problem)
        answer = problem_answer(told)
        self._service.metrics.answered("http", (answer.status,))
        data = encode_answer(answer.status, answer.headers, answer.body, int(time.time()), closes=True)
        return data.removesuffix(answer.body) if is_for_head else data

    def close(self) -> None:
        """Answer what was taken; it may take a while."""
        self._hot_path.close()
        self._posts.close()
        self._workers.close()

    def _take_posts(self, requests: Sequence[Request]) -> None:
        """Have posts answered together."""
        for start in range(0, len(requests), POSTS_MAX):
            answers: list[Call] = []
            some = requests[start : start + POSTS_MAX]
            calls = [functools.partial(self._add_answer, answers, request) for request in some]
            self._service.store.call_together(calls)
            self._returns.put(answers)

    def _add_answer(self, answers: list[Call], request: Request) -> None:
        answers.append(self._call(request))

    def _call(self, request: Request) -> Call:
        try:
            return self._caller.answer(request)
        except Exception as error:  # noqa: BLE001 - our own mistake; the client learns that there is no answer
            self._failed(error)
            return request.asker.cut, b""

    def _failed(self, error: Exception) -> None:
        self._service.log.broken("an answer could not be given or not be finished", error)
