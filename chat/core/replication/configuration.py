"""What the servers of a cluster agree on, as a value and as the text that views carry.

Two configurations may count at once, while one takes the place of the other (rule 14).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from chat.core.json_text import parse_json


@dataclass(frozen=True, slots=True)
class Configuration:
    """`servers` are addresses by id, as texts; periods are milliseconds."""

    servers: Mapping[int, str]
    survivors: bool
    trust_refusals: bool
    heartbeat_ms: int
    out_ms: int
    vote_ms: int

    @property
    def text(self) -> str:
        """Equal configurations give equal texts, whatever the order in which they list things."""
        return json.dumps(
            {
                "servers": {str(number): address for number, address in self.servers.items()},
                "quorum": "survivors" if self.survivors else "majority",
                "trust_refusals": self.trust_refusals,
                "heartbeat_ms": self.heartbeat_ms,
                "out_ms": self.out_ms,
                "vote_ms": self.vote_ms,
            },
            sort_keys=True,
        )


@lru_cache(maxsize=64)
def configuration_of(text: str) -> Configuration:
    """The inverse of `text`; ValueError for any other text."""
    document = parse_json(text)
    try:
        return Configuration(
            {int(number): str(address) for number, address in document["servers"].items()},
            document["quorum"] == "survivors",
            bool(document["trust_refusals"]),
            int(document["heartbeat_ms"]),
            int(document["out_ms"]),
            int(document["vote_ms"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no configuration ({error})") from error


def is_majority(of: Collection[int], servers: Collection[int]) -> bool:
    """More than half of the servers that one configuration lists."""
    return 2 * len(set(of) & set(servers)) > len(servers)


def places(configurations: Iterable[Configuration]) -> dict[int, str]:
    """Where each server is that any of these lists; the last one has the last word."""
    found: dict[int, str] = {}
    for configuration in configurations:
        found.update(configuration.servers)
    return found


def obstacle(now: Configuration, new: Configuration, members: Collection[int]) -> str:
    """Why the members of the present view cannot go over to `new`, as a sentence; "" = they can.
    The view keeps those that `new` lists, so these must be able to go on by it."""
    if new == now:
        return "It is the configuration in force: nothing changes."
    moved = [
        member
        for member in sorted(members)
        if new.servers.get(member, now.servers.get(member)) != now.servers.get(member)
    ]
    if moved:
        listed = ", ".join(map(str, moved))
        return (
            f"Server {listed} still runs at {now.servers.get(moved[0])}: stop it first, and start "
            "it with the new configuration at its new address."
        )
    staying = [member for member in members if member in new.servers]
    if not staying:
        return "No server that serves now is in the new list: at least one has to stay."
    if not new.survivors and not is_majority(staying, new.servers):
        return (
            f"Of the new list only server {', '.join(map(str, sorted(staying)))} serves now, which "
            "is no majority of it: change it in several steps, each of which keeps more than half."
        )
    return ""
