"""What the servers of a cluster must agree on, as one text, and how two such texts differ.

Pure. The replication core only compares the texts; here they are made and put into words.
"""

from __future__ import annotations

from typing import Any

from chat.config import Config
from chat.core.json_text import parse_json
from chat.core.limits import CHANGE_TOLD_S
from chat.core.replication.configuration import Configuration
from chat.core.replication.messages import Report
from chat.core.replication.server_state import Rules


def agreement(config: Config) -> str:
    """All of config.json but what concerns one server alone (its folder, whether it rejoins).
    Equal configurations give equal texts, whatever the order of keys in the file."""
    return Configuration(
        servers={number: str(address) for number, address in config.servers.items()},
        survivors=config.quorum == "survivors",
        trust_refusals=config.trust_refusals,
        heartbeat_ms=config.heartbeat_ms,
        out_ms=config.out_ms,
        vote_ms=config.vote_ms,
    ).text


def differences(one: str, other: str, where: tuple[str, str] = ("here", "there")) -> str:
    """In words, by key: `"out_ms" is 1000 here and 10000 there`; empty when there are none, or
    when one side tells of no configuration."""
    if not one or not other or one == other:
        return ""
    mine, theirs = _flat(one), _flat(other)
    keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    return "; ".join(
        f"{key} is {_told(mine, key)} {where[0]} and {_told(theirs, key)} {where[1]}"
        for key in keys
    )


def change(before: str, after: str) -> str:
    """`"out_ms" is 1000 before and 900 now`, by key."""
    return differences(before, after, ("before", "now"))


class LastChange:
    """What was changed while this server ran, said for a while. Times in seconds."""

    def __init__(self) -> None:
        self._words, self._at = "", 0.0

    def note(self, before: str, after: str, now: float) -> None:
        words = change(before, after)
        if words:
            self._words, self._at = f"The configuration was changed: {words}.", now

    def remark(self, now: float) -> str:
        return self._words if now - self._at < CHANGE_TOLD_S else ""


def of_another(server_id: int, peer: int, own: Report, report: Report) -> str:
    """The warning about a peer that was started with another configuration; "" = none is due."""
    if (own.agreed and report.agreed) or report.configuration == own.wanted:
        return ""
    different = differences(own.configuration, report.configuration)
    return different and (
        f"server {server_id} has nothing to do with server {peer}, which was started with another "
        f"configuration: {different}; make config.json the same everywhere, or change to it with "
        "--reconfigure"
    )


def of_a_change(server_id: int, rules: Rules, own: Report) -> str:
    """The warning at a start with a configuration that is not the one last agreed on."""
    changed = differences(rules.configuration, own.installed.configuration, ("now", "before"))
    return changed and (
        f"server {server_id}: the configuration has changed since the servers last agreed: "
        f"{changed}; they go on with the new one once all that served last are started with it"
    )


def _flat(text: str) -> dict[str, Any]:
    """Values by name, with an entry for each server; a text of a later version may hold more."""
    try:
        document = parse_json(text)
        servers = document.pop("servers")
        found = {f'"{key}"': value for key, value in document.items()}
        return {**found, **{f"the address of server {n}": at for n, at in servers.items()}}
    except (ValueError, AttributeError, KeyError, RecursionError):
        return {"the configuration": text}


def _told(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return "not given" if value is None else str(value)[:64]
