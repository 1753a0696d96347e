"""Measures what the chat costs while nobody writes: servers, a leader with streams, a window.

`compare_idle` puts the window of another revision beside this one's.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import populate
from bench.audience import Audience
from bench.compare import tree_of
from bench.load import Pace
from bench.process import spent_s
from bench.row import Row
from bench.servers import ROOT, Data, Servers
from bench.spread import Spread, ratio
from tests.ui.conftest import a_display

# An idle process does something a few times a second, and now and then something longer.
LONGER = 4
LONGER_BESIDE_ANOTHER = 30
STREAMS = 400
SETTLING_S = 12.0  # a window starts in a second, on a busy machine in ten


async def shares(pace: Pace, pids: Sequence[int], longer: int = LONGER) -> list[Spread]:
    """Of a core, in per cent, of each process."""
    await asyncio.sleep(SETTLING_S)
    found: list[list[float]] = []
    for _ in range(pace.rounds):
        began, before = time.perf_counter(), [spent_s(pid) for pid in pids]
        await asyncio.sleep(longer * pace.seconds)
        lasted = time.perf_counter() - began
        found.append(
            [100 * (spent_s(pid) - b) / lasted for pid, b in zip(pids, before, strict=True)]
        )
    return [Spread.of(values) for values in zip(*found, strict=True)]


async def idle(pace: Pace) -> list[Row]:
    with Servers(Data(STREAMS)) as servers:
        leader = servers.launched().wait_for_leader()
        others = [number for number in servers.addresses if number != leader]
        alone, *backups = await shares(pace, [servers.pid(one) for one in (leader, *others)])
        backup = max(backups, key=lambda one: one.median)
        rows = [
            Row("idle leader, of a core", "1 %", alone.text(2, "%")),
            Row("idle backup", "1 %", backup.text(2, "%")),
        ]
        rows += await windows(pace, servers)
        with Audience(servers, STREAMS):
            (busy,) = await shares(pace, [servers.pid(leader)])
        what = f"leader with {STREAMS} streams, a connection each"
        return [*rows, Row(what, "2 %", busy.text(2, "%"))]


def start_window(servers: Servers, name: str, unseen: bool, tree: Path = ROOT) -> int:
    """The process's id; it ends with the servers."""
    program = [sys.executable, str(ROOT / "bench" / "one_window.py")]
    addresses = ",".join(servers.addresses.values())
    arguments = [str(servers.folder / name), addresses, name, populate.token(name)]
    command = ["env", f"PYTHONPATH={tree}", *program, *arguments, *(["unseen"] if unseen else [])]
    return servers.start(command).pid


async def windows(pace: Pace, servers: Servers) -> list[Row]:
    with a_display():
        pids = [start_window(servers, servers.users[unseen], bool(unseen)) for unseen in (0, 1)]
        shown, unseen = await shares(pace, pids)
        end(servers, pids)
    return [
        Row("idle window", "0.3 %", shown.text(2, "%")),
        Row("idle window, minimised", "less", unseen.text(2, "%")),
    ]


def end(servers: Servers, pids: Sequence[int]) -> None:
    """Before their display does."""
    for child in servers.children:
        if child.pid in pids:
            child.kill()
            child.wait()


async def compare_idle(pace: Pace, ref: str) -> list[Row]:
    """All four windows at once, so that whatever else the machine does hits them alike."""
    with tree_of(ref) as tree, Servers(Data(4)) as servers, a_display():
        servers.launched().wait_for_leader()
        pids = [
            start_window(servers, name, unseen, its)
            for name, (unseen, its) in zip(
                servers.users,
                ((False, tree), (False, ROOT), (True, tree), (True, ROOT)),
                strict=True,
            )
        ]
        before, now, unseen_before, unseen_now = await shares(pace, pids, LONGER_BESIDE_ANOTHER)
        end(servers, pids)
    return [
        Row(
            f"idle window{what}, of that of {ref}",
            "–",
            f"{ratio(new.values, old.values).text(2)}: {new.text(2)} of {old.text(2, '%')}",
        )
        for what, old, new in (("", before, now), (", minimised", unseen_before, unseen_now))
    ]
