"""A server's config.json, and the configuration that the servers have agreed on (rule 14).

What they agreed on goes before the file, and the file is brought to it: a server that was down or
died while they changed it comes back right. Only where a person has edited the file since it last
said the same is that person's word taken: it stands in another file, beside the data.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from chat.config import Config, ConfigError, load_config, parse_address
from chat.core.replication.configuration import configuration_of
from chat.server.agreement import agreement, change, differences
from chat.server.files import make_folder, replace_file
from chat.system import sync

_log = logging.getLogger(__name__)


def with_agreed(config: Config, text: str) -> Config:
    """`config` with all that servers agree on as `text` has it. ValueError, ConfigError."""
    agreed = configuration_of(text)
    return replace(
        config,
        servers={number: parse_address(at) for number, at in sorted(agreed.servers.items())},
        quorum="survivors" if agreed.survivors else "majority",
        trust_refusals=agreed.trust_refusals,
        heartbeat_ms=agreed.heartbeat_ms,
        out_ms=agreed.out_ms,
        vote_ms=agreed.vote_ms,
    )


class ConfigFile:
    """`path` is None where there is none (a test's servers); `folder` is that of the data."""

    def __init__(self, config: Config, path: Path | None, folder: Path, server_id: int) -> None:
        self._given = agreement(config)
        self._config = config
        self._path = path
        self._note = folder / f"configured_{server_id}.json"
        self._server_id = server_id
        self._lock = threading.Lock()

    def at_start(self, agreed: str, join: bool) -> Config:
        """What this server goes by, which last promised a view of `agreed` ("" = it never did).
        `join`: a person says that it is to take part, also where it was removed before."""
        if agreed == self._given:
            self._write_note(agreed)
        if agreed in ("", self._given) or self._read_note() != self._given:
            return self._config
        if join and self._server_id not in configuration_of(agreed).servers:
            return self._config
        _log.warning(
            "server %d goes by what the servers have agreed on, not by its file: %s",
            self._server_id,
            change(self._given, agreed),
        )
        self.follow(agreed)
        return with_agreed(self._config, agreed)

    def follow(self, agreed: str) -> None:
        """The servers go by `agreed` now: the file says so from here on, if it still is what this
        server was started with, and if the server is one of them. On any thread."""
        with self._lock:
            if self._path is None or self._server_id not in configuration_of(agreed).servers:
                return
            try:
                found = agreement(load_config(self._path))
                if found not in (agreed, self._given):
                    different = differences(found, agreed, ("in the file", "by agreement"))
                    _log.warning("%s was edited and is left as it is: %s", self._path, different)
                    return
                if found != agreed:
                    rewrite(self._path, with_agreed(self._config, agreed))
                    _log.warning("%s was changed: %s", self._path, change(found, agreed))
                self._write_note(agreed)
                self._given = agreed
            except (OSError, ConfigError) as error:
                _log.warning("%s could not be changed (%s)", self._path, error)

    def _read_note(self) -> str:
        try:
            return self._note.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def _write_note(self, text: str) -> None:
        if self._read_note() == text:
            return
        with suppress(OSError):  # then the file counts as edited
            make_folder(self._note.parent)
            replace_file(self._note, [text.encode()])


def rewrite(path: Path, config: Config) -> None:
    """The file with the keys that servers agree on as `config` has them, and all others as they
    are. OSError; ValueError where it is no JSON object."""
    document = json.loads(path.read_text(encoding="utf-8"))
    servers = [{"id": number, "address": str(at)} for number, at in config.servers.items()]
    agreed: dict[str, Any] = {
        "servers": servers,
        "quorum": config.quorum,
        "trust_refusals": config.trust_refusals,
        "heartbeat_ms": config.heartbeat_ms,
        "out_ms": config.out_ms,
        "vote_ms": config.vote_ms,
    }
    _write(path, _text({**document, **agreed}))


def _write(path: Path, text: str) -> None:
    """Whole at every moment, though several servers may share one file and each write it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            sync(file.fileno())
        with suppress(OSError):
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _text(document: dict[str, Any]) -> str:
    """An item a line, as people write it."""
    lines = []
    for key, value in document.items():
        shown = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            shown = "[\n" + _joined((json.dumps(item) for item in value), "    ") + "\n  ]"
        lines.append(f"{json.dumps(key)}: {shown}")
    return "{\n" + _joined(lines, "  ") + "\n}\n"


def _joined(lines: Iterable[str], indent: str) -> str:
    return ",\n".join(indent + line for line in lines)
