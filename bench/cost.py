"""What a send costs beside another revision: `python -m bench cost --ref REF`.

Processor time is hardly moved by what else a machine does, where a rate says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare import tree_of
from bench.load import Call, Pace, hammer, repeat
from bench.process import spent_s
from bench.row import Row
from bench.sending import PEOPLE, sender
from bench.servers import Data, Servers
from bench.spread import Spread, ratio

IN_FLIGHT = (64, 16, 1)
# Before each round: so many calls and no time, because a busy computer answers none in a moment.
_WARM_UP_CALLS = 128
PARTS = ("all servers", "leader", "a backup", "client")


@dataclass(frozen=True, slots=True)
class _Side:
    """One cluster, and what sends to it."""

    send: Call
    leader: int  # process id
    backups: tuple[int, ...]

    @classmethod
    def of(cls, servers: Servers) -> _Side:
        leader = servers.launched().wait_for_leader()
        backups = tuple(servers.pid(one) for one in servers.addresses if one != leader)
        return cls(sender(servers, servers.stub()), servers.pid(leader), backups)

    def spent_s(self) -> tuple[float, ...]:
        """By PARTS."""
        leader, backups = spent_s(self.leader), sum(map(spent_s, self.backups))
        return leader + backups, leader, backups / len(self.backups), time.process_time()

    async def round(self, in_flight: int, seconds: float) -> list[float]:
        """Microseconds a send, by PARTS; also of those that are answered after the round."""
        done = 0

        async def send() -> None:
            nonlocal done
            await self.send()
            done += 1

        await repeat(self.send, in_flight, _WARM_UP_CALLS)
        before = self.spent_s()
        await hammer(send, in_flight, seconds, warm_up_s=0.0)
        spent = zip(before, self.spent_s(), strict=True)
        return [1e6 * (new - old) / done for old, new in spent]


async def cost(pace: Pace, ref: str) -> list[Row]:
    """In turn, so that a busy minute hits both."""
    with (
        tree_of(ref) as tree,
        Servers(Data(PEOPLE, tree=tree)) as before,
        Servers(Data(PEOPLE)) as now,
    ):
        sides = [_Side.of(before), _Side.of(now)]
        return [row for count in IN_FLIGHT for row in await _beside(sides, count, pace, ref)]


async def _beside(sides: Sequence[_Side], in_flight: int, pace: Pace, ref: str) -> list[Row]:
    rounds = [
        [await side.round(in_flight, pace.seconds) for side in sides] for _ in range(pace.rounds)
    ]
    old, new = (list(zip(*side, strict=True)) for side in zip(*rounds, strict=True))
    return [
        Row(
            f"processor time a send, {in_flight} in flight: {part}, of that of {ref}",
            "–",
            f"{ratio(now, before).text(2)}: {Spread.of(now).text()} of"
            f" {Spread.of(before).text()} µs",
        )
        for part, before, now in zip(PARTS, old, new, strict=True)
    ]
