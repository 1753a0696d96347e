"""After a fault: how long a start, a failover and a catch-up take, and who waits meanwhile."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import grpc

from bench.load import Measured, Pace, paced
from bench.row import Row
from bench.sending import STORED, sender
from bench.servers import Data, Servers, metadata
from bench.spread import Spread, ratio
from chat.rpc import chat_pb2 as pb

_WRITERS = 16
_KILLS_A_ROUND = 3
_CATCH_UP_S = 60.0
_RATE = 200


async def start_up(pace: Pace) -> list[Row]:
    """From three processes' start until one serves, the data nowhere but on the disk, and
    what a message costs in memory."""
    rows = []
    empty = 0
    for messages, reach in zip((0, *STORED), ("–", "1 s", "8 s"), strict=True):
        took, memory = _starts(Data(100, messages), pace.rounds)
        killed, _ = _starts(Data(100, messages, journal=True), pace.rounds)
        what = f"{messages:,} messages, cold" if messages else "nothing stored"
        rows.append(Row(f"start to serving, {what}", reach, took.text(1, "s")))
        rows.append(
            Row("the same after kill -9 with a full journal beside it", "–", killed.text(1, "s"))
        )
        empty = empty or memory
        if messages:
            each = (memory - empty) / messages
            what = f"memory a stored message, of {messages:,}"
            rows.append(Row(what, "at most 600 bytes", f"{each:.0f} bytes"))
    return rows


def _starts(data: Data, rounds: int) -> tuple[Spread, int]:
    """Seconds, and the leader's memory then."""
    took, memory = [], 0
    for _ in range(rounds):
        with Servers(data) as servers:
            servers.cool()
            took.append(servers.launch())
            memory = servers.memory_bytes(servers.wait_for_leader(members=3))
    return Spread.of(took), memory


class Writer:
    """One client: the same message again and again until it is acknowledged, wherever."""

    def __init__(self, servers: Servers, name: str, contact: str) -> None:
        self._name, self._contact = name, contact
        self._stubs = {number: servers.stub_of(number) for number in servers.addresses}
        self._at = 1
        self.successes: list[tuple[float, int]] = []  # when, and at which server
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def success_after(self, at: float, dead: int) -> float:
        """Seconds from `at` to this client's next success at another server."""
        while True:
            for when, server_id in reversed(self.successes):
                if when <= at:
                    break
                if server_id != dead:
                    later = [w for w, n in self.successes if w > at and n != dead]
                    return later[0] - at
            await asyncio.sleep(0.005)

    async def _run(self) -> None:
        while True:
            request = pb.SendMessageRequest(
                message_id=str(uuid.uuid4()), recipient=self._contact, text="hello"
            )
            while not await self._tried(request):
                self._at = self._at % len(self._stubs) + 1
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)

    async def _tried(self, request: Any) -> bool:
        try:
            await self._stubs[self._at].SendMessage(
                request, metadata=metadata(self._name), timeout=1
            )
        except grpc.RpcError:
            return False
        self.successes.append((time.perf_counter(), self._at))
        return True


async def failover(pace: Pace) -> list[Row]:
    """kill -9 of the leader under 16 clients: each one's own next success."""
    waits: list[float] = []
    with Servers(Data(_WRITERS)) as servers:
        servers.launched()
        users = servers.users
        writers = [Writer(servers, name, users[place - 1]) for place, name in enumerate(users)]
        for _ in range(_KILLS_A_ROUND * pace.rounds):
            await asyncio.to_thread(servers.wait_for_leader, 3, 1)
            before = time.perf_counter()
            await asyncio.gather(*(one.success_after(before, 0) for one in writers))
            killed = await asyncio.to_thread(servers.kill, 1)
            waits += await asyncio.gather(*(one.success_after(killed, 1) for one in writers))
            await asyncio.to_thread(servers.launch, 1)
        await asyncio.gather(*(one.stop() for one in writers))
    found = Measured(1.0, sorted(waits))
    return [
        Row(
            f"failover after kill -9, {_KILLS_A_ROUND * pace.rounds} times: each client's next"
            " success",
            "300 ms median, 1 s at 99 %",
            f"{found.quantile_ms(0.5):.0f} ms median, {found.quantile_ms(0.99):.0f} at 99 %,"
            f" {found.quantile_ms(1.0):.0f} the longest",
        )
    ]


async def catch_up(pace: Pace) -> list[Row]:
    """200 sends a second while a replacement with nothing takes on 100,000 messages, for just
    as long as that takes."""
    without, during, took = [], [], []
    with Servers(Data(100, STORED[0])) as servers:
        send = sender(servers.launched(), servers.stub())
        for _ in range(pace.rounds):
            without.append((await paced(send, _RATE, pace.seconds)).quantile_ms(0.99))
            servers.kill(3)
            await asyncio.to_thread(servers.wait_for_leader, 2)
            servers.forget(3)
            joined = asyncio.create_task(asyncio.to_thread(_replace, servers))
            beside = await paced(send, _RATE, _CATCH_UP_S, over=joined.done)
            took.append(await joined)
            during.append(beside.quantile_ms(0.99))
    return [
        Row(
            f"a replacement takes on {STORED[0]:,} messages: start to member",
            "–",
            Spread.of(took).text(1, "s"),
        ),
        Row(
            "99th percentile of 200 sends/s meanwhile, of that without",
            "at most 3",
            f"{ratio(during, without).text(1)}: {Spread.of(during).text()} of"
            f" {Spread.of(without).text()} ms",
        ),
    ]


def _replace(servers: Servers) -> float:
    began = time.perf_counter()
    servers.launch(3)
    servers.wait_for_leader(members=3)
    return time.perf_counter() - began
