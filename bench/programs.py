"""The benchmarks: each measures one figure of docs/BENCHMARKS.md beside what it compares to."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from itertools import pairwise
from typing import Any

import grpc

from bench import populate
from bench.load import Call, Measured, hammer, paced
from bench.row import Row
from bench.servers import Floor, Servers, metadata
from bench.stalls import stalls
from chat.rpc import chat_pb2 as pb

SECONDS = 3.0
ROUNDS = 3  # of each comparison, in turn, so that a noisy minute hits both sides


def sender(servers: Servers, stub: Any, start: int = 0) -> Call:
    """Sends between neighbours, round and round."""
    users, state = servers.users, [start]

    def send() -> Awaitable[object]:
        state[0] += 1
        place = state[0] % len(users)
        request = pb.SendMessageRequest(
            message_id=str(uuid.uuid4()),
            recipient=users[(place + 1) % len(users)],
            text=populate.TEXT,
        )
        answer: Awaitable[object] = stub.SendMessage(request, metadata=metadata(users[place]))
        return answer

    return send


async def in_turn(calls: list[Call], in_flight: int) -> list[Measured]:
    """The middle round, by rate, of each."""
    each: list[list[Measured]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for measured, call in zip(each, calls, strict=True):
            measured.append(await hammer(call, in_flight, SECONDS))
    return [sorted(one, key=lambda m: m.per_second)[ROUNDS // 2] for one in each]


async def sends() -> list[Row]:
    """Durable sends, against a bare echo and the least that a durable send can be."""
    with Floor(durable=False) as bare, Floor(durable=True) as durable, Servers() as servers:
        servers.launch()
        servers.wait_for_leader(members=3)
        calls = [await bare.caller(), await durable.caller(), sender(servers, servers.stub())]
        rows = []
        for in_flight in (64, 16):
            echo, floor, ours = await in_turn(calls, in_flight)
            rows.append(
                Row(
                    f"durable sends/s, {in_flight} in flight, of the durable floor",
                    "at least 0.7" if in_flight == 64 else "–",
                    f"{ours.per_second / floor.per_second:.2f} "
                    f"({ours.per_second:.0f} of {floor.per_second:.0f};"
                    f" echo {echo.per_second:.0f})",
                )
            )
        echo, floor, ours = await in_turn(calls, 1)
        ratio = ours.quantile_ms(0.5) / floor.quantile_ms(0.5)
        rows.append(
            Row(
                "one send alone, median, of the floor's",
                "at most 1.6",
                f"{ratio:.2f} ({ours.quantile_ms(0.5):.1f} of {floor.quantile_ms(0.5):.1f} ms)",
            )
        )
        return rows


async def scale() -> list[Row]:
    """Sends with much stored, against sends with nothing stored."""
    rows = []
    with Servers(users=100) as empty, Servers(users=100, messages=100_000) as full:
        for servers in (empty, full):
            servers.launch()
            servers.wait_for_leader(members=3)
        calls = [sender(servers, servers.stub()) for servers in (empty, full)]
        none, many = await in_turn(calls, 64)
        rows.append(
            Row(
                "sends/s at 100,000 stored messages, of the empty store",
                "at least 0.95",
                f"{many.per_second / none.per_second:.2f} "
                f"({many.per_second:.0f} of {none.per_second:.0f})",
            )
        )
    return rows


async def live() -> list[Row]:
    """From the call to the other client's stream, against the call's own answer."""
    with Servers() as servers:
        servers.launch()
        servers.wait_for_leader(members=3)
        ada, grace = servers.users
        stub = servers.stub()
        call = stub.Subscribe(pb.SubscribeRequest(), metadata=metadata(grace))
        arrived: dict[str, float] = {}

        async def listen() -> None:
            async for event in call:
                arrived[event.message.id] = time.perf_counter()

        listener = asyncio.create_task(listen())
        delivered, answered = [], []
        for _ in range(300):
            message_id = str(uuid.uuid4())
            request = pb.SendMessageRequest(message_id=message_id, recipient=grace, text="hello")
            began = time.perf_counter()
            await stub.SendMessage(request, metadata=metadata(ada))
            answered.append(time.perf_counter() - began)
            while message_id not in arrived:
                await asyncio.sleep(0)
            delivered.append(arrived[message_id] - began)
        listener.cancel()
        ratio = statistics.median(delivered) / statistics.median(answered)
        return [
            Row(
                "live delivery, median, of the send's own answer",
                "at most 1.3",
                f"{ratio:.2f} ({1000 * statistics.median(delivered):.1f} ms)",
            )
        ]


async def streams() -> list[Row]:
    """Many live streams, and what a unary call takes beside them."""
    count, per_user = 2_000, 10
    with Servers(users=count // per_user) as servers:
        servers.launch()
        leader = servers.wait_for_leader(members=3)
        before = servers.memory_bytes(leader)
        stubs = [servers.stub() for _ in range(20)]
        calls = []
        for number in range(count):
            name = servers.users[number // per_user]
            stub = stubs[number % len(stubs)]
            token = metadata(name, number % per_user)
            call = stub.Subscribe(pb.SubscribeRequest(), metadata=token)
            await call.read()
            calls.append(call)
        held = servers.memory_bytes(leader) - before
        stub = servers.stub()

        def ask() -> Awaitable[object]:
            answer: Awaitable[object] = stub.ListConversations(
                pb.ListConversationsRequest(), metadata=metadata(servers.users[0])
            )
            return answer

        reads = await paced(ask, 50, SECONDS)
        writes = await paced(sender(servers, stub), 50, SECONDS)
        return [
            Row("live streams held at once", f"{count:,}", f"{len(calls):,}"),
            Row("memory a stream", "at most 40 KiB", f"{held / count / 1024:.0f} KiB"),
            Row(
                "a read beside them, 99th percentile",
                "under 100 ms",
                f"{reads.quantile_ms(0.99):.0f} ms",
            ),
            Row(
                "a send beside them, 99th percentile",
                "under 100 ms",
                f"{writes.quantile_ms(0.99):.0f} ms",
            ),
        ]


async def start_up() -> list[Row]:
    """From three processes' start until one serves, and what a message costs in memory."""
    rows = []
    with Servers(users=100) as servers:
        servers.launch()
        empty = servers.memory_bytes(servers.wait_for_leader(members=3))
        rows.append(Row("start to serving, nothing stored", "–", f"{await _starts(0):.1f} s"))
    for messages, reach in ((100_000, "1 s"), (1_000_000, "8 s")):
        with Servers(users=100, messages=messages) as servers:
            took = servers.launch()
            full = servers.memory_bytes(servers.wait_for_leader(members=3))
        rows.append(Row(f"start to serving, {messages:,} messages", reach, f"{took:.1f} s"))
        rows.append(
            Row(
                f"memory a stored message, of {messages:,}",
                "at most 600 bytes",
                f"{(full - empty) / messages:.0f} bytes",
            )
        )
    return rows


async def _starts(messages: int) -> float:
    with Servers(users=100, messages=messages) as servers:
        return servers.launch()


async def failover() -> list[Row]:
    """kill -9 of the leader under 16 writers: from the kill to the next acknowledged send."""
    gaps = []
    for _ in range(10):
        with Servers(users=16) as servers:
            servers.launch()
            servers.wait_for_leader(members=3)
            gaps.append(await _gap(servers))
    gaps.sort()
    return [
        Row(
            "failover after kill -9, kill to next success",
            "300 ms median, 1 s at the 99th",
            f"{1000 * statistics.median(gaps):.0f} ms median, {1000 * gaps[-1]:.0f} ms the worst",
        )
    ]


async def _gap(servers: Servers) -> float:
    acknowledged: list[float] = []
    stubs = {number: servers.stub_of(number) for number in servers.addresses}
    stop = False

    async def write(name: str, recipient: str) -> None:
        leader = 1
        while not stop:
            request = pb.SendMessageRequest(
                message_id=str(uuid.uuid4()), recipient=recipient, text="hello"
            )
            while not stop:
                try:
                    await stubs[leader].SendMessage(request, metadata=metadata(name), timeout=5)
                    acknowledged.append(time.perf_counter())
                    break
                except grpc.RpcError:
                    leader = leader % 3 + 1
                    await asyncio.sleep(0.005)

    users = servers.users
    writers = [
        asyncio.create_task(write(name, users[place - 1])) for place, name in enumerate(users)
    ]
    await asyncio.sleep(1.0)
    killed = time.perf_counter()
    await asyncio.to_thread(servers.kill, 1)
    while not any(at > killed + 0.002 for at in acknowledged[-50:]):
        await asyncio.sleep(0.001)
    # Answers that were under way at the kill do not count: only what follows a gap does.
    await asyncio.sleep(0.5)
    stop = True
    await asyncio.gather(*writers)
    after = [at for at in acknowledged if at > killed - 0.1]
    _, resumed = max(pairwise(after), key=lambda pair: pair[1] - pair[0])
    return float(resumed - killed)


async def logins() -> list[Row]:
    """Sends while ten people a second sign in (with a wrong password: the same work)."""
    with Servers(users=64) as servers:
        servers.launch()
        servers.wait_for_leader(members=3)
        send = sender(servers, servers.stub())
        quiet = await hammer(send, 64, SECONDS)
        stub = servers.stub()

        async def sign_in() -> None:
            request = pb.LoginRequest(username=f"n{uuid.uuid4().hex[:8]}", password="wrong horse")
            with suppress(grpc.RpcError):
                await stub.Login(request, timeout=30)

        signing = asyncio.create_task(paced(sign_in, 10, SECONDS + 0.5))
        busy = await hammer(send, 64, SECONDS)
        await signing
        return [
            Row(
                "sends/s while 10 logins/s run, of that without",
                "at least 0.8",
                f"{busy.per_second / quiet.per_second:.2f}",
            )
        ]


async def catch_up() -> list[Row]:
    """200 sends a second while a replacement with nothing takes on 100,000 messages."""
    with Servers(users=100, messages=100_000) as servers:
        servers.launch()
        servers.wait_for_leader(members=3)
        servers.kill(3)
        servers.wait_for_leader(members=2)
        for path in (servers.folder / "data").glob("users_3.*"):
            path.unlink()
        send = sender(servers, servers.stub())
        without = await paced(send, 200, 8.0)
        task = asyncio.create_task(paced(send, 200, 8.0))
        await asyncio.to_thread(servers.launch, 3)
        during = await task
        await asyncio.to_thread(servers.wait_for_leader, 3)
        ratio = during.quantile_ms(0.99) / without.quantile_ms(0.99)
        return [
            Row(
                "99th percentile of sends while a replacement catches up, of that without",
                "at most 3",
                f"{ratio:.1f} ({during.quantile_ms(0.99):.0f} ms"
                f" of {without.quantile_ms(0.99):.0f} ms)",
            )
        ]


PROGRAMS: dict[str, Callable[[], Coroutine[Any, Any, list[Row]]]] = {
    "sends": sends,
    "scale": scale,
    "live": live,
    "streams": streams,
    "start_up": start_up,
    "failover": failover,
    "logins": logins,
    "catch_up": catch_up,
    "stalls": stalls,
}
