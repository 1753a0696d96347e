"""What a send costs: beside the floor, with much stored, heard by others, encrypted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import grpc

from bench import floor, populate, process
from bench.audience import Audience
from bench.load import Call, Measured, Pace, hammer, in_turn, medians_ms, rates
from bench.row import Row
from bench.servers import Data, Floor, Servers, metadata
from bench.spread import Spread, ratio
from chat.core.limits import TEXT_BYTES_MAX
from chat.rpc import chat_pb2 as pb

# Enough that no user's own bounds are met.
PEOPLE = 64
IN_FLIGHT = 64
STORED = (100_000, 1_000_000)
_RETRY_S = 0.05
_GIVE_UP_S = 30.0


def sender(servers: Servers, stub: Any, people: Sequence[str] = (), room: str = "") -> Call:
    """Sends between neighbours among `people` (all), or into a room, round and round. One that
    fails is sent again, as a client does, and has taken as long as both."""
    users, sent = people or servers.users, 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        place = sent % len(users)
        request = pb.SendMessageRequest(
            message_id=str(uuid.uuid4()),
            recipient=room or users[(place + 1) % len(users)],
            text=populate.TEXT,
        )
        give_up_at = time.perf_counter() + _GIVE_UP_S
        while True:
            try:
                await stub.SendMessage(request, metadata=metadata(users[place]))
            except grpc.RpcError:
                if time.perf_counter() > give_up_at:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    return send


def of(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Rates as a ratio, and both of them."""
    return (
        f"{ratio(rates(ours), rates(theirs)).text(2)}: {Spread.of(rates(ours)).text()}"
        f" of {Spread.of(rates(theirs)).text()}"
    )


async def sends(pace: Pace) -> list[Row]:
    """Durable sends, against a bare echo and the least that a durable send can be."""
    with ExitStack() as stack:
        floors = [stack.enter_context(Floor(way)) for way in ("", *floor.WAYS)]
        servers = stack.enter_context(Servers(Data(PEOPLE))).launched()
        calls = [await one.caller() for one in floors] + [sender(servers, servers.stub())]
        rows = []
        for in_flight, reach in ((64, "at least 0.7"), (16, "–")):
            echo, *durable, ours = await in_turn(calls, in_flight, pace)
            way, best = max(
                zip(floor.WAYS, durable, strict=True),
                key=lambda one: Spread.of(rates(one[1])).median,
            )
            rows.append(
                Row(
                    f"durable sends/s, {in_flight} in flight, of the durable floor",
                    reach,
                    f"{of(ours, best)} ({way}; echo {Spread.of(rates(echo)).median:,.0f})",
                )
            )
        _, *durable, ours = await in_turn(calls, 1, pace)
        way, best = min(
            zip(floor.WAYS, durable, strict=True),
            key=lambda one: Spread.of(medians_ms(one[1])).median,
        )
        rows.append(
            Row(
                "one send alone, median, of the floor's",
                "at most 1.6",
                f"{ratio(medians_ms(ours), medians_ms(best)).text(2)}:"
                f" {Spread.of(medians_ms(ours)).text(1)} of"
                f" {Spread.of(medians_ms(best)).text(1)} ms ({way})",
            )
        )
        return rows


async def effort(pace: Pace) -> list[Row]:
    """Processor time a send, of each of the programs that take part."""
    with Servers(Data(PEOPLE)) as servers:
        leader = servers.launched().wait_for_leader()
        send = sender(servers, servers.stub())
        await hammer(send, IN_FLIGHT, 0.5)
        spent: dict[str, list[float]] = {"leader": [], "a backup": [], "client": []}
        backups = [servers.pid(number) for number in servers.addresses if number != leader]
        for _ in range(pace.rounds):
            before = _spent(servers.pid(leader), backups)
            done = await hammer(send, IN_FLIGHT, pace.seconds, warm_up_s=0.0)
            after = _spent(servers.pid(leader), backups)
            for one, old, new in zip(spent.values(), before, after, strict=True):
                one.append(1e6 * (new - old) / len(done.latencies_s))
        found = "; ".join(f"{who} {Spread.of(us).text()}" for who, us in spent.items())
        what = (
            f"processor time a send, {IN_FLIGHT} in flight, µs (the client is the load generator)"
        )
        return [Row(what, "–", found)]


def _spent(leader: int, backups: Sequence[int]) -> tuple[float, float, float]:
    each = [process.spent_s(pid) for pid in backups]
    return process.spent_s(leader), sum(each) / len(each), time.process_time()


async def heard(pace: Pace) -> list[Row]:
    """Sends whose recipients follow live, against sends that nobody hears."""
    with Servers(Data(PEOPLE)) as quiet, Servers(Data(PEOPLE)) as loud:
        calls = [sender(one.launched(), one.stub()) for one in (quiet, loud)]
        with Audience(loud, PEOPLE):
            alone, followed = await in_turn(calls, IN_FLIGHT, pace)
        what = "sends/s while each recipient follows live, of those that nobody hears"
        return [Row(what, "–", of(followed, alone))]


async def scale(pace: Pace) -> list[Row]:
    """Sends with much stored, against sends with nothing stored."""
    with ExitStack() as stack:
        clusters = [stack.enter_context(Servers(Data(100, stored))) for stored in (0, *STORED)]
        calls = [sender(servers.launched(), servers.stub()) for servers in clusters]
        empty, *full = await in_turn(calls, IN_FLIGHT, pace)
        return [
            Row(
                f"sends/s at {messages:,} stored messages, of the empty store",
                "at least 0.95",
                of(measured, empty),
            )
            for messages, measured in zip(STORED, full, strict=True)
        ]


async def encryption(pace: Pace) -> list[Row]:
    """What `"tls": "always"` costs, for clients and between servers."""
    with Servers(Data(PEOPLE)) as plain, Servers(Data(PEOPLE), encrypted=True) as encrypted:
        calls = [sender(one.launched(), one.stub()) for one in (plain, encrypted)]
        open_, closed = await in_turn(calls, IN_FLIGHT, pace)
        one_open, one_closed = await in_turn(calls, 1, pace)
        return [
            Row("encrypted sends/s, 64 in flight, of those in the clear", "–", of(closed, open_)),
            Row(
                "one encrypted send alone, median, of one in the clear",
                "–",
                f"{ratio(medians_ms(one_closed), medians_ms(one_open)).text(2)}:"
                f" {Spread.of(medians_ms(one_closed)).text(1)} of"
                f" {Spread.of(medians_ms(one_open)).text(1)} ms",
            ),
        ]


async def one_user(pace: Pace) -> list[Row]:
    """What a single user may send, 64 calls in flight, refused ones tried again after a moment."""
    rows = []
    for what, text in (("100 characters", populate.TEXT), ("16 KiB", "x" * TEXT_BYTES_MAX)):
        with Servers(Data(2)) as servers:
            stub = servers.launched().stub()
            # An allowance for a burst is used up first.
            await _insist(servers, stub, text, 4 * pace.seconds)
            found = [await _insist(servers, stub, text, pace.seconds) for _ in range(pace.rounds)]
            done, refused = (Spread.of(counts) for counts in zip(*found, strict=True))
            rows.append(
                Row(
                    f"one user alone sends messages of {what}: acknowledged/s; refused/s",
                    "–",
                    f"{done.text()}; {refused.text()}",
                )
            )
    return rows


async def _insist(servers: Servers, stub: Any, text: str, seconds: float) -> tuple[float, float]:
    """Acknowledged and refused, a second."""
    name, contact = servers.users
    done = refused = 0
    end = time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal done, refused
        while time.perf_counter() < end:
            request = pb.SendMessageRequest(
                message_id=str(uuid.uuid4()), recipient=contact, text=text
            )
            try:
                await stub.SendMessage(request, metadata=metadata(name), timeout=30)
                done += 1
            except grpc.RpcError:
                refused += 1
                await asyncio.sleep(_RETRY_S)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    lasted = time.perf_counter() - began
    return done / lasted, refused / lasted
