"""From another revision to this tree, while people talk: one server after the other, as
OPERATIONS has it, or all together where the two do not work with each other.

`python -m tests.faults.upgrade --ref REF [--together]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from bench.compare import tree_of
from tests.faults.people import Crowd
from tests.faults.processes import ROOT, Servers

PEOPLE = ("ann", "bob", "cat", "dan", "eve", "fay")
# Until each person got so many more writes acknowledged.
MORE = 5
_SEED = """
import sys
from pathlib import Path
from tests.faults.seed import seed
seed(Path(sys.argv[1]), (1, 2, 3), sys.argv[2:])
"""


class ServersOfThen(Servers):
    """They run the product of `tree`, which makes their data, too."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self._tree = tree
        super().__init__(folder, people=PEOPLE)
        self.trees = dict.fromkeys(self.ids, tree)

    def _seed(self, people: Iterable[str], messages: int) -> None:
        assert not messages
        command = [sys.executable, "-c", _SEED, str(self.data), *people]
        subprocess.run(command, cwd=self._tree, check=True)


def upgrade(servers: Servers, server_ids: tuple[int, ...]) -> None:
    """Ends these, and starts them with this tree."""
    for server_id in server_ids:
        assert servers.end(server_id) == 0, servers.log(server_id)
        servers.trees[server_id] = ROOT
    servers.start(*server_ids)
    servers.wait_until_leads(1, servers.ids)


def run(ref: str, together: bool) -> str:
    """What was seen, in a sentence. AssertionError where anything acknowledged is missing,
    doubled or out of order, or a call failed for one who tries again."""
    with (
        tree_of(ref) as tree,
        tempfile.TemporaryDirectory() as folder,
        ServersOfThen(tree, Path(folder)) as servers,
    ):
        servers.start()
        servers.wait_until_leads(1, servers.ids)
        began = time.monotonic()
        # Servers of then may know neither rooms nor messages that change.
        with Crowd(servers, PEOPLE, rooms=False, lively=False) as crowd:
            for server_ids in [servers.ids] if together else [(each,) for each in servers.ids]:
                crowd.wait_for_each(MORE)
                upgrade(servers, server_ids)
            crowd.wait_for_each(MORE)
            calls = crowd.finish()
        assert all(call.known for call in calls), "a call failed for one who tries again"
        took = time.monotonic() - began
        return f"{len(calls)} calls of {len(PEOPLE)} people in {took:.0f} s, all of them right"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.upgrade", description=__doc__)
    parser.add_argument("--ref", required=True, help="the revision that they run at first")
    parser.add_argument("--together", action="store_true", help="all are stopped first")
    options = parser.parse_args()
    sys.stdout.write(f"from {options.ref}: {run(options.ref, options.together)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
