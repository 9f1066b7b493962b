"""The `AT+HTTP...` commands: a request in one line, the size of something, and a body behind a prompt."""

from urllib.parse import SplitResult, urlsplit

from unosim.modem.commands.command import Call, Command
from unosim.modem.core import Core
from unosim.modem.errors import EXECUTION_FAILED, CommandError
from unosim.modem.http_client import Request
from unosim.modem.parameters import Parameters
from unosim.modem.replies import ERROR, OK, PENDING, Reply, info, line

METHODS = {1: "HEAD", 2: "GET", 3: "POST", 4: "PUT", 5: "DELETE"}
CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data",
    "text/xml",
)
OVER_TCP, OVER_SSL = 1, 2
PORTS = {False: 80, True: 443}
"""By whether it is SSL."""
LINE_BYTES = 256
"""No text is longer than the line it comes in."""
HEADERS_MAX = 10
BODY_BYTES = 65_536
"""The most that a POST may announce (estimate)."""
STATUS_ERROR = 0x7000
"""Error code of an answer; its status is added (ESP-AT user guide, HTTP error codes)."""
LOWEST_ERROR_STATUS = 400


def _split(url: str) -> SplitResult:
    """Return the parts of a URL."""
    parts = urlsplit(url)
    try:
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False  # the port is no number
    if not usable:
        raise CommandError
    return parts


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise CommandError
    return name, value.strip()


def _headers(parameters: Parameters, count_max: int) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    while len(headers) < count_max and parameters.given():
        headers.append(_header(parameters.string(LINE_BYTES)))
    return headers


def _with_content_type(headers: list[tuple[str, str]], content_type: str) -> tuple[tuple[str, str], ...]:
    """Return header fields with a content type, unless they name one."""
    if any(name.lower() == "content-type" for name, _ in headers):
        return tuple(headers)
    return (("Content-Type", content_type), *headers)


def _request(parameters: Parameters) -> Request:
    """Return what `AT+HTTPCLIENT` asks for; host and path come from the URL where they are left out."""
    method = METHODS[parameters.number(min(METHODS), max(METHODS))]
    parameters.comma()
    content_type = CONTENT_TYPES[parameters.number(0, len(CONTENT_TYPES) - 1)]
    parameters.comma()
    url = "" if parameters.empty() else parameters.string(LINE_BYTES)
    host = parameters.optional_string(LINE_BYTES, "")
    path = parameters.optional_string(LINE_BYTES, "")
    ssl = parameters.optional_number(OVER_TCP, OVER_SSL, OVER_TCP) == OVER_SSL
    body = parameters.optional_string(LINE_BYTES, "").encode("utf-8", "surrogateescape")
    headers = _headers(parameters, HEADERS_MAX)
    parameters.end()
    parts = _split(url or f"http://{host}{path}")
    return Request(
        method,
        host=host or parts.hostname or "",
        port=parts.port or PORTS[ssl],
        target=path or _target(parts),
        ssl=ssl,
        headers=_with_content_type(headers, content_type),
        body=body,
    )


class _Printer:
    """Prints the body as it comes, and ends the command with the status.

    Args:
        core: the modem.
        name: what a line of the body begins with.
        success: what ends the command.
        failure: what ends it otherwise; None for an error with a number.
    """

    def __init__(self, core: Core, name: str, success: bytes, failure: bytes | None = None) -> None:
        self._core = core
        self._name = name
        self._success = success
        self._failure = failure

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Do nothing: the status counts at the end."""

    def on_piece(self, data: bytes) -> None:
        """Print a piece of the body."""
        self._core.kernel.write(f"{self._name}:{len(data)},".encode() + data + b"\r\n")

    def on_end(self, status: int | None) -> None:
        """End the command."""
        if status is not None and status < LOWEST_ERROR_STATUS:
            self._core.finish(self._success)
        elif self._failure is not None:
            self._core.finish(self._failure)
        else:
            code = EXECUTION_FAILED if status is None else STATUS_ERROR + status
            self._core.finish(self._core.failure(code=code))


class _Measure(_Printer):
    """Prints the size that the header tells, and nothing else."""

    def __init__(self, core: Core, name: str) -> None:
        super().__init__(core, name, ERROR)
        self._told = False

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Look for the size."""
        size = dict(headers).get(b"content-length")
        if size is not None and status < LOWEST_ERROR_STATUS:
            self._success = info(f"{self._name}:{int(size)}")

    def on_piece(self, data: bytes) -> None:
        """Print nothing of a body that nobody asked for."""


def _client(core: Core, call: Call) -> Reply:
    request = _request(call.parameters)
    _require_address(core)
    core.http.ask(request, _Printer(core, call.name, OK))
    return PENDING


def _require_address(core: Core) -> None:
    if not core.station.ready:
        raise CommandError


def _size(core: Core, call: Call) -> Reply:
    parts = _split(call.parameters.string(LINE_BYTES))
    call.parameters.end()
    _require_address(core)
    ssl = parts.scheme == "https"
    request = Request("HEAD", parts.hostname or "", parts.port or PORTS[ssl], _target(parts), ssl=ssl)
    core.http.ask(request, _Measure(core, call.name))
    return PENDING


def _post(core: Core, call: Call) -> Reply:
    """Send a body from behind a prompt.

    A content type among the header fields has no effect in 2.2.0 (release notes of ESP-AT 2.2.1).
    """
    parameters = call.parameters
    parts = _split(parameters.string(LINE_BYTES))
    parameters.comma()
    count = parameters.number(1, BODY_BYTES)
    announced = parameters.optional_number(0, HEADERS_MAX, 0)
    headers = _headers(parameters, announced)
    parameters.end()
    if len(headers) != announced:
        raise CommandError
    others = [(name, value) for name, value in headers if name.lower() != "content-type"]
    _require_address(core)
    ssl = parts.scheme == "https"
    printer = _Printer(core, call.name, b"\r\nSEND OK\r\n", b"\r\nSEND FAIL\r\n")

    def take(data: bytes) -> None:
        core.kernel.write(b"\r\n" + line(f"Recv {len(data)} bytes"))
        core.http.ask(
            Request(
                "POST",
                host=parts.hostname or "",
                port=parts.port or PORTS[ssl],
                target=_target(parts),
                ssl=ssl,
                headers=(("Content-Type", CONTENT_TYPES[0]), *others),
                body=data,
            ),
            printer,
        )

    core.expect(count, take)
    return PENDING


COMMANDS: dict[str, Command] = {
    "+HTTPCLIENT": Command(set=_client),
    "+HTTPGETSIZE": Command(set=_size),
    "+HTTPCPOST": Command(set=_post),
}
