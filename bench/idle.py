"""Measures what the chat costs while nobody writes: servers, a leader with streams, a window.

`python -m bench idle`. A window runs as a process of its own: `python -m bench.idle FOLDER
ADDRESSES NAME [small]`, on the display of its parent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from grpc import aio

from bench import populate
from bench.row import Row
from bench.servers import Servers, metadata
from chat.client.session import ChatSession
from chat.client.settings import Profile, SignIn
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.tls import Trust
from chat.ui.app import App
from tests.ui.conftest import a_display

SECONDS = 20.0
STREAMS = 400
SETTLING_S = 4.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def spent_s(pid: int) -> float:
    """Processor time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


async def share(*pids: int) -> list[float]:
    """Of a core, over SECONDS, in per cent."""
    await asyncio.sleep(SETTLING_S)
    began, before = time.perf_counter(), [spent_s(pid) for pid in pids]
    await asyncio.sleep(SECONDS)
    lasted = time.perf_counter() - began
    return [100 * (spent_s(pid) - b) / lasted for pid, b in zip(pids, before, strict=True)]


async def idle() -> list[Row]:
    with Servers(users=STREAMS + 2) as servers:
        servers.launch()
        leader = servers.wait_for_leader(members=3)
        pids = [servers.pid(number) for number in servers.addresses]
        alone = await share(*pids)
        rows = [
            Row("idle leader, of a core", "1 %", f"{alone[leader - 1]:.2f} %"),
            Row(
                "idle backup",
                "1 %",
                f"{max(p for n, p in enumerate(alone, 1) if n != leader):.2f} %",
            ),
        ]
        rows += await windows(servers)
        async with AsyncExitStack() as stack:
            reading = [await follow(stack, servers, leader, name) for name in servers.users[2:]]
            (busy,) = await share(servers.pid(leader))
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        rows.append(
            Row(f"leader with {STREAMS} streams, a connection each", "2 %", f"{busy:.2f} %")
        )
        return rows


async def follow(
    stack: AsyncExitStack, servers: Servers, leader: int, name: str
) -> asyncio.Task[None]:
    options = (("grpc.use_local_subchannel_pool", 1),)
    channel = await stack.enter_async_context(
        aio.insecure_channel(servers.addresses[leader], options=options)
    )
    stub: Any = ChatServiceStub(channel)
    call = stub.Subscribe(pb.SubscribeRequest(), metadata=metadata(name))
    await call.read()

    async def read() -> None:
        async for _ in call:
            pass

    return asyncio.create_task(read())


async def windows(servers: Servers) -> list[Row]:
    addresses = ",".join(servers.addresses.values())
    with a_display():
        pids = [
            servers.start(
                [
                    sys.executable,
                    "-m",
                    "bench.idle",
                    str(servers.folder / name),
                    addresses,
                    name,
                    *how,
                ]
            ).pid
            for name, how in ((servers.users[0], ()), (servers.users[1], ("small",)))
        ]
        shown, small = await share(*pids)
    return [
        Row("idle window", "0.3 %", f"{shown:.2f} %"),
        Row("idle window, minimised", "less", f"{small:.2f} %"),
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
