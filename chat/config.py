"""config.json -> frozen Config: checked whole, with errors a person can act on.

Everything has a default but `servers`; unknown keys and nonsense are refused by name.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from chat.core import limits
from chat.core.json_text import parse_json

APPLICATION = "replicated-chat"
CONFIG_FILE = "config.json"
CERTIFICATE_FILE = "cluster.crt"
SERVER_ID_MAX = 99
_SHOWN_CHARACTERS_MAX = 60
PERIOD_MS_MIN = 10
PERIOD_MS_MAX = 600_000
RATE_MIN = limits.TEXT_BYTES_MAX + limits.WRITE_COST_BYTES
RATE_MAX = 2**40


class ConfigError(Exception):
    """One sentence: what is wrong in which file, and what would be right."""


class NoConfig(ConfigError):
    """No file was named, and none is where one is looked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 = the system's choice (for tests and --listen only)."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def is_same(self, other: Address) -> bool:
        """Whether both are one place, however they are written."""
        return self.port == other.port and bool(_places(self.host) & _places(other.host))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _places(host: str) -> set[str]:
    """The numeric addresses of a host, where they can be told from its name; else the name."""
    if host == "localhost":
        return {"127.0.0.1", "::1"}
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return {host.lower().rstrip(".")}
    mapped = getattr(address, "ipv4_mapped", None)
    return {str(mapped or address)}


def config_places() -> list[Path]:
    """Where a program that is told of no configuration looks for one, in this order: here, among
    this user's settings, among this computer's."""
    shared = (
        Path("/etc/chat")
        if sys.platform.startswith("linux")
        else platformdirs.site_config_path(APPLICATION, appauthor=False)
    )
    own = platformdirs.user_config_path(APPLICATION, appauthor=False)
    return [Path(CONFIG_FILE), own / CONFIG_FILE, shared / CONFIG_FILE]


def find_config() -> Path:
    """The first that is there. NoConfig where there is none."""
    places = config_places()
    for path in places:
        if path.exists():
            return path
    here, *elsewhere = places
    raise NoConfig(
        f"{here}: is not here, nor is {' or '.join(map(str, elsewhere))}: name one with --config"
    )


@dataclass(frozen=True, slots=True)
class Config:
    """Periods are milliseconds; `data_dir` and `certificate`, the file that clients need, are
    absolute when read from a file."""

    servers: Mapping[int, Address]
    data_dir: Path = Path("data")
    quorum: str = "survivors"
    rejoin: str = "automatic"
    heartbeat_ms: int = limits.HEARTBEAT_MS
    out_ms: int = limits.OUT_MS
    vote_ms: int = limits.VOTE_MS
    trust_refusals: bool = True
    tls: str = "auto"
    registration: str = "open"
    certificate: Path = Path(CERTIFICATE_FILE)
    user_bytes_per_second: int = limits.USER_BYTES_PER_SECOND  # 0 = no bound, here and below
    user_bytes_per_day: int = limits.USER_BYTES_PER_DAY
    metrics: Address | None = None  # where this server answers Prometheus; None = nowhere

    @property
    def encrypted(self) -> bool:
        """Whether what is said to a server, by a client or another server, is encrypted."""
        return self.tls == "always" or not self.all_loopback

    @property
    def all_loopback(self) -> bool:
        """Nothing but this computer takes part, so a secret can be shared by file."""
        return all(address.is_loopback for address in self.servers.values())


def parse_address(text: str, lowest_port: int = 1) -> Address:
    """HOST:PORT or [IPV6]:PORT; ConfigError for anything else."""
    host, colon, port_text = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    valid_port = port_text.isascii() and port_text.isdigit() and len(port_text) <= 5
    valid_host = bool(host) and not any(c.isspace() for c in host) and _can_be_looked_up(host)
    if not colon or not valid_host or not valid_port:
        raise ConfigError(f"{_shown(text)} is not an address like 127.0.0.1:8001")
    port = int(port_text)
    if not lowest_port <= port <= 65_535:
        raise ConfigError(f"{_shown(text)}: the port must be between {lowest_port} and 65535")
    return Address(host, port)


def _can_be_looked_up(host: str) -> bool:
    """Whether it has the form of a name at all: the system's resolver raises for "10.0..1"."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def load_config(path: Path) -> Config:
    """Reads and checks a configuration file; a relative `data_dir` is beside the file."""
    try:
        document = parse_json(path.read_text(encoding="utf-8"), _no_twins)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}: is not JSON ({error.msg})") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValueError as error:  # numbers or nesting without an end
        raise ConfigError(f"{path}: is not JSON for a configuration ({error})") from None
    try:
        return parse_config(document, path.resolve().parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(document: object, folder: Path) -> Config:
    """Checks a parsed document; ConfigError names the first key that is wrong."""
    if not isinstance(document, dict):
        raise ConfigError('must be a JSON object with "servers"')
    _refuse_unknown(document, "", _KEYS)
    heartbeat_ms = _period(document, "heartbeat_ms", limits.HEARTBEAT_MS)
    out_ms = _period(document, "out_ms", limits.OUT_MS)
    vote_ms = _period(document, "vote_ms", limits.VOTE_MS)
    if out_ms < 2 * heartbeat_ms:
        raise ConfigError(f'"out_ms" ({out_ms}) must be at least twice "heartbeat_ms"')
    if vote_ms < limits.VOTE_TO_OUT_RATIO_MIN * out_ms:
        raise ConfigError(f'"vote_ms" ({vote_ms}) must be at least 1.5 times "out_ms" ({out_ms})')
    trust_refusals = document.get("trust_refusals", True)
    if not isinstance(trust_refusals, bool):
        raise ConfigError('"trust_refusals" must be true or false')
    return Config(
        servers=_servers(document.get("servers")),
        data_dir=folder / _data_dir(document),
        quorum=_choice(document, "quorum", ("survivors", "majority")),
        rejoin=_choice(document, "rejoin", ("automatic", "manual")),
        heartbeat_ms=heartbeat_ms,
        out_ms=out_ms,
        vote_ms=vote_ms,
        trust_refusals=trust_refusals,
        tls=_choice(document, "tls", ("auto", "always")),
        registration=_choice(document, "registration", ("open", "invite", "closed")),
        certificate=folder / CERTIFICATE_FILE,
        user_bytes_per_second=_rate(
            document, "user_bytes_per_second", limits.USER_BYTES_PER_SECOND
        ),
        user_bytes_per_day=_rate(document, "user_bytes_per_day", limits.USER_BYTES_PER_DAY),
        metrics=_metrics(document),
    )


_KEYS = (
    "servers",
    "data_dir",
    "quorum",
    "rejoin",
    "heartbeat_ms",
    "out_ms",
    "vote_ms",
    "trust_refusals",
    "tls",
    "registration",
    "user_bytes_per_second",
    "user_bytes_per_day",
    "metrics",
)


def _shown(text: str) -> str:
    """A value as an error quotes it: on one line, and cut where it has no end."""
    cut = text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut) + '"'


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ConfigError(f"{_shown(key)} is given twice")
        document[key] = value
    return document


def _refuse_unknown(document: dict[str, Any], where: str, known: tuple[str, ...]) -> None:
    for key in document:
        if key not in known:
            raise ConfigError(f"{where}{_shown(key)} is not known; known are: {', '.join(known)}")


def _period(document: dict[str, Any], key: str, default: int) -> int:
    value = document.get(key, default)
    if type(value) is not int or not PERIOD_MS_MIN <= value <= PERIOD_MS_MAX:
        raise ConfigError(
            f'"{key}" must be a whole number of milliseconds, {PERIOD_MS_MIN} to {PERIOD_MS_MAX}'
        )
    return value


def _rate(document: dict[str, Any], key: str, default: int) -> int:
    """Of bytes. Less than the longest message costs would let it wait for ever."""
    value = document.get(key, default)
    if type(value) is not int or not (value == 0 or RATE_MIN <= value <= RATE_MAX):
        raise ConfigError(
            f'"{key}" must be a whole number of bytes, {RATE_MIN} to {RATE_MAX}, or 0 for no bound'
        )
    return value


def _metrics(document: dict[str, Any]) -> Address | None:
    if "metrics" not in document:
        return None
    value = document["metrics"]
    if not isinstance(value, str):
        raise ConfigError('"metrics" must be "HOST:PORT"')
    try:
        return parse_address(value)
    except ConfigError as error:
        raise ConfigError(f'"metrics": {error}') from None


def _data_dir(document: dict[str, Any]) -> str:
    value = document.get("data_dir", "data")
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ConfigError('"data_dir" must be the path of a folder')
    if value.startswith("~"):
        raise ConfigError('"data_dir" must be written out: "~" stands for nothing here')
    return value


def _choice(document: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = document.get(key, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        quoted = [f'"{each}"' for each in allowed]
        raise ConfigError(f'"{key}" must be {", ".join(quoted[:-1])} or {quoted[-1]}')
    return value


def _servers(listed: object) -> dict[int, Address]:
    if not isinstance(listed, list) or not listed:
        raise ConfigError('"servers" must list at least one {"id": 1, "address": "HOST:PORT"}')
    servers: dict[int, Address] = {}
    for place, item in enumerate(listed, 1):
        where = f'"servers", number {place}: '
        if not isinstance(item, dict):
            raise ConfigError(where + 'must be {"id": 1, "address": "HOST:PORT"}')
        _refuse_unknown(item, where, ("id", "address"))
        server_id, address_text = item.get("id"), item.get("address")
        if type(server_id) is not int or not 1 <= server_id <= SERVER_ID_MAX:
            raise ConfigError(where + f'"id" must be a whole number, 1 to {SERVER_ID_MAX}')
        if not isinstance(address_text, str):
            raise ConfigError(where + '"address" must be "HOST:PORT"')
        try:
            address = parse_address(address_text)
        except ConfigError as error:
            raise ConfigError(where + str(error)) from None
        if server_id in servers:
            raise ConfigError(where + f"the id {server_id} is given twice")
        for known in servers.values():
            if address.is_same(known):
                twice = "is given twice" if address == known else f"is also {known}"
                raise ConfigError(where + f"the address {address} {twice}")
        servers[server_id] = address
    return dict(sorted(servers.items()))
