"""The identity of a cluster: one file, 0600, beside the data, the same on every server.

It holds a private key and its certificate; the key of the proofs by which servers know each
other is derived from it. Clients get the certificate alone.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chat import system
from chat.config import CERTIFICATE_FILE, Config, ConfigError
from chat.server.files import make_folder
from chat.tls import CERTIFICATE_NAME, Trust

FILE_NAME: Final = "cluster.key"
_PEERING_PURPOSE: Final = b"chat: proofs between servers"
# Whoever holds the key file is trusted until it is replaced: expiry would only be a trap, and a
# beginning one for whom a computer's clock is wrong. The end is RFC 5280's word for none (4.1.2.5).
_VALID_FROM: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_VALID_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Identity:
    """`peering_key` makes the proofs between servers; it is never sent."""

    peering_key: bytes
    key_pem: bytes
    certificate_pem: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal digits."""
        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        return certificate.fingerprint(hashes.SHA256()).hex()


def identity_path(config: Config) -> Path:
    return config.data_dir / FILE_NAME


def trust_of(config: Config, identity: Identity) -> Trust:
    return Trust(identity.certificate_pem if config.encrypted else None)


def load_identity(config: Config) -> Identity:
    """Made at the first start when all servers are on this computer. ConfigError when it is
    missing, damaged or readable by others."""
    path = identity_path(config)
    if not path.exists():
        if not config.all_loopback:
            raise ConfigError(
                f"{path} is missing: make it with `python server.py --make-key` and copy it to "
                "every server"
            )
        _make_key(path)
    try:
        if system.HAS_FILE_MODES and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} can be read by others: `chmod 600 {path}`")
        return _parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ConfigError(
            f"{path} is damaged: copy it from another server, or make a new one for all"
        ) from error


def make_identity(config: Config, folder: Path) -> tuple[Path, Path]:
    """The key file (what is there stays) and, in `folder`, the certificate for clients."""
    path, certificate = identity_path(config), folder / CERTIFICATE_FILE
    if not path.exists():
        _make_key(path)
    identity = load_identity(config)
    _write_certificate(certificate, identity)
    return path, certificate


def publish_certificate(config: Config, identity: Identity) -> None:
    """Where all servers are on this computer, and its clients need the certificate, it is put
    where they look for it. ConfigError when it cannot be written."""
    if not (config.encrypted and config.all_loopback):
        return
    try:
        known = config.certificate.read_bytes()
    except OSError:
        known = b""
    if known != identity.certificate_pem:
        _write_certificate(config.certificate, identity)


def _write_certificate(path: Path, identity: Identity) -> None:
    """Whole at every moment: servers that start together each write it, and clients read it."""
    temporary = _beside(path)
    try:
        temporary.write_bytes(identity.certificate_pem)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _parse(data: bytes) -> Identity:
    """ValueError for anything but a key and its certificate."""
    key = serialization.load_pem_private_key(data, password=None)
    certificate = x509.load_pem_x509_certificate(data)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is of another kind")
    if key.public_key() != certificate.public_key():
        raise ValueError("the certificate is of another key")
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    peering_key = hmac.digest(key_pem, _PEERING_PURPOSE, "sha256")
    return Identity(peering_key, key_pem, certificate.public_bytes(serialization.Encoding.PEM))


def _new_key_file() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, CERTIFICATE_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_UNTIL)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CERTIFICATE_NAME)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _make_key(path: Path) -> None:
    """Writes a new key unless there is one; of several makers the first one wins."""
    try:
        make_folder(path.parent)
        temporary = _beside(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.PLAIN, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_new_key_file())
            file.flush()
            system.sync(file.fileno())
        # A link, unlike a rename, does not take the place of a file that is there.
        with suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
