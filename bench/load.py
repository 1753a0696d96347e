"""Load on a server from one process: so many callers at once, each with one call in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each round of a measurement lasts, and how many there are."""

    seconds: float = 2.0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """`latencies_s` of every call, sorted."""

    seconds: float
    latencies_s: list[float]

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.seconds

    def quantile_ms(self, share: float) -> float:
        place = min(int(share * len(self.latencies_s)), len(self.latencies_s) - 1)
        return 1000 * self.latencies_s[place]


async def hammer(call: Call, in_flight: int, seconds: float, warm_up_s: float = 0.3) -> Measured:
    """Calls as fast as answers come; those answered in the first `warm_up_s` do not count."""
    latencies: list[float] = []
    begin = time.perf_counter() + warm_up_s
    end = begin + seconds

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            await call()
            finished = time.perf_counter()
            if begin <= finished <= end:
                latencies.append(finished - started)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    assert latencies, "not one call was answered in a whole round"
    return Measured(seconds, sorted(latencies))


async def repeat(call: Call, in_flight: int, count: int) -> None:
    """`count` calls as fast as answers come, however long that takes."""
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def in_turn(calls: Sequence[Call], in_flight: int, pace: Pace) -> list[list[Measured]]:
    """The rounds of each call, interleaved, so that a noisy minute hits them all."""
    each: list[list[Measured]] = [[] for _ in calls]
    for _ in range(pace.rounds):
        for rounds, call in zip(each, calls, strict=True):
            rounds.append(await hammer(call, in_flight, pace.seconds))
    return each


def rates(rounds: Sequence[Measured]) -> list[float]:
    return [measured.per_second for measured in rounds]


def medians_ms(rounds: Sequence[Measured]) -> list[float]:
    return [measured.quantile_ms(0.5) for measured in rounds]


async def paced(
    call: Call, per_second: float, seconds: float, over: Callable[[], bool] = lambda: False
) -> Measured:
    """Calls at a steady pace, whether or not the ones before were answered: a stall shows in
    the latency of every call that was due meanwhile. Ends early once it is `over`."""
    latencies: list[float] = []
    begin = time.perf_counter()

    async def one(due: float) -> None:
        await call()
        latencies.append(time.perf_counter() - due)

    tasks = []
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if over():
            break
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return Measured(time.perf_counter() - begin, sorted(latencies))
