"""TLS for links of kind SSL: what is verified, and one session of it, by the standard library.

`Tls` says what is trusted. As the module does it (AT+CIPSSLCCONF), a server's certificate is verified only if
the firmware asks for that, and then its chain alone, not its name; TLS 1.2 is the newest there is. `strict`
is for those who play a module but mean it: chain and name are always verified, and TLS 1.3 is spoken.

`TlsSession` is a session without a socket: what arrives is put in, what is to be sent is taken out. What it
holds is bounded by one record (RFC 8446, section 5.2: 16 KB and a little), if nothing is put in before
everything has been taken out.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from unosim.errors import UserError

RECORD_BYTES = 16_384
"""The most plain text in one record (RFC 8446, section 5.1)."""


class TlsError(UserError):
    """A file of certificates cannot be used."""


@dataclass(frozen=True)
class Tls:
    """What is trusted, and what is shown.

    Raises:
        TlsError: a file cannot be read, or holds no certificate.
    """

    ca: Path | None = None
    """A PEM file of the authorities that are trusted; None for those of this machine."""
    certificate: Path | None = None
    """A PEM file with the module's own certificate and key; None for none."""
    strict: bool = False
    """Verify chain and name of every server, whether the module asks for it or not."""
    _contexts: dict[tuple[bool, bool], ssl.SSLContext] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Read the files now, when somebody can still be told."""
        self._context(verify=True, present=True)

    def session(self, host: str, *, verify: bool, present: bool) -> "TlsSession":
        """Return a session that is about to begin.

        Args:
            host: the server's name or dotted address, as the module was told it.
            verify: whether the module verifies the server.
            present: whether it shows its own certificate.

        Raises:
            ValueError: the name is none that TLS can ask for.
        """
        try:
            return TlsSession(self._context(verify=verify or self.strict, present=present), host)
        except TypeError as error:  # a name with a NUL
            raise ValueError(str(error)) from error

    def _context(self, *, verify: bool, present: bool) -> ssl.SSLContext:
        if (verify, present) not in self._contexts:
            self._contexts[verify, present] = self._made(verify=verify, present=present)
        return self._contexts[verify, present]

    def _made(self, *, verify: bool, present: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.strict:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.check_hostname = False
        if not verify:
            context.verify_mode = ssl.CERT_NONE
        elif self.ca is None:
            context.load_default_certs()
        else:
            with _told(self.ca, "certificates in PEM form"):
                context.load_verify_locations(self.ca)
        if present and self.certificate is not None:
            with _told(
                self.certificate, "a certificate and its key, both in PEM form and without a password"
            ):
                context.load_cert_chain(self.certificate, password=_no_password)
        return context


def _no_password() -> str:
    """Refuse to ask for a password on the terminal.

    Raises:
        ValueError: always.
    """
    raise ValueError("the key has a password")


@contextmanager
def _told(path: Path, wanted: str) -> Iterator[None]:
    """Turn what can be wrong with a file into one line and a hint."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TlsError(f"cannot use {path}: {reason}", hint=f"name a file with {wanted}") from error


class TlsSession:
    """The client's side of one session.

    Args:
        context: the rules.
        host: the server's name, or its dotted address.

    Raises:
        ValueError: the name is none that TLS can ask for.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._arrived = ssl.MemoryBIO()
        self._leaving = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is complete.

        Raises:
            ssl.SSLError: it has failed.
        """
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def put(self, data: bytes) -> None:
        """Take what has arrived; nothing stands for the end of the connection."""
        if data:
            self._arrived.write(data)
        else:
            self._arrived.write_eof()

    def read(self, count: int) -> bytes | None:
        """Return up to `count` bytes (1 or more) of the peer; nothing when it has ended; None for not yet.

        Raises:
            ssl.SSLError: what arrived is no TLS.
        """
        try:
            return self._session.read(count)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    @property
    def holds_more(self) -> bool:
        """Whether something that has arrived has not been read, though perhaps not a whole record of it."""
        return self._session.pending() > 0 or self._arrived.pending > 0

    def write(self, data: bytes) -> None:
        """Say something to the peer."""
        self._session.write(data)

    def take(self) -> bytes:
        """Return what is to be sent."""
        return self._leaving.read()

    def farewell(self) -> bytes:
        """Return what tells the peer that nothing follows (close_notify); its own is not waited for."""
        with suppress(ssl.SSLError):
            self._session.unwrap()
        return self.take()
