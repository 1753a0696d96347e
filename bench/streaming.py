"""Live streams: how soon a message is there, and what ten thousand of them cost."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable
from typing import Any

from bench.audience import Audience
from bench.load import Pace, paced
from bench.row import Row
from bench.sending import sender
from bench.servers import Data, Servers, metadata
from bench.spread import Spread, ratio
from chat.rpc import chat_pb2 as pb

STREAMS, PER_USER = 10_000, 10
_SENDS_A_ROUND = 100
_LOST_S = 30.0


async def live(pace: Pace) -> list[Row]:
    """From the call to the other client's stream, against the call's own answer."""
    with Servers() as servers:
        ada, grace = servers.launched().users
        stub = servers.stub()
        call = stub.Subscribe(pb.SubscribeRequest(), metadata=metadata(grace))
        arrived: dict[str, float] = {}

        async def listen() -> None:
            async for event in call:
                arrived[event.message.id] = time.perf_counter()

        listener = asyncio.create_task(listen())
        rounds = [await _deliver(stub, ada, grace, arrived) for _ in range(pace.rounds)]
        listener.cancel()
        delivered, answered = zip(*rounds, strict=True)
        return [
            Row(
                "live delivery, median, of the send's own answer",
                "at most 1.3",
                f"{ratio(delivered, answered).text(2)}: {Spread.of(delivered).text(1)} of"
                f" {Spread.of(answered).text(1)} ms",
            )
        ]


async def _deliver(
    stub: Any, sender_name: str, recipient: str, arrived: dict[str, float]
) -> tuple[float, float]:
    """The medians until it was there and until the call was answered; milliseconds."""
    delivered, answered = [], []
    for _ in range(_SENDS_A_ROUND):
        message_id = str(uuid.uuid4())
        request = pb.SendMessageRequest(message_id=message_id, recipient=recipient, text="hello")
        began = time.perf_counter()
        await stub.SendMessage(request, metadata=metadata(sender_name), timeout=30)
        answered.append(time.perf_counter() - began)
        while message_id not in arrived:
            assert time.perf_counter() < began + _LOST_S, "the stream brings nothing"
            await asyncio.sleep(0)
        delivered.append(arrived[message_id] - began)
    return 1000 * statistics.median(delivered), 1000 * statistics.median(answered)


async def streams(pace: Pace) -> list[Row]:
    """Each on a connection of its own, and what calls take beside them."""
    with Servers(Data(STREAMS // PER_USER)) as servers:
        leader = servers.launched().wait_for_leader()
        before = servers.memory_bytes(leader)
        with Audience(servers, STREAMS, PER_USER) as audience:
            held = servers.memory_bytes(leader) - before
            stub = servers.stub()
            write = sender(servers, stub)

            def read() -> Awaitable[object]:
                answer: Awaitable[object] = stub.ListConversations(
                    pb.ListConversationsRequest(), metadata=metadata(servers.users[0])
                )
                return answer

            reads, writes = [], []
            for _ in range(pace.rounds):
                reads.append((await paced(read, 50, pace.seconds)).quantile_ms(0.99))
                writes.append((await paced(write, 50, pace.seconds)).quantile_ms(0.99))
        return [
            Row("live streams at once, a connection each", f"{STREAMS:,}", f"{audience.alive:,}"),
            Row(
                "memory of the leader for each of them",
                "at most 40 KiB",
                f"{held / STREAMS / 1024:.0f} KiB",
            ),
            Row(
                "50 reads a second beside them, 99th percentile",
                "under 100 ms",
                Spread.of(reads).text(0, "ms"),
            ),
            Row(
                "50 sends a second beside them, 99th percentile",
                "under 100 ms",
                Spread.of(writes).text(0, "ms"),
            ),
        ]
