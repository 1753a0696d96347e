"""Classes that sign in at the same moment from one address, and the sends beside them."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from dataclasses import dataclass

import grpc

from bench import populate
from bench.load import Pace, hammer
from bench.row import Row
from bench.sending import IN_FLIGHT, PEOPLE, sender
from bench.servers import Data, Servers
from bench.spread import Spread, ratio
from chat.rpc import chat_pb2 as pb
from chat.wire import error_from_rpc

_PATIENCE_S = 300.0
CLASS, SCHOOL = 60, 300


@dataclass(frozen=True, slots=True)
class SignedIn:
    """When those came in who did, in seconds, and who did not."""

    waits_s: list[float]
    refused: Counter[str]  # by reason

    @property
    def text(self) -> str:
        first, middle, last = min(self.waits_s), statistics.median(self.waits_s), max(self.waits_s)
        return (
            f"first {first:.1f}, median {middle:.1f}, last {last:.1f} s;"
            f" {len(self.waits_s)} done, {reasons(self.refused)}"
        )


async def sign_in(servers: Servers, people: int) -> SignedIn:
    """Each on a connection of its own."""
    leader = servers.wait_for_leader()
    waits: list[float] = []
    refused: Counter[str] = Counter()
    began = time.perf_counter()

    async def one(name: str) -> None:
        request = pb.LoginRequest(username=name, password=populate.PASSWORD)
        try:
            await servers.stub_of(leader).Login(request, timeout=_PATIENCE_S)
        except grpc.RpcError as error:
            said = error_from_rpc(error)
            refused[said.reason if said is not None else error.code().name] += 1
            return
        waits.append(time.perf_counter() - began)

    await asyncio.gather(*(one(name) for name in servers.users[PEOPLE : PEOPLE + people]))
    assert waits, f"nobody could sign in: {reasons(refused)}"
    return SignedIn(waits, refused)


def reasons(refused: Counter[str]) -> str:
    which = ", ".join(f"{count} {reason}" for reason, count in refused.most_common())
    return f"{sum(refused.values())} refused" + (which and f" ({which})")


async def sign_ins(pace: Pace) -> list[Row]:
    """Those who sign in do not send: each new session of theirs ends an old one."""
    with Servers(Data(PEOPLE + SCHOOL, passwords=True)) as servers:
        send = sender(servers.launched(), servers.stub(), servers.users[:PEOPLE])
        alone = await sign_in(servers, CLASS)
        quiet, busy, beside = [], [], []
        for _ in range(pace.rounds):
            quiet.append((await hammer(send, IN_FLIGHT, pace.seconds)).per_second)
            signing = asyncio.create_task(sign_in(servers, CLASS))
            busy.append((await hammer(send, IN_FLIGHT, pace.seconds)).per_second)
            beside.append(await signing)
        school = await sign_in(servers, SCHOOL)
        refused = sum((one.refused for one in beside), Counter[str]())
        return [
            Row(f"a class of {CLASS} signs in at once", "all", alone.text),
            Row(f"a school of {SCHOOL} signs in at once", "all", school.text),
            Row(
                f"sends/s while a class of {CLASS} signs in, of those without",
                "at least 0.8",
                f"{ratio(busy, quiet).text(2)}: {Spread.of(busy).text()} of"
                f" {Spread.of(quiet).text()}; {reasons(refused)}",
            ),
        ]
