"""Fault upon fault, and then none: all must serve together again, with all that was said."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.nemesis import Nemesis
from tests.faults.network import Network
from tests.faults.people import Crowd
from tests.faults.processes import Servers

PEOPLE = ("ann", "bob", "cat", "dan")
PERIODS = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}


def test_whole_again(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        nemesis = Nemesis(servers, network, seed=1)
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(1)
            nemesis.harm(8, 0.2)
            nemesis.mend()
            sys.stdout.write("\n".join((*nemesis.story, "")))
            servers.wait_until_leads(1, servers.ids)
            crowd.wait_for_each(1)
            crowd.finish()
