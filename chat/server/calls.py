"""Calls in hand: how many there may be, of whom, and for how long. Runs on the loop's thread.

A call is in hand from its first byte until its answer was taken, or it is known that nobody
takes it: who gives nothing to read and who takes nothing holds memory here all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from math import ceil
from typing import Any

from grpc import aio

from chat.core import limits
from chat.core.errors import Busy, Invalid, Throttled
from chat.server.callers import Remote, remote_of
from chat.server.excess import Excess

_log = logging.getLogger(__name__)


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
    """One call in hand. `owner` is the user or, of a stranger, the address; `caller` is the
    user or the stranger's connection."""

    __slots__ = (
        "_held",
        "_late",
        "_phase",
        "_since",
        "_table",
        "_task",
        "caller",
        "context",
        "owner",
    )

    def __init__(
        self, table: CallsInHand, context: Any, owner: str, caller: str, share: Shares
    ) -> None:
        self.owner, self.caller = owner, caller
        self._table = table
        self.context = context
        self._task = asyncio.current_task()
        self._late = False
        self._enter(_Phase.REQUEST)
        share.take(owner)
        self._held = [share]

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._table.now()

    async def request(self, reads: Shares) -> Any:
        """All of the request. So many of an owner's calls at a time as `reads` says are read:
        a large one that never ends is held by gRPC as far as it has come."""
        try:
            await reads.turn(self.owner)
            try:
                request = await self.context.read()
            finally:
                reads.give_back(self.owner)
        except asyncio.CancelledError:
            self.raise_if_late()
            raise
        if isinstance(request, Invalid):
            raise request
        if request is aio.EOF:
            self.given_up()
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

    def given_up(self) -> None:
        """Nobody waits for the answer."""
        self._table.given_up(self.caller, self.context)

    def answered(self) -> None:
        self._enter(_Phase.ANSWER)

    def over(self, _context: Any) -> None:
        """gRPC holds nothing of it any more."""
        self.give_back()
        self._table.forget(self)

    def is_late(self, now: float) -> bool:
        """Its request does not come to an end, and it was not ended yet."""
        waits = self._phase is _Phase.REQUEST and not self._late
        return waits and now - self._since > limits.REQUEST_TIMEOUT_S

    def is_left(self, now: float) -> bool:
        """Its answer is not taken. It can be ended only with its connection."""
        return self._phase is _Phase.ANSWER and now - self._since > limits.ANSWER_TIMEOUT_S

    def end_late(self) -> None:
        self._late = True
        assert self._task is not None
        self._task.cancel()


class CallsInHand:
    """All of them. `end_connections` ends those from these hosts and ports."""

    def __init__(self, end_connections: Callable[[frozenset[Remote]], object]) -> None:
        self._end_connections = end_connections
        self._calls: set[Call] = set()
        self._excess = Excess()
        self._ending: set[Remote] = set()
        self._more_are_late = False
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, context: Any, owner: str, share: Shares, caller: str = "") -> Call:
        """A call of the current task, which counts as one of `share` until it is over. Busy
        where there are too many; Throttled for a caller (who may be another than the owner)
        that is shut out."""
        wait_s = self._excess.wait_s(caller or owner, self.now())
        if wait_s:
            if not self._end_soon(context):
                # It has been told. To refuse each of the rest would keep everybody else waiting for
                # longer than what it gave up; they end with the connection.
                raise asyncio.CancelledError
            raise Throttled(
                "You make too many calls that lead to nothing; try again later.",
                ceil(wait_s * 1000),
            )
        try:
            call = Call(self, context, owner, caller or owner, share)
        except Busy:
            self.given_up(caller or owner, context)  # it goes on calling all the same
            raise
        self._calls.add(call)
        context.add_done_callback(call.over)
        return call

    def given_up(self, caller: str, context: Any) -> None:
        """A call that was given up by its caller, or refused because there are too many."""
        if self._excess.give_up(caller, self.now()):
            _log.warning(
                "a client at %s gave up, or was refused, %d calls within %d s: it is shut out for "
                "%d s",
                remote_of(context.peer())[0],
                limits.GIVEN_UP_MAX,
                limits.GIVEN_UP_WINDOW_S,
                limits.SHUT_OUT_S,
            )
            self._end_soon(context)

    def _end_soon(self, context: Any) -> bool:
        """Its connection; all that are to be ended at one time, because each costs a search.
        False where it was to be ended already."""
        if not self._ending:
            self._loop.call_later(limits.CONNECTIONS_ENDED_EVERY_S, self._end)
        remote = remote_of(context.peer())
        if remote in self._ending:
            return False
        self._ending.add(remote)
        return True

    def _end(self) -> None:
        ending, self._ending = frozenset(self._ending), set()
        self._end_connections(ending)

    def forget(self, call: Call) -> None:
        self._calls.discard(call)

    def sweep(self) -> None:
        """To be called about once a second."""
        now = self.now()
        for call in self._calls:
            if call.is_left(now):
                self._end_soon(call.context)
        if not self._more_are_late:
            self._end_late()

    def _end_late(self) -> None:
        """A few at a time: somebody may have begun a thousand at the same moment, and what it
        takes to answer them all would keep others waiting."""
        now = self.now()
        late = [call for call in self._calls if call.is_late(now)]
        for call in late[: limits.LATE_CALLS_ENDED_MAX]:
            call.end_late()
        self._more_are_late = len(late) > limits.LATE_CALLS_ENDED_MAX
        if self._more_are_late:
            self._loop.call_later(limits.LATE_CALLS_ENDED_EVERY_S, self._end_late)
