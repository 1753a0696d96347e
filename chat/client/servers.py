"""Which servers a client calls, and how: from the command line, the settings or the
configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from chat.config import (
    CERTIFICATE_FILE,
    ConfigError,
    NoConfig,
    find_config,
    load_config,
    parse_address,
)
from chat.tls import Trust


def server_addresses(
    listed: str | None, kept: Sequence[str] = (), config: Path | None = None
) -> list[str]:
    """HOST:PORT in the order in which they are tried: as listed on the command line, or in
    `config`; failing both, what the person `kept` in the settings, then the first that is found.
    None where there is none: the person needs an invitation. Raises ConfigError."""
    if listed is not None:
        return [str(parse_address(part.strip())) for part in listed.split(",")]
    if config is None and kept:
        return list(kept)
    try:
        path = config or find_config()
    except NoConfig:
        return []
    return [str(address) for address in load_config(path).servers.values()]


def trust_for(servers: Sequence[str], certificate: Path | None, config: Path | None) -> Trust:
    """How to call them: with `certificate`, or else the one beside the configuration; in the clear
    on this computer, unless a certificate is named (a tunnel may lead elsewhere) or these servers'
    configuration says otherwise. Raises ConfigError if one is needed and missing."""
    if certificate is None and not _are_encrypted(servers, config):
        return Trust()
    path = certificate or _beside(config)
    try:
        pem = path.read_bytes()
        x509.load_pem_x509_certificate(pem)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): copy {CERTIFICATE_FILE} from a server"
        ) from error
    except (ValueError, x509.InvalidVersion) as error:
        raise ConfigError(
            f"{path} is no certificate: copy {CERTIFICATE_FILE} from a server"
        ) from error
    return Trust(pem)


def _beside(config: Path | None) -> Path:
    """The certificate of a configuration; of none, the one that is here."""
    try:
        return (config or find_config()).parent / CERTIFICATE_FILE
    except ConfigError:
        return Path(CERTIFICATE_FILE)


def _are_encrypted(servers: Sequence[str], config: Path | None) -> bool:
    addresses = [parse_address(server) for server in servers]
    if not all(address.is_loopback for address in addresses):
        return True
    try:
        known = load_config(config or find_config())
    except ConfigError:
        return False  # they were listed by hand, so none is needed
    configured = known.servers.values()
    theirs = any(address.is_same(one) for address in addresses for one in configured)
    return theirs and known.encrypted
