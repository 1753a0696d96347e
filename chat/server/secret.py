"""The secret by which the servers of a cluster know each other: one file, 0600, beside the data."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat.config import Config, ConfigError

FILE_NAME: Final = "cluster.key"
_LENGTH_MIN: Final = 32


def secret_path(config: Config) -> Path:
    return config.data_dir / FILE_NAME


def load_secret(config: Config) -> str:
    """The secret; made at the first start when all servers are on this computer, or there is
    but one. ConfigError when it is missing, too short or readable by others."""
    path = secret_path(config)
    if not path.exists():
        if not config.all_loopback and len(config.servers) > 1:
            raise ConfigError(
                f"{path} is missing: make it with `python server.py --make-key` and copy it to "
                "every server"
            )
        make_secret(config)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} can be read by others: `chmod 600 {path}`")
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    if len(secret) < _LENGTH_MIN:
        raise ConfigError(f"{path} is too short: make a new one with `--make-key`")
    return secret


def make_secret(config: Config) -> Path:
    """Writes a new secret unless there is one; of several makers the first one wins."""
    path = secret_path(config)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, does not take the place of a file that is there.
        with suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
    return path
