"""Writes: what callers wait for, in the order in which it is proposed, and how much it may be.

Belongs to the event loop. A write counts from the call until it is applied or lost, whether
or not the caller still waits: who gives up has not made room.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass

from chat.core import limits
from chat.core.errors import Busy, ChatError, NoQuorum
from chat.core.files.journal import record_bytes
from chat.core.state.model import Outcome
from chat.core.state.operations import Operation


@dataclass(slots=True)  # frozen would cost each send half a microsecond
class _Write:
    operation: Operation
    user: str
    size: int  # in the journal, where text may be twice as long as on the wire
    outcome: asyncio.Future[Outcome]
    since: float  # seconds, monotonic


class Writes:
    """Bounded in writes and in bytes, for each user and in all."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Those that were proposed, by ticket: a number that the replica hands back with the entry.
        self._proposed: dict[int, _Write] = {}
        self._last_ticket = 0
        # In the order in which they came; those whose caller has been told may still be in it. One
        # look at its head, now and then, costs less than a timer for each.
        self._waiting: deque[_Write] = deque()
        # Those that are in no batch yet, by user; the user whose turn it is comes first.
        self._gathered: dict[str, deque[_Write]] = {}
        self._number = self._bytes = 0  # in hand, gathered or proposed
        self._user_writes: Counter[str] = Counter()
        self._user_bytes: Counter[str] = Counter()
        # The last ticket of the batch on its way (0 = none is); the next batch gathers until it
        # is done.
        self._gate = 0

    def take(self, operation: Operation, now: float) -> asyncio.Future[Outcome]:
        """What it comes to; Busy where there is too much in hand already."""
        user, size = operation.author, record_bytes(operation)
        if (
            self._user_writes[user] >= limits.WRITES_PENDING_PER_USER_MAX
            or self._user_bytes[user] + size > limits.WRITES_PENDING_BYTES_PER_USER_MAX
        ):
            raise Busy("Too many writes of this user are in hand; try again.")
        full = self._bytes + size > limits.WRITES_PENDING_BYTES_MAX
        if full or self._number >= limits.WRITES_PENDING_MAX:
            raise Busy("The server has too many writes in hand; try again.")
        write = _Write(operation, user, size, self._loop.create_future(), now)
        self._waiting.append(write)
        self._gathered.setdefault(user, deque()).append(write)
        self._number += 1
        self._bytes += size
        self._user_writes[user] += 1
        self._user_bytes[user] += size
        return write.outcome

    @property
    def in_hand(self) -> int:
        return self._number

    @property
    def batch_is_due(self) -> bool:
        return not self._gate and bool(self._gathered)

    def next_batch(self) -> tuple[list[Operation], int]:
        """What has gathered, as far as it is quickly on a disk, and the ticket of the first: one
        write of each user in turn, and each user's own in order. So nobody waits for all that
        another has written."""
        batch: list[Operation] = []
        first, size = self._last_ticket + 1, 0
        while self._gathered:
            user = next(iter(self._gathered))
            own = self._gathered[user]
            size += own[0].size
            if batch and size > limits.WRITE_BATCH_BYTES_MAX:
                break
            write = own.popleft()
            batch.append(write.operation)
            self._last_ticket += 1
            self._proposed[self._last_ticket] = write
            del self._gathered[user]
            if own:
                self._gathered[user] = own  # behind the others
        self._gate = self._last_ticket if batch else 0
        return batch, first

    def applied(self, ticket: int, outcome: Outcome) -> bool:
        """Whether the next batch is due now. `ticket` is that of the entry that was applied."""
        write = self._proposed.pop(ticket, None)
        if write is not None:
            self._count_out(write)
            if not write.outcome.done():
                write.outcome.set_result(outcome)
        if not ticket or ticket != self._gate:
            return False
        self._gate = 0
        return self.batch_is_due

    def tell_late(self, now: float) -> None:
        """NoQuorum for those that have waited for WRITE_TIMEOUT_S. To be called about as often as
        servers hear of each other."""
        waiting = self._waiting
        while waiting and (
            waiting[0].outcome.done() or now - waiting[0].since >= limits.WRITE_TIMEOUT_S
        ):
            outcome = waiting.popleft().outcome
            if not outcome.done():
                outcome.set_exception(
                    NoQuorum("The servers did not confirm the write in time; try again.")
                )

    def lose_all(self, error: ChatError) -> None:
        """Nothing is known of what becomes of them."""
        lost = [*self._proposed.values(), *(w for own in self._gathered.values() for w in own)]
        self._gate = 0
        self._proposed.clear()
        self._gathered.clear()
        for write in lost:
            self._count_out(write)
            if not write.outcome.done():
                write.outcome.set_exception(error)

    def _count_out(self, write: _Write) -> None:
        self._number -= 1
        self._bytes -= write.size
        self._user_bytes[write.user] -= write.size
        self._user_writes[write.user] -= 1
        if not self._user_writes[write.user]:
            del self._user_writes[write.user], self._user_bytes[write.user]
