"""What the servers of a cluster must agree on, as one text, and how two such texts differ.

Pure. The replication core only compares the texts; here they are made and put into words.
"""

from __future__ import annotations

import json
from typing import Any

from chat.config import Config
from chat.core.messages import Report
from chat.core.server_state import Rules


def agreement(config: Config) -> str:
    """All of config.json but what concerns one server alone (its folder, whether it rejoins).
    Equal configurations give equal texts, whatever the order of keys in the file."""
    return json.dumps(
        {
            "servers": {str(number): str(address) for number, address in config.servers.items()},
            "quorum": config.quorum,
            "trust_refusals": config.trust_refusals,
            "heartbeat_ms": config.heartbeat_ms,
            "out_ms": config.out_ms,
            "vote_ms": config.vote_ms,
        },
        sort_keys=True,
    )


def differences(here: str, there: str) -> str:
    """In words, by key: `"out_ms" is 1000 here and 10000 there`; empty when there are none, or
    when one side tells of no configuration."""
    if not here or not there or here == there:
        return ""
    mine, theirs = _flat(here), _flat(there)
    keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    return "; ".join(
        f"{key} is {_told(mine, key)} here and {_told(theirs, key)} there" for key in keys
    )


def of_another(server_id: int, peer: int, rules: Rules, report: Report) -> str:
    """The warning about a peer that was started with another configuration; "" = none is due."""
    different = differences(rules.configuration, report.configuration)
    return different and (
        f"server {server_id} has nothing to do with server {peer}, which was started with another "
        f"configuration: {different}; make config.json the same everywhere"
    )


def of_a_change(server_id: int, rules: Rules, own: Report) -> str:
    """The warning at a start with a configuration that is not the one last agreed on."""
    different = differences(rules.configuration, own.installed.configuration)
    changed = different.replace(" there", " before").replace(" here", " now")
    return changed and (
        f"server {server_id}: the configuration has changed since the servers last agreed: "
        f"{changed}; they go on with the new one once all that served last are started with it"
    )


def _flat(text: str) -> dict[str, Any]:
    """Values by name, with an entry for each server; a text of a later version may hold more."""
    try:
        document = json.loads(text)
        servers = document.pop("servers")
        found = {f'"{key}"': value for key, value in document.items()}
        return {**found, **{f"the address of server {n}": at for n, at in servers.items()}}
    except (ValueError, AttributeError, KeyError, RecursionError):
        return {"the configuration": text}


def _told(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return "not given" if value is None else str(value)[:64]
