"""Load on a server from one process: so many callers at once, each with one call in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Call = Callable[[], Awaitable[object]]


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
    """Calls as fast as answers come; the first `warm_up_s` do not count."""
    latencies: list[float] = []
    begin = time.perf_counter() + warm_up_s
    end = begin + seconds

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            await call()
            finished = time.perf_counter()
            if started >= begin and finished <= end:
                latencies.append(finished - started)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return Measured(seconds, sorted(latencies))


async def paced(call: Call, per_second: float, seconds: float) -> Measured:
    """Calls at a steady pace, whether or not the ones before were answered: a stall shows in
    the latency of every call that was due meanwhile."""
    latencies: list[float] = []
    begin = time.perf_counter()

    async def one(due: float) -> None:
        await call()
        latencies.append(time.perf_counter() - due)

    tasks = []
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return Measured(time.perf_counter() - begin, sorted(latencies))
