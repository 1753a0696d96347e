"""The product of another revision beside this one: `python -m bench compare --ref REF`.

Both run at once, each with its own programs and its own code for its data; the load on both is
of this tree, and goes to one after the other.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import Pace, in_turn, medians_ms
from bench.row import Row
from bench.sending import PEOPLE, of, sender
from bench.servers import ROOT, Data, Servers
from bench.spread import Spread, ratio


@contextmanager
def tree_of(ref: str) -> Iterator[Path]:
    """The files of a revision, in a folder that ends with the block."""
    git = shutil.which("git")
    if git is None:
        raise FileNotFoundError("git is needed to compare with another revision")
    with tempfile.TemporaryDirectory(prefix="chat-bench-ref-") as folder:
        archive = subprocess.run(
            [git, "-C", str(ROOT), "archive", "--format=tar", ref],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


async def compare(pace: Pace, ref: str) -> list[Row]:
    with (
        tree_of(ref) as tree,
        Servers(Data(PEOPLE, tree=tree)) as before,
        Servers(Data(PEOPLE)) as now,
    ):
        calls = [sender(servers.launched(), servers.stub()) for servers in (before, now)]
        rows = []
        for in_flight in (64, 16, 1):
            old, new = await in_turn(calls, in_flight, pace)
            what = f"sends/s, {in_flight} in flight, of those of {ref}"
            rows.append(Row(what, "at least 0.95", of(new, old)))
        rows.append(
            Row(
                f"one send alone, median, of that of {ref}",
                "at most 1.05",
                f"{ratio(medians_ms(new), medians_ms(old)).text(2)}:"
                f" {Spread.of(medians_ms(new)).text(1)} of"
                f" {Spread.of(medians_ms(old)).text(1)} ms",
            )
        )
        return rows
