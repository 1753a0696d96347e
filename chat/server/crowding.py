"""Crowding: connections of one address that leave too few to everybody else. Not for the loop's
thread: it looks at every open file.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from chat.core import limits
from chat.server.callers import Remote, network_of
from chat.server.sockets import connections_at, end_connections, open_files

_log = logging.getLogger(__name__)


def make_room(port: int, most: int) -> None:
    """gRPC takes `most` connections at the port, whoever's they are, and turns away the rest. So
    once few are left, the address that has most of them loses its newest."""
    if open_files() < most * (1 - limits.CONNECTIONS_FOR_OTHERS):
        return
    crowd = crowding(connections_at(port), most)
    if crowd:
        addresses = sorted({host for host, _ in crowd})
        _log.warning(
            "%d connections of %s are ended: it had so many that few were left for others",
            end_connections(frozenset(crowd)),
            ", ".join(addresses[:3]),
        )


def crowding(connections: Sequence[Remote], most: int) -> list[Remote]:
    """Those that have to go, of connections in the order in which they came. Pure.

    Addresses have equal rights: none loses one as long as another has more."""
    keep = int(most * (1 - limits.CONNECTIONS_FOR_OTHERS))
    each = _equal_share(sorted(Counter(network_of(host) for host, _ in connections).values()), keep)
    seen: Counter[str] = Counter()
    crowd = []
    for remote in connections:
        network = network_of(remote[0])
        seen[network] += 1
        if seen[network] > each:
            crowd.append(remote)
    return crowd


def _equal_share(counts: Sequence[int], keep: int) -> int:
    """How many each may have so that there are `keep` together; `counts` are in rising order."""
    for place, count in enumerate(counts):
        share = keep // (len(counts) - place)
        if count > share:
            return share
        keep -= count
    return counts[-1] if counts else 0
