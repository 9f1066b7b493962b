"""Certificates for tests: an authority made anew, and what it has signed."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = dt.timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """Signs certificates into files of a folder; `ca` is its own."""

    folder: Path
    called: str = "test authority"

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._begin(self.called, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str, *, expired: bool = False) -> Path:
        """Return a PEM file with key and certificate for a host name."""
        key = ec.generate_private_key(ec.SECP256R1())
        kind: x509.GeneralName = x509.DNSName(host)
        if host.replace(".", "").isdigit():
            kind = x509.IPAddress(ipaddress.IPv4Address(host))
        builder = self._begin(host, key, expired=expired)
        builder = builder.add_extension(x509.SubjectAlternativeName([kind]), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        path = self.folder / f"{host}{'-expired' * expired}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        return path

    def locked(self) -> bytes:
        """Return a key and a certificate in PEM form, the key with a password."""
        encryption = serialization.BestAvailableEncryption(b"secret")
        key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        return key + self.ca.read_bytes()

    def _begin(
        self, subject: str, key: ec.EllipticCurvePrivateKey, *, expired: bool = False
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(self.called))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * DAY)
            .not_valid_after(now - 2 * DAY if expired else now + 2 * DAY)
        )
