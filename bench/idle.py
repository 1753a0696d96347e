"""Measures what the chat costs while nobody writes: servers, a leader with streams, a window.

`python -m bench idle`. A window runs as a process of its own: `python -m bench.idle FOLDER
ADDRESSES NAME [small]`, on the display of its parent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from bench import populate
from bench.audience import Audience
from bench.load import Pace
from bench.process import spent_s
from bench.row import Row
from bench.servers import Data, Servers
from bench.spread import Spread
from chat.client.session import ChatSession
from chat.client.settings import Profile, SignIn
from chat.tls import Trust
from chat.ui.app import App
from tests.ui.conftest import a_display

# A round must be long beside the hundredths of a second that the system counts in.
LONGER = 4
STREAMS = 400
SETTLING_S = 12.0  # a window starts in a second, on a busy machine in ten


async def shares(pace: Pace, *pids: int) -> list[Spread]:
    """Of a core, in per cent, of each process."""
    await asyncio.sleep(SETTLING_S)
    found: list[list[float]] = []
    for _ in range(pace.rounds):
        began, before = time.perf_counter(), [spent_s(pid) for pid in pids]
        await asyncio.sleep(LONGER * pace.seconds)
        lasted = time.perf_counter() - began
        found.append(
            [100 * (spent_s(pid) - b) / lasted for pid, b in zip(pids, before, strict=True)]
        )
    return [Spread.of(values) for values in zip(*found, strict=True)]


async def idle(pace: Pace) -> list[Row]:
    with Servers(Data(STREAMS)) as servers:
        leader = servers.launched().wait_for_leader()
        others = [number for number in servers.addresses if number != leader]
        alone, *backups = await shares(pace, *map(servers.pid, (leader, *others)))
        backup = max(backups, key=lambda one: one.median)
        rows = [
            Row("idle leader, of a core", "1 %", alone.text(2, "%")),
            Row("idle backup", "1 %", backup.text(2, "%")),
        ]
        rows += await windows(pace, servers)
        with Audience(servers, STREAMS):
            (busy,) = await shares(pace, servers.pid(leader))
        what = f"leader with {STREAMS} streams, a connection each"
        return [*rows, Row(what, "2 %", busy.text(2, "%"))]


async def windows(pace: Pace, servers: Servers) -> list[Row]:
    addresses = ",".join(servers.addresses.values())
    with a_display():
        children = []
        for name, *how in ((servers.users[0],), (servers.users[1], "small")):
            folder = str(servers.folder / name)
            command = [sys.executable, "-m", "bench.idle", folder, addresses, name, *how]
            children.append(servers.start(command))
        shown, small = await shares(pace, *(child.pid for child in children))
        for child in children:
            child.kill()
            child.wait()
    return [
        Row("idle window", "0.3 %", shown.text(2, "%")),
        Row("idle window, minimised", "less", small.text(2, "%")),
    ]


def window(folder: Path, addresses: list[str], name: str, small: bool) -> None:
    """Signed in as `name`, until its parent ends it."""
    profile = Profile(folder)
    profile.start()
    profile.update(theme="light")
    profile.keep_sign_in(SignIn(name, populate.token(name), time.time() + 3600))
    app = App(
        lambda publish: ChatSession(addresses, profile.folder, publish, profile, Trust()), profile
    )
    if small:
        app.root.after(1_000, app.root.iconify)
    app.run()


if __name__ == "__main__":
    window(Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], "small" in sys.argv[4:])
