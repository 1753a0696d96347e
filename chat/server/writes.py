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
        # By the identity of the operation object, which the replica hands back.
        self._in_hand: dict[int, _Write] = {}
        # In the order in which they came; those whose caller has been told may still be in it. One
        # look at its head, now and then, costs less than a timer for each.
        self._waiting: deque[_Write] = deque()
        # Those that are in no batch yet, by user; the user whose turn it is comes first.
        self._proposed: dict[str, deque[_Write]] = {}
        self._bytes = 0
        self._user_writes: Counter[str] = Counter()
        self._user_bytes: Counter[str] = Counter()
        # The last operation of the batch on its way; the next batch gathers until it is done.
        self._gate: Operation | None = None

    def take(self, operation: Operation, now: float) -> asyncio.Future[Outcome]:
        """What it comes to; Busy where there is too much in hand already."""
        user, size = operation.author, record_bytes(operation)
        if (
            self._user_writes[user] >= limits.WRITES_PENDING_PER_USER_MAX
            or self._user_bytes[user] + size > limits.WRITES_PENDING_BYTES_PER_USER_MAX
        ):
            raise Busy("Too many writes of this user are in hand; try again.")
        full = self._bytes + size > limits.WRITES_PENDING_BYTES_MAX
        if full or len(self._in_hand) >= limits.WRITES_PENDING_MAX:
            raise Busy("The server has too many writes in hand; try again.")
        write = _Write(operation, user, size, self._loop.create_future(), now)
        self._in_hand[id(operation)] = write
        self._waiting.append(write)
        self._proposed.setdefault(user, deque()).append(write)
        self._bytes += size
        self._user_writes[user] += 1
        self._user_bytes[user] += size
        return write.outcome

    @property
    def batch_is_due(self) -> bool:
        return self._gate is None and bool(self._proposed)

    def next_batch(self) -> list[Operation]:
        """What has gathered, as far as it is quickly on a disk: one write of each user in
        turn, and each user's own in order. So nobody waits for all that another has written."""
        batch: list[Operation] = []
        size = 0
        while self._proposed:
            user = next(iter(self._proposed))
            own = self._proposed[user]
            size += own[0].size
            if batch and size > limits.WRITE_BATCH_BYTES_MAX:
                break
            batch.append(own.popleft().operation)
            del self._proposed[user]
            if own:
                self._proposed[user] = own  # behind the others
        self._gate = batch[-1] if batch else None
        return batch

    def applied(self, operation: Operation, outcome: Outcome) -> bool:
        """Whether the next batch is due now."""
        write = self._remove(operation)
        if write is not None and not write.outcome.done():
            write.outcome.set_result(outcome)
        if operation is not self._gate:
            return False
        self._gate = None
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
        self._gate = None
        self._proposed.clear()
        for write in tuple(self._in_hand.values()):
            self._remove(write.operation)
            if not write.outcome.done():
                write.outcome.set_exception(error)

    def _remove(self, operation: Operation) -> _Write | None:
        write = self._in_hand.pop(id(operation), None)
        if write is not None:
            self._bytes -= write.size
            self._user_bytes[write.user] -= write.size
            self._user_writes[write.user] -= 1
            if not self._user_writes[write.user]:
                del self._user_writes[write.user], self._user_bytes[write.user]
        return write
