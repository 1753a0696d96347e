"""Calls in hand: how many there may be, of whom, and for how long. Runs on the loop's thread.

A call is in hand from its first byte until its answer was taken, or it is known that nobody
takes it: who gives nothing to read and who takes nothing holds memory here all the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from grpc import aio

from chat.core import limits
from chat.core.errors import Busy, Invalid
from chat.server.callers import Remote, remote_of


class Shares:
    """So many of one thing at a time: `most` in all, `each` for one owner. Nobody is kept of
    whom there is none."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def take(self, owner: str) -> None:
        """Busy where the owner, or all together, have as many as there may be."""
        if not self._room(owner):
            raise Busy("You have too many calls in hand; try again.")
        self._hold(owner)

    async def turn(self, owner: str) -> None:
        """Takes one as soon as the owner has one left; Busy where others have them all."""
        try:
            while not self._room(owner):
                await self._next_turn(owner)
        except BaseException:
            self._wake(owner)  # the turn that this one had, and did not use
            raise
        self._hold(owner)

    async def _next_turn(self, owner: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(owner, deque())
        queue.append(turn)
        try:
            await turn
        finally:
            queue.remove(turn)
            if not queue:
                del self._waiting[owner]

    def _room(self, owner: str) -> bool:
        if self._count >= self._most:
            raise Busy("The server has too many calls in hand; try again.")
        return self._held.get(owner, 0) < self._each

    def _hold(self, owner: str) -> None:
        self._held[owner] = self._held.get(owner, 0) + 1
        self._count += 1

    def give_back(self, owner: str) -> None:
        left = self._held[owner] - 1
        self._count -= 1
        if left:
            self._held[owner] = left
        else:
            del self._held[owner]
        self._wake(owner)

    def _wake(self, owner: str) -> None:
        for turn in self._waiting.get(owner, ()):
            if not turn.done():
                turn.set_result(None)
                return


class TooLate(Exception):
    """The rest of a request did not come in time."""


class _Phase(Enum):
    REQUEST = auto()  # not all of it has come
    WORK = auto()
    ANSWER = auto()  # all of it is gRPC's; the caller has not taken all of it


class Call:
    """One call in hand. `owner` is the user or, of a stranger, the address."""

    __slots__ = ("_context", "_held", "_late", "_phase", "_since", "_table", "_task", "owner")

    def __init__(self, table: CallsInHand, context: Any, owner: str, share: Shares | None) -> None:
        self.owner = owner
        self._table = table
        self._context = context
        self._task = asyncio.current_task()
        self._held: list[Shares] = []
        self._late = False
        self._enter(_Phase.REQUEST)
        if share is not None:
            share.take(owner)
            self._held.append(share)

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._table.now()

    async def request(self, reads: Shares) -> Any:
        """All of the request. So many of an owner's calls at a time as `reads` says are read:
        a large one that never ends is held by gRPC as far as it has come."""
        try:
            await reads.turn(self.owner)
            try:
                request = await self._context.read()
            finally:
                reads.give_back(self.owner)
        except asyncio.CancelledError:
            self.raise_if_late()
            raise
        if isinstance(request, Invalid):
            raise request
        if request is aio.EOF:
            raise Invalid("request", "The call has no request.")
        self._enter(_Phase.WORK)
        return request

    def raise_if_late(self) -> None:
        """TooLate where the call was cancelled because its request does not end."""
        if self._late:
            raise TooLate from None

    async def take(self, shares: Shares) -> None:
        """One share more, as soon as the owner has one left, until the answer was taken."""
        await shares.turn(self.owner)
        self._held.append(shares)

    def give_back(self) -> None:
        """It counts no more: what it waits for has a bound of its own."""
        for shares in self._held:
            shares.give_back(self.owner)
        self._held.clear()

    def answered(self) -> None:
        self._enter(_Phase.ANSWER)

    def over(self, _context: Any) -> None:
        """gRPC holds nothing of it any more."""
        self.give_back()
        self._table.forget(self)

    def overdue(self, now: float) -> Remote | None:
        """Ends what takes too long: a request that does not end. An answer that is not taken
        can be ended only with its connection: the result is where that comes from."""
        age_s = now - self._since
        if self._phase is _Phase.REQUEST and age_s > limits.REQUEST_TIMEOUT_S:
            self._late = True
            assert self._task is not None
            self._task.cancel()
        elif self._phase is _Phase.ANSWER and age_s > limits.ANSWER_TIMEOUT_S:
            return remote_of(self._context.peer())
        return None


class CallsInHand:
    """All of them. `end_connections` ends those from these hosts and ports."""

    def __init__(self, end_connections: Callable[[frozenset[Remote]], object]) -> None:
        self._end_connections = end_connections
        self._calls: set[Call] = set()
        self.now = asyncio.get_running_loop().time

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, context: Any, owner: str, share: Shares | None = None) -> Call:
        """A call of the current task, which counts as one of `share` until it is over; Busy
        where there are too many."""
        call = Call(self, context, owner, share)
        self._calls.add(call)
        context.add_done_callback(call.over)
        return call

    def forget(self, call: Call) -> None:
        self._calls.discard(call)

    def sweep(self) -> None:
        """To be called about once a second."""
        now = self.now()
        found = [call.overdue(now) for call in tuple(self._calls)]
        stuck = frozenset(remote for remote in found if remote is not None)
        if stuck:
            self._end_connections(stuck)
